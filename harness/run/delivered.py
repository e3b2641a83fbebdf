"""The skills that a run delivers, kept in the report without keys, so that a later report can show what changed."""

from harness.experiment import Assembled
from harness.run.secrets import redactor_of
from harness.store import keep_skill_texts
from harness.system import Skilled


def keep_skills(assembled: Assembled) -> None:
    """Writes ``skills.json``, where there are any."""
    skilled = (one for by_suite in assembled.systems.values() for one in by_suite.values() if isinstance(one, Skilled))
    found = {skill.digest: skill for one in skilled for skill in one.skills}
    texts = [(digest, skill.folder, skill.files) for digest, skill in found.items()]
    keep_skill_texts(assembled.report, texts, redactor_of(assembled))
