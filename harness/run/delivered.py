"""What a run keeps in its report beside its records: the skills that it delivers, and the metadata of its tasks."""

from harness.experiment import Assembled
from harness.run.secrets import redactor_of
from harness.store import keep_metadata, keep_skill_texts
from harness.system import Skilled


def keep_skills(assembled: Assembled) -> None:
    """Writes ``skills.json``, where there are any, without keys: a later report can show what changed."""
    skilled = (one for by_suite in assembled.systems.values() for one in by_suite.values() if isinstance(one, Skilled))
    found = {skill.digest: skill for one in skilled for skill in one.skills}
    texts = [(digest, skill.folder, skill.files) for digest, skill in found.items()]
    keep_skill_texts(assembled.report, texts, redactor_of(assembled))


def keep_tasks(assembled: Assembled) -> None:
    """Writes ``metadata.json``, where a task has metadata, so that tasks can be found by it."""
    tasks = [task for suite in assembled.suites for task in suite.tasks if task.metadata]
    if tasks:
        keep_metadata(assembled.report, ((task.digest, task.metadata) for task in tasks), redactor_of(assembled))
