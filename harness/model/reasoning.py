"""Keeps what a model thought apart from what it answered.

Reasoning comes in fields of the message (``reasoning_content``), in parts of its content, or in the text between tags.
In a text only a block at its start is reasoning, or what stands before a closing tag that was never opened: there the
chat template had opened it in the prompt. Tags within an answer, in code or in quotes are the answer's own words.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

_TAGS = r"(?:seed:)?(?:think|thinking|thought|thoughts|reasoning)"
_PAIRS = (
    (rf"<(?P<tag>{_TAGS})>", rf"</{_TAGS}>"),
    (r"\[THINK\]", r"\[/THINK\]"),
    (r"◁think▷", r"◁/think▷"),
    (r"<\|begin_of_thought\|>", r"<\|end_of_thought\|>"),
    (r"<\|START_THINKING\|>", r"<\|END_THINKING\|>"),
    (r"<\|inner_prefix\|>", r"<\|inner_suffix\|>"),
    (r"<\|channel>thought", r"<channel\|>"),
)
_OPENS = [re.compile(rf"[\s\ufeff\u200b]*(?:{opens})", re.IGNORECASE) for opens, _ in _PAIRS]
_EITHER = [re.compile(f"(?P<open>{opens})|(?P<close>{closes})", re.IGNORECASE) for opens, closes in _PAIRS]
_FRAMES = re.compile(r"<\|(?:begin|end)_of_solution\|>|<\|(?:START|END)_RESPONSE\|>")
"""What such models put around the answer."""
_BLANK = re.compile(r"\A(?:[ \t\ufeff\u200b]*\r?\n)+|\A[ \t\ufeff\u200b]+")
_BARE = re.compile(r"\s*analysis(.*?)assistant\s?final(.*)", re.DOTALL)
"""What is left of gpt-oss's channels where the special tokens were taken out."""
_SPOKEN_BEFORE = re.compile(
    r"\b(?:the|an?|and|or|with|by|use|using|write|tags?|tokens?|called|closing|closed?)\s\Z", re.IGNORECASE
)
_SPOKEN_AFTER = re.compile(
    r"\s(?:tags?|tokens?|elements?|markers?|is|are|and|or|to|closes?|ends?|marks?|means)\b", re.IGNORECASE
)
LONGEST = 1_000_000  # characters of a text that is looked at; graders read no longer one
_OPENED = re.compile(rf"(?:{'|'.join(opens for opens, _ in _PAIRS)})\s*\Z", re.IGNORECASE)

_MAY_HOLD = re.compile(r"[<\[◁]|\A\s*analysis")  # without one of these a text holds no reasoning

SEPARATE, KEEP = "separate", "keep"  # what an experiment may say: reasoning is kept apart, or is part of the text


class MisshapenError(TypeError):
    """A message has a shape that no provider should send; the text says what."""


FIELDS = ("reasoning_content", "reasoning", "reasoning_text", "thinking", "thinking_blocks", "reasoning_details")
"""Of a message, in the order in which they are believed; some providers send the same in two."""
_FIELDS = frozenset(FIELDS)


def opened_by(prompt: str) -> bool:
    """Whether a prompt ends with an opened block of reasoning, so that the answer begins inside it."""
    return _OPENED.search(prompt[-80:]) is not None


