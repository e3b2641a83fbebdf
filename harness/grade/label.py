"""The grader of closed labels, whose true and predicted labels feed F1 and the confusion matrix."""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.core import Grade, nearest
from harness.grade.rule import Rule, malformed, right, shown, wrong


def _as_label(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"found the truth value {str(value).lower()}; quote labels such as 'yes', 'no', 'on', 'off'")  # noqa: TRY004 - pydantic turns only ValueError into a message
    return str(value) if isinstance(value, int) else value


_Text = Annotated[str, BeforeValidator(_as_label), Field(min_length=1)]


class Label(Rule):
    """The answer gives one label of a closed list, and it is the reference.

    ``take`` says where the label stands: ``only`` (the answer is the label), ``first`` or ``last`` (the answer begins
    or ends with it), ``anywhere`` (it occurs as a word of its own, and no other label does). White space, quotes,
    emphasis and closing punctuation around it do not count, nor does case unless ``case_sensitive``. ``aliases`` maps
    a label to other spellings of it. An answer without a label, or with several where one is needed, is malformed.
    """

    labels: tuple[_Text, ...] = Field(min_length=2)
    aliases: Mapping[_Text, tuple[_Text, ...]] = Field(default_factory=dict)
    take: Literal["only", "first", "last", "anywhere"] = "only"
    case_sensitive: bool = False

    @model_validator(mode="after")
    def _spellings_are_distinct(self) -> Self:
        for label in self.aliases:
            if label not in self.labels:
                raise ValueError(f"aliases names {label!r}, which is no label; {nearest(label, self.labels)}")
        seen: dict[str, str] = {}
        for spelling, label in self._pairs():
            if not spelling:
                raise ValueError("a label is blank; give it a text")
            if seen.setdefault(spelling, label) != label or (spelling, label) in self._repeated():
                hint = "" if self.case_sensitive else "; case does not count unless case_sensitive is true"
                raise ValueError(f"{spelling!r} is given twice among labels and aliases{hint}")
        return self

    def usable(self, reference: Any) -> str:
        """The reference's label, as the list spells it."""
        if isinstance(reference, bool) or not isinstance(reference, (str, int)):
            hint = "; quote it in the file" if isinstance(reference, bool) else ""
            raise ValueError(f"the reference must be one of the labels, found {reference!r}{hint}")  # noqa: TRY004
        label = self._spellings.get(self._folded(str(reference)))
        if label is None:
            raise ValueError(
                f"the reference {reference!r} is none of the labels; {nearest(str(reference), self.labels)}"
            )
        return label

    def truth(self, reference: str | None) -> str | None:
        """The true label."""
        return reference

    def judge(self, text: str, reference: str) -> Grade:
        """Passes when the label found is the reference."""
        answer = self._folded(text)
        found = _PLACES[self.take](answer, self._spellings)
        if len(found) != 1:
            problem = f"the labels {', '.join(found)} occur" if found else "no label"
            place = {"only": "as the whole", "first": "at the start", "last": "at the end", "anywhere": "anywhere"}
            return malformed(
                f"{problem} in {shown(text.strip())!r}; needed one of {_some(self.labels)} {place[self.take]}"
            )
        predicted = found[0]
        graded = right() if predicted == reference else wrong(reference, predicted)
        return replace(graded, label_predicted=predicted)

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """The label of every spelling, the longest spelling first."""
        return dict(self._pairs())

    def _pairs(self) -> list[tuple[str, str]]:
        """Every spelling with its label, the longest spelling first: "no info" is found before "info"."""
        pairs = [(self._folded(label), label) for label in self.labels]
        pairs += [(self._folded(alias), label) for label, aliases in self.aliases.items() for alias in aliases]
        return sorted(pairs, key=lambda pair: (-len(pair[0]), pair))

    def _repeated(self) -> set[tuple[str, str]]:
        pairs = [(self._folded(label), label) for label in self.labels]
        return {pair for pair in pairs if pairs.count(pair) > 1}

    def _folded(self, text: str) -> str:
        text = " ".join(unicodedata.normalize("NFKC", text).split())
        return text if self.case_sensitive else text.casefold()


_AROUND = " \t*_`\"'“”‘’«».,:;!?()[]{}<>#-–—="
"""What may stand around a label. A label that itself ends in one of these is tried before any is stripped."""

_INSIDE = r"[\w\-]"
"""What makes a label part of a longer word: "non-toxic" does not give the label "toxic"."""


def _only(answer: str, spellings: Mapping[str, str]) -> list[str]:
    stripped = answer.strip(_AROUND)
    hits = [label for spelling, label in spellings.items() if spelling in (answer, stripped)]
    return hits[:1]


def _first(answer: str, spellings: Mapping[str, str]) -> list[str]:
    for text in (answer, answer.lstrip(_AROUND)):
        for spelling, label in spellings.items():
            if text.startswith(spelling) and not re.match(_INSIDE, text[len(spelling) :][:1]):
                return [label]
    return []


def _last(answer: str, spellings: Mapping[str, str]) -> list[str]:
    for text in (answer, answer.rstrip(_AROUND)):
        for spelling, label in spellings.items():
            if text.endswith(spelling) and not re.match(_INSIDE, text[: -len(spelling)][-1:]):
                return [label]
    return []


def _anywhere(answer: str, spellings: Mapping[str, str]) -> list[str]:
    words = "|".join(re.escape(spelling) for spelling in spellings)
    found = re.finditer(rf"(?<!{_INSIDE})(?:{words})(?!{_INSIDE})", answer)
    return list(dict.fromkeys(spellings[match[0]] for match in found))


_PLACES = {"only": _only, "first": _first, "last": _last, "anywhere": _anywhere}


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) <= 6 else f"{', '.join(labels[:5])} … ({len(labels)} labels)"
