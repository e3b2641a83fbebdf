"""Whether a suite's programs can be passed and failed: its own solutions pass them, doing nothing passes none."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.core import Box, BoxError, Grader, Status, Task
from harness.grade import Program, programs_of, put_work
from harness.run.given import GradingSession
from harness.sandbox import SandboxOptions

SOLUTION, SCRIPT = "/solution", "solve.sh"  # of the box: where a solution lies that has such a script to run
TIMEOUT_S = 120.0  # of a solution, where the task sets no limit
AT_ONCE = 4  # solutions that run at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What came of one task: by its own solution, and by nothing."""

    task: str
    problem: str = ""  # in one line; nothing: as it should be
    rule: str = ""  # ``oracle-fails``, ``null-passes``, ``no-verdict``, ``no-oracle``


def prepare_boxes(tasks: Sequence[Task], options: SandboxOptions | None = None) -> None:
    """Raises BoxError: a box that the tasks need cannot be made here, in one line that names the first such task."""
    from harness.sandbox import environment_of, open_box  # a run without boxes does without

    seen = set()
    for task in tasks:
        if (wanted := environment_of(task)) not in seen:
            seen.add(wanted)
            try:
                open_box(options or SandboxOptions(), wanted).close()
            except BoxError as error:
                raise BoxError(f"task {task.id}: {error}") from None


def try_solutions(work: Sequence[tuple[Task, Grader]], options: SandboxOptions | None = None) -> list[Trial]:
    """What is wrong with each task whose grader runs a program, in their order; those without one are left out."""
    sandbox = options or SandboxOptions()

    async def all_of() -> list[Trial]:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(task: Task, programs: list[Program]) -> Trial:
            async with slots:
                return await _tried(task, programs, sandbox)

        wanted = [(task, list(programs_of(by))) for task, by in work]
        return await asyncio.gather(*(one(task, programs) for task, programs in wanted if programs))

    return asyncio.run(all_of())


async def _tried(task: Task, programs: Sequence[Program], sandbox: SandboxOptions) -> Trial:
    for by in programs:
        nothing = await by.verdict(task, "", GradingSession(task, sandbox=sandbox), None)
        if nothing.status is Status.PASSED:
            return Trial(task=task.id, rule="null-passes", problem=f"doing nothing passes ({nothing.reason})")
        if nothing.status is not Status.FAILED:
            return Trial(task=task.id, rule="no-verdict", problem=nothing.reason)
    if not task.oracle:
        return Trial(
            task=task.id, rule="no-oracle", problem="there is no oracle: whether it can be passed is not known"
        )
    try:
        left, problem = await _solved(task, sandbox)
    except BoxError as error:
        return Trial(task=task.id, rule="oracle-fails", problem=str(error))
    for by in programs:
        given = await by.verdict(task, "", GradingSession(task, sandbox=sandbox, left=left), left)
        if given.status is not Status.PASSED:
            score = f", score {given.score:g}" if given.score else ""
            said = f"the oracle does not pass: {given.status}{score} ({given.reason})"
            return Trial(task=task.id, rule="oracle-fails", problem=f"{said}; {problem}" if problem else said)
    return Trial(task=task.id)


async def _solved(task: Task, sandbox: SandboxOptions) -> tuple[bytes, str]:
    """The work folder after the solution, and what went wrong with its script. Raises BoxError."""
    from harness.sandbox import environment_of, in_thread, opened

    box = await opened(sandbox, environment_of(task), folders=(SOLUTION,))
    try:
        return await in_thread(_run_solution, box, task)
    finally:
        await in_thread(box.close)


def _run_solution(box: Box, task: Task) -> tuple[bytes, str]:
    put_work(box, task, None)
    place = SOLUTION if SCRIPT in task.oracle else box.workdir
    box.put({f"{place}/{name}": Path(path).read_bytes() for name, path in task.oracle.items()})
    problem = f"the oracle has no {SCRIPT}, so its files were put into the work folder and nothing was run"
    if SCRIPT in task.oracle:
        problem = ""
        shell = 'if command -v bash >/dev/null; then exec bash "$0"; else exec sh "$0"; fi'
        limit = task.oracle_timeout_s or task.timeout_s or TIMEOUT_S
        done = box.run(["sh", "-c", shell, f"{SOLUTION}/{SCRIPT}"], timeout=limit, env=task.oracle_env)
        if done.code != 0:
            said = done.err[-300:].decode("utf-8", "replace").strip().splitlines()
            how = done.cause or f"exit code {done.code}"
            how = f"did not end within {limit:g} s" if done.cause == "timeout" else how
            problem = f"{SCRIPT}: {how}{f', {said[-1]}' if said else ''}"
    return box.get_tar(), problem
