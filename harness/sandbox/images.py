"""Images of podman and docker, through their command lines: which are there, building them, and what is in them."""

import functools
import io
import itertools
import os
import re
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

from harness.core import BoxError, Environment, digest_folder, visible
from harness.sandbox.archives import Members, unpack_own
from harness.sandbox.cgroups import MOUNT

PATIENCE_S = 120.0  # for one call of the runtime that makes or ends a container
BUILD_S = 1_800.0
BUILT = "ownbench-built"  # what images of Dockerfiles are called; their tags are digests of the folders
LARGEST_WORK = 1 << 30  # bytes of an image's work folder
_NUMBERS = itertools.count()
_NOT_THERE = re.compile(r"could not (be found|find)|no such file|no such path", re.IGNORECASE)


def image_for(kind: str, environment: Environment, *, build: bool = True) -> Environment:
    """The environment with an image that is there; a Dockerfile is built, once for each state of its folder.

    Without ``build`` a Dockerfile that is not built yet stays one. Nothing is pulled, and a build has no network.
    Raises BoxError.
    """
    with _BUILDING:  # who comes second finds it built
        wanted = _built_image(environment) if environment.dockerfile else environment
        if not _has_image(kind, wanted.image):
            if not environment.dockerfile:
                problem = f"{kind} has no image {visible(environment.image)!r}, and none is pulled"
                raise BoxError(f"{problem}; run {kind} pull first, or correct the name")
            if not build:
                return environment
            seconds = min(BUILD_S, environment.build_timeout_s or BUILD_S)
            _build(kind, Path(environment.dockerfile), wanted.image, seconds)
        return wanted


_BUILDING = threading.Lock()


@functools.cache
def _built_image(environment: Environment) -> Environment:
    """What a Dockerfile's image is called. Looked at once: what a run is compared on does not change under it."""
    folder = Path(environment.dockerfile)
    if not (folder / "Dockerfile").is_file():
        raise BoxError(f"{folder}: no Dockerfile in it")
    image = f"{BUILT}:{digest_folder(folder).removeprefix('sha256:')[:32]}"
    return replace(environment, image=image, dockerfile="")


_FOUND = dict[tuple[str, str], str]()  # images that were there, and the WORKDIR of each


def _has_image(kind: str, image: str) -> bool:
    """Whether it is there. Raises BoxError: the runtime is not, or does not answer."""
    if (kind, image) not in _FOUND:
        try:
            told = call(kind, "image", "inspect", "-f", "{{.Config.WorkingDir}}", image)
        except BoxError as error:
            if "installed" in str(error) or "answer" in str(error):
                raise
            return False
        _FOUND[kind, image] = told
    return True


def _build(kind: str, folder: Path, image: str, seconds: float) -> None:
    arguments = ["--network", "none", *(["--pull=never"] if kind == "podman" else ["--pull=false"])]
    file = folder / "Dockerfile"
    try:
        call(kind, "build", *arguments, "-t", image, "-f", str(file), str(folder), seconds=seconds)
    except BoxError as error:
        raise BoxError(
            f"{file} cannot be built without a network: {error}; correct it, or build and name the image"
        ) from None


def is_built(image: str) -> bool:
    """Whether it is one that a Dockerfile was built to."""
    return image.startswith(f"{BUILT}:")


def workdir_in(kind: str, image: str) -> str:
    """The WORKDIR of an image that was found to be there; empty: it has none."""
    return _FOUND.get((kind, image), "")


_READING = threading.Lock()


def work_of(kind: str, image: str, folder: str) -> Members | None:
    """What an image has in a folder, read once and not run; ``None``: no such folder. Raises BoxError."""
    with _READING:
        return _work_of(kind, image, folder)


@functools.lru_cache(maxsize=8)
def _work_of(kind: str, image: str, folder: str) -> Members | None:
    name = f"ownbench-{os.getpid()}-image{next(_NUMBERS)}"
    call(kind, "create", "--name", name, "--network", "none", "--pull=never", "--entrypoint", "", image, "true")
    try:
        with subprocess.Popen(
            [*program_of(kind), "cp", f"{name}:{folder}", "-"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, start_new_session=True,
        ) as copying:  # fmt: skip
            archive = (copying.stdout or io.BytesIO()).read(LARGEST_WORK + 1)
            if len(archive) > LARGEST_WORK:
                copying.kill()
                raise BoxError(f"{image} has more than {LARGEST_WORK >> 20} MB in its work folder {folder}")
            said = (copying.stderr or io.BytesIO()).read(10_000).decode("utf-8", "replace").strip()
        if copying.returncode and _NOT_THERE.search(said):
            return None
        if copying.returncode:
            raise BoxError(f"{kind} cp: {visible((said.splitlines() or ['it failed'])[-1])[:300]}")
        return unpack_own(archive)
    finally:
        call(kind, "rm", "-f", name)


def call(kind: str, *arguments: str, seconds: float = PATIENCE_S, cwd: Path | None = None) -> str:
    """What the runtime answers. Raises BoxError: it is not installed, says no, or does not answer."""
    try:
        done = subprocess.run(
            [*program_of(kind), *arguments], capture_output=True, text=True, errors="replace", timeout=seconds,
            stdin=subprocess.DEVNULL, start_new_session=True, check=False, cwd=cwd,
        )  # fmt: skip
    except FileNotFoundError:
        raise BoxError(f"{kind} is not installed") from None
    except OSError as error:  # no more processes, files or memory for now
        raise BoxError(f"{kind} {arguments[0]}: {error.strerror}") from None
    except subprocess.TimeoutExpired:
        raise BoxError(f"{kind} {arguments[0]} did not answer within {seconds:g} s") from None
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        raise BoxError(f"{kind} {arguments[0]}: {visible(lines[-1])[:300]}")
    return done.stdout.strip()


def program_of(kind: str) -> list[str]:
    """The words that a command line of the runtime begins with."""
    # crun, podman's first choice, refuses a machine with both versions of cgroups
    old = kind == "podman" and not (MOUNT / "cgroup.controllers").exists() and shutil.which("runc")
    return [kind, "--runtime", "runc"] if old else [kind]
