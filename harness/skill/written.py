"""A skill that a model wrote: what of its answer is a SKILL.md, taken leniently, for no answer is thrown away."""

import re
from dataclasses import dataclass
from pathlib import Path

from harness.core import digest_json
from harness.skill import frontmatter
from harness.skill.frontmatter import UnreadableError, split_by_lines
from harness.skill.load import Skill

WRITTEN = "self-written"  # what such a skill is called where it is shown, and its folder where its own name is none
MOST_BODY = 20_000  # characters of a body that are delivered: the 5,000 tokens that the format recommends at most
_NAME = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_FENCED = re.compile(r"^(`{3,})[^\n`]*\n(---\n.*)\n\1[ \t]*$", re.DOTALL | re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class WrittenSkill:
    """What a model wrote, as a file and as a skill that can be delivered."""

    text: str  # of the SKILL.md: the answer, without a fence around it
    name: str  # safe as a folder's name
    skill: Skill  # where the answer has no readable frontmatter, the whole of it is the body


def written_skill(answer: str) -> WrittenSkill | None:
    """The skill in a model's answer; ``None`` where there is no text that could be one."""
    text = answer.encode("utf-8", "replace").decode()  # no lone surrogates, which no file can hold
    text = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "").strip()
    if (fenced := _FENCED.search(text)) is not None:
        text = fenced[2].strip()
    name, description, body = "", "", text
    try:
        head, below = split_by_lines(text)
        fields, _ = frontmatter.parse_leniently(head)
        name, description = (str(fields.get(key) or "").strip() for key in ("name", "description"))
        body = below
    except UnreadableError:
        pass
    if not any(sign.isalnum() for sign in body):
        return None
    if len(body) > MOST_BODY:
        body = f"{body[:MOST_BODY]}\n[cut here: the first {MOST_BODY:,} of {len(body):,} characters]"
    name = name if len(name) <= frontmatter.MOST["name"] and _NAME.fullmatch(name) else WRITTEN
    digest = digest_json([description, body])
    skill = Skill(name=WRITTEN, description=description, body=body, folder=Path(), digest=digest)
    return WrittenSkill(text=f"{text}\n", name=name, skill=skill)
