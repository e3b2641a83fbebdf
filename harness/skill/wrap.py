"""How skill text stands in a conversation; in one place, for a model must be shown what it was trained on."""

from collections.abc import Iterable, Sequence
from xml.sax.saxutils import quoteattr


def skill_content(name: str, body: str, files: Sequence[str] = ()) -> str:
    """A skill's body as a conversation shows it: named, with a listing of its files, which are not read eagerly."""
    listing = "".join(f"\n- {file}" for file in files)
    files_text = f"\n<skill_files>{listing}\n</skill_files>" if files else ""
    return f"<skill_content name={quoteattr(name)}>\n{body.strip()}{files_text}\n</skill_content>"


def file_content(name: str, path: str, text: str) -> str:
    """One file of a skill as a conversation shows it."""
    return f"<skill_file skill={quoteattr(name)} path={quoteattr(path)}>\n{text.strip()}\n</skill_file>"


def catalogue(entries: Iterable[tuple[str, str]]) -> str:
    """Names and descriptions, a line each; empty when there are no skills, and then it is left out of the prompt."""
    lines = [f"- {name}: {' '.join(description.split())}" for name, description in entries]
    return "Skills:\n" + "\n".join(lines) if lines else ""


OPEN_BY_TEXT = "Open one skill first: OPEN name"
"""The instruction that stands under the catalogue for a model without tool calling."""

OPEN_BY_TOOL = (
    "Before you answer, open the skill that fits the task with the tool open_skill. "
    "Read its files with read_skill_file where it points to them."
)  # the same for a model with tool calling


def opened_name(text: str) -> tuple[str, str | None] | None:
    """What ``OPEN name`` or ``OPEN name/path``, an answer's first or last line, asks for: (skill, file or None)."""
    lines = [line.strip().strip("`*") for line in text.strip().splitlines() if line.strip()]
    for line in lines[:1] + lines[-1:]:
        word, _, rest = line.partition(" ")
        if word == "OPEN" and rest.strip() and " " not in rest.strip():
            name, _, path = rest.strip().strip("<>").partition("/")
            return name, path or None
    return None
