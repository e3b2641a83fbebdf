"""The ids that earlier versions gave to suites, contenders, tasks and attempts.

They held names, and a task's held its prompt and its grader. A journal that was written under them is recognised by
making them again of what is planned now: nothing that was paid for is asked twice.
"""

from dataclasses import replace
from pathlib import Path

from harness.core import Manifest, Suite, Task, digest_bytes, digest_json
from harness.experiment.assembly import Assembled
from harness.experiment.build import WRAPPERS
from harness.store import OUTCOMES_FILE, Recalled, read_outcomes
from harness.system import MAX_TURNS, Direct, Skilled
from harness.userfile import read_bytes


def recognised(assembled: Assembled, recorded: Recalled, manifest: Manifest | None) -> Recalled:
    """What a journal holds, its attempts of an earlier version under the ids that they have now.

    Their grader is known where that version's manifest says that the same was used, or the tables hold it since.
    """
    if all(outcome.prompt_digest is not None for outcome in recorded.attempts.values()):
        return recorded
    used: dict[str, tuple[str, ...]] = {}
    known: dict[str, str | None] = {}
    if manifest is not None and manifest.schema < 2:
        used = {suite.name: suite.graders for suite in manifest.suites}
    elif (assembled.report / OUTCOMES_FILE).is_file():
        rows = read_outcomes(assembled.report, ["attempt_id", "grader_digest"])
        known = dict(zip(rows["attempt_id"].to_pylist(), rows["grader_digest"].to_pylist(), strict=True))
    attempts, places, renamed = dict(recorded.attempts), dict(recorded.places), {}
    suites = {suite.name: earlier_suite(suite) for suite in assembled.whole}
    contenders = {name: earlier_contender(assembled, name) for name in assembled.systems}
    for attempt in assembled.attempts:
        suite, task = attempt.suite.name, attempt.task
        old = digest_json(
            [suites[suite], contenders[attempt.contender], earlier_task(attempt.suite, task), attempt.trial]
        )
        if old not in recorded.attempts or attempt.id in recorded.attempts:
            continue
        same = assembled.grader_of(task).digest in used.get(suite, ())
        grading = assembled.gradings[task.digest] if same else known.get(attempt.id)
        outcome = attempts.pop(old)
        attempts[attempt.id] = replace(outcome, grader_digest=outcome.grader_digest or grading)
        places[attempt.id] = places.pop(old)
        renamed[old] = attempt.id
    return replace(recorded, attempts=attempts, places=places, renamed=renamed)


def earlier_suite(suite: Suite) -> str:
    """The digest of a suite with all its tasks."""
    tasks = sorted(earlier_task(suite, task) for task in suite.tasks)
    return digest_json([suite.name, suite.version, suite.metric, tasks])


def earlier_task(suite: Suite, task: Task) -> str:
    """The digest of a task under the suite's own prompt."""
    files = [[name, digest_bytes(read_bytes(Path(file), unpack=False))] for name, file in task.files.items()]
    return digest_json(
        {
            "suite": suite.name,
            "id": task.id,
            "messages": suite.prompt.of(task),
            "reference": task.reference,
            "grader": task.grader,
            "tools": [],
            "files": sorted(files),
            "timeout_s": task.timeout_s,
        }
    )


def earlier_contender(assembled: Assembled, name: str) -> str:
    """The digest of a contender; nothing for one with a key that earlier versions did not know."""
    entry, systems = assembled.experiment.contenders[name], assembled.systems[name]
    system = next(iter(systems.values()))
    if (escalation := entry.escalate) is not None:
        parts = [earlier_contender(assembled, part.contender.name) for part in system.parts]
        rule = {"signal": escalation.name, "threshold": escalation.confidence, "rate": escalation.share}
        rule |= {"seed": assembled.experiment.seed}
        escalate = entry.model_dump(mode="json", exclude_none=True)["escalate"]
        return digest_json([name, parts, rule, escalate]) if all(parts) else ""
    if any(key is not None for key in (entry.prompt, entry.response_format, entry.twin)):
        return ""
    askings = {suite: s.asking for suite, s in systems.items() if isinstance(s, (Direct, Skilled))}
    skills = {suite: s.skills for suite, s in systems.items() if isinstance(s, Skilled)}
    spec = assembled.specs[str(entry.model)]
    identity = {
        "model": {"name": spec.name, "digest": spec.digest},
        "adapters": {suite: asking.adapter_digest for suite, asking in askings.items() if asking.adapter_digest},
        "skills": {suite: [[s.name, s.digest] for s in found] for suite, found in skills.items()},
        "delivery": [entry.delivery, WRAPPERS, MAX_TURNS] if skills else None,
    }
    return digest_json([name, identity])
