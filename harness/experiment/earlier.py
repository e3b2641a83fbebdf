"""The ids of earlier versions, made again of what is planned, so that nothing that was paid for is asked twice."""

from dataclasses import replace
from pathlib import Path

from harness.core import Suite, Task, digest_bytes, digest_json
from harness.experiment.assembly import Assembled
from harness.experiment.build import WRAPPERS
from harness.store import Journal, Recalled, read_journal, read_manifest
from harness.system import MAX_TURNS, Direct, Skilled
from harness.userfile import read_bytes


def recall(assembled: Assembled) -> Recalled:
    """What the journal holds, its attempts of an earlier version under the ids and digests that they have now."""
    recorded, manifest = read_journal(assembled.report), read_manifest(assembled.report)
    if all(outcome.prompt_digest is not None for outcome in recorded.attempts.values()):
        return recorded
    used = {s.name: s.graders for s in manifest.suites} if manifest is not None and manifest.schema < 2 else {}
    attempts, places, renamed = dict(recorded.attempts), dict(recorded.places), dict(recorded.renamed)
    suites = {suite.name: earlier_suite(suite) for suite in assembled.whole}
    tasks = {task.digest: _earlier_task(suite, task) for suite in assembled.whole for task in suite.tasks}
    contenders = {name: earlier_contender(assembled, name) for name in assembled.systems}
    for attempt in assembled.attempts:
        suite, name, task = attempt.suite, attempt.contender, attempt.task
        old = digest_json([suites[suite.name], contenders[name], tasks[task.digest], attempt.trial])
        if old not in recorded.attempts or attempt.id in recorded.attempts:
            continue
        system, grader = assembled.systems[name][suite.name], assembled.grader_of(task)
        same = grader.digest in used.get(suite.name, ())  # else it is not known how they were graded
        attempts[attempt.id] = replace(
            attempts.pop(old),
            attempt_id=attempt.id,
            suite_digest=suite.digest,
            contender_digest=system.contender.digest,
            task_digest=task.digest,
            prompt_digest=system.prompt.template.digest,
            grader_digest=assembled.gradings[task.digest] if same else None,
        )
        places[attempt.id] = places.pop(old)
        renamed[old] = attempt.id
    unkept = tuple(old for old in renamed if old not in recorded.renamed)
    return replace(recorded, attempts=attempts, places=places, renamed=renamed, unkept=unkept)


def keep_ids(journal: Journal, recorded: Recalled) -> None:
    """Writes attempts of earlier ids down under their present ones: what they rest on may change from now on."""
    for old in recorded.unkept:
        new = recorded.renamed[old]
        kept = recorded.places[new].read()
        said, reason, requests = kept.get("messages") or (), kept.get("reason") or "", kept.get("requests") or ()
        journal.append_attempt(recorded.attempts[new], said, reason, requests, earlier=old)


def earlier_suite(suite: Suite) -> str:
    """The digest of a suite with all its tasks."""
    return digest_json([suite.name, suite.version, suite.metric, sorted(_earlier_task(suite, t) for t in suite.tasks)])


def _earlier_task(suite: Suite, task: Task) -> str:
    """The digest of a task under the suite's own prompt."""
    files = [[name, digest_bytes(read_bytes(Path(file), unpack=False))] for name, file in task.files.items()]
    kept = {key: getattr(task, key) for key in ("id", "reference", "grader", "timeout_s")}
    return digest_json(
        {"suite": suite.name, "messages": suite.prompt.of(task), "tools": [], "files": sorted(files)} | kept
    )


def earlier_contender(assembled: Assembled, name: str) -> str:
    """The digest of a contender; nothing for one with a key that earlier versions did not know."""
    entry, systems = assembled.experiment.contenders[name], assembled.systems[name]
    if (escalation := entry.escalate) is not None:
        of = next(iter(systems.values())).parts
        parts = [earlier_contender(assembled, part.contender.name) for part in of]
        rule = {"signal": escalation.name, "threshold": escalation.confidence, "rate": escalation.share}
        rule["seed"] = assembled.experiment.seed
        escalate = entry.model_dump(mode="json", exclude_none=True)["escalate"]
        return digest_json([name, parts, rule, escalate]) if all(parts) else ""
    if any(key is not None for key in (entry.prompt, entry.response_format, entry.twin)):
        return ""
    own = {suite: s for suite, s in systems.items() if isinstance(s, Direct)}
    skills = {suite: s.skills for suite, s in systems.items() if isinstance(s, Skilled)}
    spec = assembled.specs[str(entry.model)]
    identity = {
        "model": {"name": spec.name, "digest": spec.digest},
        "adapters": {suite: s.adapter_digest for suite, s in own.items() if s.adapter_digest},
        "skills": {suite: [[s.name, s.digest] for s in found] for suite, found in skills.items()},
        "delivery": [entry.delivery, WRAPPERS, MAX_TURNS] if skills else None,
    }
    return digest_json([name, identity])
