"""The boxes of attempts: opened when something is first done in one, closed always, and what was made in them kept."""

import asyncio
import gzip
import io
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from harness.core import SKILLS, Box, BoxError, SkillFolder, Task, keeping, write_atomic
from harness.experiment import Assembled
from harness.run.stopping import own_time_held
from harness.sandbox import SandboxOptions

KEPT = "work"  # the folder of a report in which the work folders of its attempts are, by attempt
MOST_KEPT = 256 << 20  # bytes of a work folder
SPARE = 0.8  # share of the memory that is free when a run begins, which boxes may have together


def boxes_at_once(options: SandboxOptions, concurrency: int) -> int:
    """How many boxes may be open: as many as have their whole memory, at least one."""
    return max(1, min(concurrency, int(SPARE * free_mb() / options.memory_mb)))


def boxes_now() -> int:
    """How many boxes are open, graders' included; a run without boxes does without what makes them."""
    making = sys.modules.get("harness.sandbox.opening")
    return making.boxes_open() if making else 0


def free_mb() -> int:
    """Memory that this machine can give away."""
    try:
        lines = dict(line.split(":", 1) for line in Path("/proc/meminfo").read_text().splitlines())
        return int(lines["MemAvailable"].split()[0]) >> 10
    except (OSError, KeyError, ValueError):
        return (os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")) >> 20


@dataclass(eq=False)
class Workplace:
    """Where a contender, or a part of one, works."""

    skills: Mapping[str, SkillFolder] = field(default_factory=dict)
    read: set[str] = field(default_factory=set)  # skills that it has opened so far
    box: Box | None = None
    work: bytes | None = None  # the archive of its work folder, packed, once it has left

    @property
    def allowed_tools(self) -> Mapping[str, tuple[str, ...]]:
        """What the skills say that are open."""
        return {n: skill.allowed_tools for n, skill in sorted(self.skills.items()) if skill.is_open or n in self.read}


class Workplaces:
    """Those of one attempt, one within another: only the innermost is worked in."""

    def __init__(self, options: SandboxOptions, free: asyncio.Semaphore, task: Task, *, work_counts: bool) -> None:
        """``free`` are the boxes that may yet be opened; ``work_counts``: the task is graded by what lies in ``/w``."""
        self._options, self._free, self._task, self._work_counts = options, free, task, work_counts
        self._within = [Workplace()]
        self._holds = False  # one place of ``free``: boxes within boxes take no further one
        self._opening = asyncio.Lock()

    @property
    def here(self) -> Workplace:
        """The one that is worked in."""
        return self._within[-1]

    @asynccontextmanager
    async def entered(self, skills: Mapping[str, SkillFolder]) -> AsyncIterator[None]:
        """A new one, left at the end, whatever happens; what was made in it stands for a larger one without a box."""
        inner = Workplace(skills)
        async with AsyncExitStack() as leaving:
            self._within.append(inner)
            leaving.callback(self._within.remove, inner)
            leaving.push_async_callback(self._close, inner)
            yield
            if (outer := self._within[-2]).box is None:
                outer.work = await self._packed(inner)

    async def box(self) -> Box:
        """The box here. Raises BoxError: there is none."""
        from harness.sandbox import environment_of, in_thread, opened  # with all that makes boxes

        async with self._opening:
            if self.here.box is None:
                with own_time_held():  # what the machine takes is no time of the contender's
                    if not self._holds:
                        await self._free.acquire()
                        self._holds = True
                    mounts = {f"{SKILLS}/{skill.name}": skill.folder for skill in self.here.skills.values()}
                    try:
                        self.here.box = await opened(self._options, environment_of(self._task), mounts=mounts)
                        await in_thread(_put, self.here.box, self._task.files)
                    except BaseException:
                        await self._close(self.here)
                        raise
            return self.here.box

    async def made(self) -> bytes | None:
        """What lies in the work folder so far, packed; ``None`` where no box was opened. Raises BoxError."""
        return await self._packed(self._within[0])

    async def left(self) -> bytes | None:
        """The same, and leaves the outermost one."""
        outermost = self._within[0]
        try:
            return await self._packed(outermost)
        finally:
            await self.dropped()

    async def dropped(self) -> None:
        """Leaves the outermost one with nothing."""
        self._within[0].work = None
        await self._close(self._within[0])

    async def _packed(self, place: Workplace) -> bytes | None:
        if place.box is not None:
            from harness.sandbox import in_thread

            with own_time_held():
                try:
                    archive = await in_thread(place.box.get_tar, cap=MOST_KEPT)
                    return await in_thread(gzip.compress, archive, 1, mtime=0)
                except BoxError:
                    if self._work_counts:
                        raise
        return place.work

    async def _close(self, place: Workplace) -> None:
        box, place.box = place.box, None
        try:
            if box is not None:
                from harness.sandbox import in_thread

                await in_thread(box.close)
        finally:
            if self._holds and all(each.box is None for each in self._within):
                self._holds = False
                self._free.release()


def workplaces(assembled: Assembled, task: Task, free: asyncio.Semaphore) -> Workplaces:
    """Those of an attempt at a task."""
    grader = assembled.graders.get(task.digest)
    counts = grader is not None and grader.needs_box
    return Workplaces(assembled.experiment.sandbox, free, task, work_counts=counts)


def _put(box: Box, files: Mapping[str, str]) -> None:
    try:
        box.put({name: Path(place).read_bytes() for name, place in files.items()})
    except OSError as error:
        raise BoxError(f"{error.filename}: {error.strerror}") from None


def keep_work(report: Path, attempt: str, work: bytes | None) -> None:
    """Writes what an attempt left in its work folder. Raises StorageError: it cannot be kept."""
    path = _place(report, attempt)
    with keeping(path):
        if work is None:
            path.unlink(missing_ok=True)  # of an earlier try
        else:
            write_atomic(path, work)


def kept_work(report: Path, attempt: str, made: bytes | None = None) -> bytes | None:
    """A tar of what an attempt made so far, else of what was kept; ``None``: nothing. Raises BoxError: damaged."""
    path = _place(report, attempt)
    try:
        with gzip.open(path if made is None else io.BytesIO(made)) as file:
            return file.read(2 * MOST_KEPT)
    except FileNotFoundError:
        return None
    except (OSError, EOFError) as error:
        raise BoxError(f"{path}: the work folder that was kept cannot be read: {error}") from None


def is_kept(report: Path, attempt: str) -> bool:
    """Whether something was."""
    return _place(report, attempt).is_file()


def _place(report: Path, attempt: str) -> Path:
    return report / KEPT / f"{attempt}.tar.gz"
