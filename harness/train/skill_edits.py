"""Edits of a skill that an author proposes: read leniently, bounded, and made in the body alone.

What an author writes is untrusted text. What cannot be used is refused with a reason, which the author is told.
"""

import json
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

MOST_NEW = 6_000  # characters that all edits of one proposal together may bring
MOST_BODY = 20_000  # characters of a body: the 5,000 tokens that the format recommends at most
OPS = {"add": ("after", "new"), "delete": ("old",), "replace": ("old", "new")}
"""Of each kind of edit the texts that it has: those of the body at which it is made, and what is put there."""


class EditsError(Exception):
    """A proposal cannot be used; its text is the reason, for the author and for the record."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """One change of a skill's body."""

    op: str  # one of `OPS`
    at: str = ""  # the text of the body that is replaced or deleted, or after whose line is added; empty: at the end
    new: str = ""

    def as_told(self) -> dict[str, str]:
        """As an author writes it."""
        texts = {"after": self.at, "old": self.at, "new": self.new}
        return {"op": self.op, **{key: texts[key] for key in OPS[self.op]}}


def read_edits(answer: str, most: int) -> tuple[Edit, ...]:
    """The edits in an author's answer, ``{"edits": […]}`` with or without text around it; ``most`` at most.

    Raises EditsError.
    """
    start, end = answer.find("{"), answer.rfind("}")
    try:
        value = json.loads(answer[start : end + 1]) if 0 <= start < end else None
    except (ValueError, RecursionError):
        value = None
    rows = value.get("edits") if isinstance(value, dict) else None
    if not isinstance(rows, list):
        raise EditsError('the answer is no JSON of the form {"edits": [...]}')
    if not rows:
        raise EditsError("the answer holds no edit")
    if len(rows) > most:
        raise EditsError(f"{len(rows)} edits, and {most} are allowed")
    edits = tuple(_edit(row, number) for number, row in enumerate(rows, 1))
    if (new := sum(len(edit.new) for edit in edits)) > MOST_NEW:
        raise EditsError(f"the edits bring {new:,} characters, and {MOST_NEW:,} are allowed")
    return edits


def _edit(row: Any, number: int) -> Edit:
    op = row.get("op") if isinstance(row, dict) else None
    if not isinstance(op, str) or op not in OPS:
        raise EditsError(f"edit {number}: op has to be one of {', '.join(OPS)}")
    if unknown := sorted(map(str, row.keys() - {"op", *OPS[op]})):
        raise EditsError(f"edit {number}: {op} takes no {unknown[0][:40]!r}; only the skill's text can be changed")
    texts = {key: row.get(key, "") for key in OPS[op]}
    texts = {key: "" if text is None else text for key, text in texts.items()}
    for key, text in texts.items():
        if not isinstance(text, str):
            raise EditsError(f"edit {number}: {key} is no text")
        if not text.strip() and (key == "old" or (key == "new" and op == "add")):
            raise EditsError(f"edit {number}: {key} is empty")
        if (hidden := next(filter(_is_hidden, text), None)) is not None:
            raise EditsError(f"edit {number}: {key} holds U+{ord(hidden):04X}, which nobody sees")
    new = texts.get("new", "").replace("\r\n", "\n").replace("\r", "\n")
    return Edit(op=op, at=texts.get("old", texts.get("after", "")), new=new)


def _is_hidden(sign: str) -> bool:
    """Whether it is a control, a mark of direction, half a pair, or another sign that is drawn as nothing."""
    return unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co"} and sign not in "\n\r\t\u00ad\u200c\u200d"


def edited(body: str, edits: Sequence[Edit]) -> str:
    """The body after the edits, made one after another. Raises EditsError: one cannot be made, or nothing changes."""
    text = body
    for number, edit in enumerate(edits, 1):
        start, end = _place(text, edit, number)
        if edit.op == "replace":
            text = text[:start] + edit.new + text[end:]
        elif edit.op == "add":
            line = text.find("\n", end)
            line = len(text) if line < 0 else line
            text = f"{text[:line]}\n{edit.new.strip(chr(10))}{text[line:]}"
        else:
            whole = (start == 0 or text[start - 1] == "\n") and (end == len(text) or text[end] == "\n")
            text = text[:start] + text[end + 1 if whole else end :]
    text = text.strip()
    if text == body.strip():
        raise EditsError("the edits change nothing")
    if not any(sign.isalnum() for sign in text):
        raise EditsError("the edits leave no text")
    if len(text) > max(MOST_BODY, len(body)):
        raise EditsError(f"the text would have {len(text):,} characters, and {MOST_BODY:,} are allowed")
    return text


def _place(text: str, edit: Edit, number: int) -> tuple[int, int]:
    """Where in the text the edit is made."""
    if not edit.at.strip():  # only of an addition
        return len(text), len(text)
    at = edit.at if edit.at in text else edit.at.strip()
    if (found := text.count(at)) != 1:
        many = "is not in the text" if not found else f"is in the text {found} times"
        raise EditsError(f"edit {number}: {at[:80]!r} {many}; name a text that stands there once")
    return text.index(at), text.index(at) + len(at)
