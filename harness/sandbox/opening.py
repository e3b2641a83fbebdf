"""Which boxes this machine can make, and making one: never unsandboxed, and every refusal in one line."""

import asyncio
import functools
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar
from weakref import WeakSet

from harness.core import WORK, Box, BoxError, Environment, Image, Limits, Task, visible
from harness.sandbox.bubblewrap import BubblewrapBox
from harness.sandbox.commands import StartError
from harness.sandbox.containers import ContainerBox, enforces
from harness.sandbox.images import image_for, workdir_in
from harness.sandbox.options import SandboxOptions

CONTAINERS = ("podman", "docker")
PAUSES_S = (0.5, 2.0)  # before a box is tried again that could not be started
T = TypeVar("T")
_THREADS = ThreadPoolExecutor(256, "box")
_MADE: WeakSet[BubblewrapBox | ContainerBox] = WeakSet()
_LOCK = threading.Lock()  # of what was made


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What one backend can do on this machine."""

    usable: bool
    problem: str = ""  # why not, in one line
    limits: Mapping[str, str] = field(default_factory=dict)  # by limit: how it is enforced


@functools.cache
def probe(backend: str) -> Probe:
    """Tries the backend once; of bubblewrap a box is made. What each limit rests on is told with it."""
    if backend != "bubblewrap":
        problem = enforces(backend)
        how = {"memory": "cgroup, read back", "processes": "cgroup, read back", "cpus": "cgroup"}
        return Probe(usable=not problem, problem=problem, limits={} if problem else how | _ALWAYS)
    box = BubblewrapBox(Limits(memory_mb=256, disk_mb=16, seconds=20))
    try:
        with box.start():
            done = box.run(["true"])
            if done.code != 0:
                return Probe(usable=False, problem=f"a command did not run: {done.cause or visible(done.err.decode())}")
            measured = "rlimit for each process, their sum measured every 0.1 s (no writable cgroup)"
            how = {"memory": "cgroup", "processes": "cgroup", "cpus": "cgroup"} if box.capped else {
                "memory": measured, "processes": "rlimit", "cpus": "not enforced (no writable cgroup)"}  # fmt: skip
    except (BoxError, OSError) as error:
        return Probe(usable=False, problem=str(error))
    return Probe(usable=True, limits=how | _ALWAYS)


_ALWAYS = {"disk": "tmpfs", "files": "counted every 0.1 s", "time": "killed", "output": "cut, then killed"}


def probe_all() -> dict[str, Probe]:
    """Of every backend."""
    return {backend: probe(backend) for backend in ("bubblewrap", *CONTAINERS)}


def choose_backend(options: SandboxOptions, environment: Environment) -> str:
    """The backend that will make such boxes. Raises BoxError: there is none; the text says what is the matter."""
    imaged = bool(environment.image or environment.dockerfile)
    if not imaged and options.backend in CONTAINERS:
        raise BoxError(f"sandbox.backend {options.backend} needs an environment with an image or a dockerfile")
    if imaged and options.backend == "bubblewrap":
        raise BoxError("bubblewrap has no images: write sandbox.backend podman or docker, or environment host")
    asked = (CONTAINERS if imaged else ("bubblewrap",)) if options.backend == "auto" else (options.backend,)
    problems = []
    for backend in asked:
        if (found := probe(backend)).usable:
            return backend
        problems.append(found.problem if backend in found.problem else f"{backend}: {found.problem}")
    raise BoxError(f"no sandbox on this machine: {'; '.join(problems)}; commands never run without one")


def prepare(options: SandboxOptions, environment: Environment, *, build: bool = True) -> tuple[str, Environment]:
    """The backend, and the environment with its image built; without ``build`` a Dockerfile may still be to be built.

    Raises BoxError, before anything is spent: the text names what was asked for, what is the matter, and what to do.
    """
    backend = choose_backend(options, environment)
    if backend == "bubblewrap" and environment.workdir.split("/")[1] in _OF_THIS_MACHINE:
        problem = (
            f"a box of bubblewrap cannot have the work folder {environment.workdir}, in this machine's own folders"
        )
        raise BoxError(f"{problem}; use an image, or name another workdir")
    imaged = environment.image or environment.dockerfile
    return backend, image_for(backend, environment, build=build) if imaged else environment


_OF_THIS_MACHINE = {"usr", "bin", "sbin", "lib", "lib32", "lib64"}


def environment_of(task: Task) -> Environment:
    """What the boxes of a task are made from."""
    told = task.environment
    return Environment(
        image=str(told.get("image") or ""),
        dockerfile=task.dockerfile,
        env=tuple(sorted(told.get("env", {}).items())),
        workdir=task.workdir,
        **{key: told.get(key) for key in ("build_timeout_s", *ASKED)},
    )


ASKED = (
    "memory_mb",
    "cpus",
    "disk_mb",
)  # limits that a task may ask for, by their names in an environment and of `Limits`


def unmet(limits: Limits, environments: Iterable[Environment], backend: str) -> Iterator[str]:
    """What environments ask for and boxes of these limits do not have, or do not hold to, in a few words each."""
    wanted = [*environments]
    for key in ASKED:
        asked = [value for one in wanted if (value := getattr(one, key)) is not None]
        if (most := max(asked, default=0)) > (given := getattr(limits, key)):
            yield f"{key} {most:g} (sandbox.{key} is {given:g})"
        elif asked and (how := probe(backend).limits.get(key, "")).startswith("not enforced"):
            yield f"{key} {most:g} ({how})"


def elsewhere(backend: str, environment: Environment) -> str:
    """The WORKDIR of an image where that is another than the work folder and nothing was said; else empty."""
    found = workdir_in(backend, environment.image) if environment.image else ""
    return found if environment.workdir == WORK and found not in {"", "/", WORK} else ""


def bounded(limits: Limits, environment: Environment) -> Limits:
    """The limits of a box: what its environment asks for, and no more than ``limits``."""
    asked = {key: value for key in ASKED if (value := getattr(environment, key)) is not None}
    return replace(limits, **{key: min(value, getattr(limits, key)) for key, value in asked.items()})


def open_box(
    options: SandboxOptions,
    environment: Environment | Image | None = None,
    *,
    mounts: Mapping[str, Path] | None = None,
    folders: Sequence[str] = (),
    limits: Limits | None = None,
) -> Box:
    """A box, started: of an environment (none: this machine's system folders), or of another box's snapshot.

    ``mounts`` are folders of this machine that it sees read-only, by their place in the box; it gets copies, without
    links. ``folders`` are more places to write to, each as large as that of temporary files. ``limits`` replace those
    of the options; what the environment asks for lowers them. One that does not start is tried three times. Raises
    BoxError.
    """
    image = environment if isinstance(environment, Image) else None
    wanted = environment.environment if isinstance(environment, Image) else environment or Environment()
    backend, wanted = prepare(options, wanted)
    given = bounded(limits or options.limits(), wanted)
    for pause in (*PAUSES_S, None):
        box: BubblewrapBox | ContainerBox
        if backend == "bubblewrap":
            box = BubblewrapBox(given, mounts=mounts, folders=folders, environment=wanted)
        else:
            box = ContainerBox(backend, given, wanted, mounts=mounts, folders=folders)
        with _LOCK:
            _MADE.add(box)
        try:
            box.start()
            break
        except StartError:
            if pause is None:
                raise
            time.sleep(pause)
    try:
        if image is not None:
            box.restore(image)
    except BaseException:
        box.close()
        raise
    return box


def boxes_open() -> int:
    """How many boxes of this process are."""
    with _LOCK:
        return sum(box.is_open for box in _MADE)


async def opened(options: SandboxOptions, environment: Environment | Image | None = None, **how: Any) -> Box:
    """`open_box` in a thread. Where nobody waits for it any more, the box is closed as soon as it is there."""
    making = _THREADS.submit(functools.partial(open_box, options, environment, **how))
    try:
        return await asyncio.wrap_future(making)
    except asyncio.CancelledError:
        making.add_done_callback(_closed)
        raise


def _closed(making: Future[Box]) -> None:
    if not making.cancelled() and making.exception() is None:
        making.result().close()


async def in_thread(call: Callable[..., T], *arguments: Any, **options: Any) -> T:
    """The value of a blocking call of a box, made in a thread of its own: a long command keeps nobody else waiting."""
    work = functools.partial(call, *arguments, **options)
    return await asyncio.get_running_loop().run_in_executor(_THREADS, work)