def separated(text: str, *, opened: bool = False) -> tuple[str, str]:
    """What was thought and what was answered; a block that never ends, which the prompt may open, is thought."""
    if len(text) > LONGEST or not (opened or _MAY_HOLD.search(text)):
        return "", text
    if text.lstrip().startswith(("<|channel|>", "<|start|>")):
        # gpt-oss's channels: what stands in ``final`` is the answer, all else is not
        parts: dict[bool, list[str]] = {True: [], False: []}
        for piece in text.split("<|channel|>")[1:]:
            name, _, said = piece.partition("<|message|>")
            end_tag = re.search(r"<\|(?:end|return|call|start)\|>", said)
            parts[name.split()[:1] == ["final"]].append(said[: end_tag.start()] if end_tag else said)
        return _joined(parts[False]), _joined(parts[True])
    if bare := _BARE.fullmatch(text):
        return bare[1].strip(), bare[2].strip()
    thought: list[str] = []
    place, balanced = 0, True
    while True:
        kind, start = next(((i, m.end()) for i, o in enumerate(_OPENS) if (m := o.match(text, place))), (None, place))
        if kind is None and opened and not thought:
            kind = next((i for i, either in enumerate(_EITHER) if _end(either, text, 0, balanced=True)[0]), 0)
        if kind is None:
            break
        end, balanced = _end(_EITHER[kind], text, start, balanced=balanced)
        if end is None and not opened and _SPOKEN_AFTER.match(text, start):
            break
        thought.append(text[start : end[0]] if end else text[start:])
        place = end[1] if end else len(text)
    if not thought and (end := next((found for either in _EITHER if (found := _unopened(either, text))), None)):
        thought, place = [text[: end[0]]], end[1]
    if not thought:
        return "", text
    return _joined(thought), _BLANK.sub("", _FRAMES.sub("", text[place:])).rstrip()


def _end(either: re.Pattern[str], text: str, start: int, *, balanced: bool) -> tuple[tuple[int, int] | None, bool]:
    """Where a block ends, at the tag that balances it or else the first that closes; and whether others may balance."""
    depth, first = 1, None
    for tag in either.finditer(text, start):
        depth += 1 if tag["open"] else -1
        if tag["close"]:
            first = first or tag.span()
            if depth == 0 or not balanced:
                return tag.span(), balanced
    return first, False


def _unopened(either: re.Pattern[str], text: str) -> tuple[int, int] | None:
    """The tag that closes what was never opened, where it is no word of the answer's own."""
    depth = 0
    for tag in either.finditer(text):
        depth += 1 if tag["open"] else -1
        if depth < 0:
            return None if _spoken_of(text, *tag.span()) else tag.span()
    return None


def _spoken_of(text: str, start: int, end: int) -> bool:
    """Whether a tag is a word of a sentence, or stands in code or in quotes."""
    before, after = text[:start], text[end : end + 20]
    line = before[before.rfind("\n") + 1 :]
    if before.count("```") % 2 or line.count("`") % 2 or (before[-1:] == after[:1] and after[:1] in tuple("`'\"")):
        return True
    if not line.strip():
        return False
    ends = after.startswith((".", ",", ";", ":", ")", "]", "»", "”", "’")) or (not after.strip() and line[-1:] == " ")
    return ends or bool(_SPOKEN_AFTER.match(after)) or bool(_SPOKEN_BEFORE.search(line[-20:]))


def reasoning_of(message: Mapping[str, Any]) -> str:
    """The reasoning in a message's own fields; empty where there is none."""
    if _FIELDS.isdisjoint(message):
        return ""
    return next((text for name in FIELDS if (text := _text_of(message.get(name)))), "")


def parts_of(content: Sequence[Any]) -> tuple[str, str, str]:
    """Reasoning, text and refusal of a content in parts. Raises MisshapenError: one is no object and no text."""
    thought, said, refused = [], [], []
    for part in content:
        if isinstance(part, str):
            said.append(part)
        elif isinstance(part, Mapping):
            kind = str(part.get("type") or "")
            if part.get("thought") is True or re.search("think|reason|thought", kind):
                thought.append(_text_of(part))
            elif kind == "refusal":
                refused.append(_text_of(part.get("refusal")))
            else:
                said.append(_text_of(part.get("text")))
        elif part is not None:
            raise MisshapenError(f"a part of the content is {type(part).__name__}")
    return _joined(thought), "".join(said), "".join(refused)


_HOLDS = ("thinking", "reasoning", "text", "summary", "content", "value")


def _text_of(value: Any, depth: int = 0) -> str:
    """The text in a field of reasoning: a text, or objects and lists that hold some."""
    if isinstance(value, list) and depth < 4:
        return "".join(_text_of(one, depth + 1) for one in value)
    if isinstance(value, Mapping) and depth < 4:
        return next((text for name in _HOLDS if (text := _text_of(value.get(name), depth + 1))), "")
    return value if isinstance(value, str) else ""


def _joined(parts: Any) -> str:
    return "\n\n".join(stripped for part in parts if (stripped := part.strip()))
