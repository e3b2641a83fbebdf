"""The grader of closed labels, whose true and predicted labels feed F1 and the confusion matrix."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.core import Grade, nearest
from harness.grade.label_find import LabelList
from harness.grade.rule import Rule, malformed, right, shown, wrong


def _as_label(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"found the truth value {str(value).lower()}; quote labels such as 'yes', 'no', 'on', 'off'")  # noqa: TRY004 - pydantic turns only ValueError into a message
    return str(value) if isinstance(value, int) else value


_Text = Annotated[str, BeforeValidator(_as_label), Field(min_length=1)]


class Label(Rule):
    """The answer gives one label of a closed list, and it is the reference.

    ``take`` says which label counts: ``only`` (the answer is the label), the ``first`` or the ``last`` that occurs,
    ``anywhere`` (it occurs, and no other label does). White space, quotes, emphasis and closing punctuation around it
    do not count, nor does case unless ``case_sensitive``; signs that belong to a label do. ``aliases`` maps a label to
    other spellings of it. An answer without a label, or with several where one is needed, is malformed. How labels are
    found is written in `harness.grade.label_find`.
    """

    name: ClassVar[str] = "label"
    version: ClassVar[int] = 2
    instant: ClassVar[bool] = True

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
        for i, (spelling, label) in enumerate(self._spellings()):
            key = self._list.key(spelling)
            if not key:
                raise ValueError("a label is blank; give it a text")
            if key in seen and (seen[key] != label or i < len(self.labels)):
                hint = "" if self.case_sensitive else "; case does not count unless case_sensitive is true"
                raise ValueError(f"{key!r} is given twice among labels and aliases{hint}")
            seen[key] = label
        return self

    def usable(self, reference: Any) -> str:
        """The reference's label, as the list spells it."""
        if isinstance(reference, bool) or not isinstance(reference, (str, int)):
            hint = "; quote it in the file" if isinstance(reference, bool) else ""
            raise ValueError(f"the reference must be one of the labels, found {reference!r}{hint}")  # noqa: TRY004
        label = self._list.names.get(self._list.key(str(reference)))
        if label is None:
            raise ValueError(
                f"the reference {reference!r} is none of the labels; {nearest(str(reference), self.labels)}"
            )
        return label

    def answers(self, reference: Any) -> Iterable[str]:
        """The label, and its aliases."""
        label = self.usable(reference)
        return [label, *self.aliases.get(label, ())]

    def truth(self, reference: str | None) -> str | None:
        """The true label."""
        return reference

    def judge(self, text: str, reference: str) -> Grade:
        """Passes when the label found is the reference."""
        found = self._found(text)
        if len(found) != 1:
            problem = f"the labels {', '.join(found)} occur" if found else "no label"
            place = {"only": "as the whole", "first": "in it", "last": "in it", "anywhere": "in it"}
            return malformed(
                f"{problem} in {shown(text.strip())!r}; needed one of {_some(self.labels)} {place[self.take]}"
            )
        predicted = found[0]
        graded = right() if predicted == reference else wrong(reference, predicted)
        return replace(graded, label_predicted=predicted)

    def _found(self, text: str) -> list[str]:
        if self.take == "only":
            return self._list.whole(text)
        found = self._list.inside(text, strongest=self.take != "anywhere")
        if self.take == "anywhere":
            return list(dict.fromkeys(found))
        return found[:1] if self.take == "first" else found[-1:]

    @cached_property
    def _list(self) -> LabelList:
        return LabelList(self._spellings(), case_sensitive=self.case_sensitive)

    def _spellings(self) -> list[tuple[str, str]]:
        aliases = [(alias, label) for label, others in self.aliases.items() for alias in others]
        return [(label, label) for label in self.labels] + aliases


def _some(labels: tuple[str, ...]) -> str:
    return ", ".join(labels) if len(labels) <= 6 else f"{', '.join(labels[:5])} … ({len(labels)} labels)"
