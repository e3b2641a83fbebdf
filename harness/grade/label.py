"""The grader of closed labels, whose true and predicted labels feed F1 and the confusion matrix.

One normaliser serves labels and answers (see `harness.grade.plain`):

- Text is compared in its plain form, under Unicode's NFKC, white space as single spaces, and case folded unless it
  counts. A soft hyphen is nothing, or a hyphen where only that gives a word of the list. Markup is taken away on both
  sides, unless two labels differ by nothing else.
- The whole answer is peeled layer by layer (brackets, quotes, markup, a bullet, closing punctuation), and the label
  that needs the fewest layers wins: ``(B).`` is ``(B)`` before it is ``B``.
- Within an answer the longest label that stands by itself wins (see `harness.grade.label_choice`, for labels of one
  letter or digit too). Only where none is found so, labels are peeled as well: ``(B)`` in the list is ``B`` in the
  answer, unless another label is.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from harness.core import Grade, late, nearest
from harness.grade.label_choice import UNSPACED, evidence, is_a_word, joined
from harness.grade.plain import SOFT_HYPHEN, plain, unmarked, without_commands
from harness.grade.rule import Rule, malformed, right, shown, wrong


def _as_label(value: Any) -> Any:
    if isinstance(value, bool):
        raise ValueError(f"found the truth value {str(value).lower()}; quote labels such as 'yes', 'no', 'on', 'off'")  # noqa: TRY004 - pydantic turns only ValueError into a message
    return str(value) if isinstance(value, int) else value


_Text = Annotated[str, BeforeValidator(_as_label), Field(min_length=1)]


class Label(Rule):
    """The answer gives one label of a closed list, and it is the reference.

    ``take`` says which label counts: ``only`` (the answer is the label), the ``first`` or the ``last`` that occurs,
    ``anywhere`` (it occurs, and no other label does). ``aliases`` maps a label to other spellings of it. An answer
    without a label, or with several where one is needed, is malformed. How they are found is said above.
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

    @property
    def labelled(self) -> bool:
        """Always."""
        return True

    def usable(self, reference: Any) -> str:
        """The reference's label, as the list spells it."""
        if isinstance(reference, bool) or not isinstance(reference, (str, int)):
            hint = "; quote it in the file" if isinstance(reference, bool) else ""
            raise ValueError(f"the reference must be one of the labels, found {reference!r}{hint}")  # noqa: TRY004
        if reference in self._list.labels:
            return str(reference)
        label = self._list.names.get(self._list.key(str(reference)))
        if label is None:
            near = nearest(str(reference), self.labels)
            raise ValueError(f"the reference {reference!r} is none of the labels; {near}")
        return label

    def answers(self, reference: Any) -> Iterable[str]:
        """The label, and its aliases."""
        label = self.usable(reference)
        return [label, *self.aliases.get(label, ())]

    def judge(self, text: str, reference: str) -> Grade:
        """Passes when the label found is the reference."""
        found = self._found(text)
        if len(found) != 1:
            problem = f"the labels {', '.join(found)} occur" if found else "no label"
            many, where = len(self.labels), "as the whole" if self.take == "only" else "in it"
            names = ", ".join(self.labels) if many <= 6 else f"{', '.join(self.labels[:5])} … ({many} labels)"
            return malformed(f"{problem} in {shown(text.strip())!r}; needed one of {names} {where}")
        graded = right() if found[0] == reference else wrong(reference, found[0])
        return replace(graded, label_predicted=found[0])

    def reading(self, text: str) -> str | None:
        """The one label found."""
        found = self._found(text)
        return found[0] if len(found) == 1 else None

    def _found(self, text: str) -> Sequence[str]:
        if self.take == "only":
            return self._list.whole(text)
        if self.take == "anywhere":
            return list(dict.fromkeys(self._list.inside(text, strongest=False)))
        within = self._list.inside(text, strongest=True)
        return within[:1] if self.take == "first" else within[-1:]

    @cached_property
    def _list(self) -> "_LabelList":
        return _LabelList(self._spellings(), case_sensitive=self.case_sensitive)

    def _spellings(self) -> list[tuple[str, str]]:
        aliases = [(alias, label) for label, others in self.aliases.items() for alias in others]
        return [(label, label) for label in self.labels] + aliases


_Spellings = Sequence[tuple[str, str]]  # texts, each with the label that it stands for


class _LabelList:
    """The spellings of a list of labels in all their forms, and how they are found in an answer."""

    def __init__(self, spellings: _Spellings, *, case_sensitive: bool) -> None:
        self._case_sensitive = case_sensitive
        self.labels = frozenset(label for _, label in spellings)  # of which each is found as itself
        written = [(_compatible(spelling), label) for spelling, label in spellings]
        bare = [(unmarked(text), label) for text, label in written]
        peeled = [((list(_layers(text)) or [""])[-1], label) for text, label in written]
        self.names = self._names(written)  # the label of every spelling in its compared form, the longest first
        self._keeps_markup = bool(self._ambiguous(bare)) or not all(text.strip() for text, _ in bare)
        self._bare = self.names if self._keeps_markup else self._names(bare)
        unclear = self._ambiguous(peeled)
        self._cores = {
            core: label
            for core, label in self._names(peeled).items()
            if core not in unclear and any(map(str.isalnum, core)) and self.names.get(core, label) == label
        }
        self._letters = {core: text for text, _ in peeled if (core := self.key(text)) in self._cores}
        if unclear or len(self._letters) < len(self._cores) or not all(_LETTER.fullmatch(text) for text, _ in peeled):
            self._letters = {}
        self._words = {word for name in self.names for word in name.split()}
        self._hyphenated = any("-" in word for word in self._words)
        self._signed = any(name[-1] in "+-" for name in self.names if name)
        self._longest = 4 * max(map(len, self.names), default=0) + 100

    def key(self, text: str) -> str:
        """The compared form of a text."""
        return self._cased(" ".join(_compatible(text).split()))

    def whole(self, answer: str) -> list[str]:
        """The label that the answer is, or nothing."""
        if answer in self.labels:
            return [answer]
        text = _compatible(self._hyphens(answer))
        bare = text if self._keeps_markup else unmarked(text)
        for form, names in ((text, self.names), (bare, self._bare), (bare, self._cores)):
            for layer in _layers(form):
                if len(layer) <= self._longest and (label := names.get(self.key(layer))) is not None:
                    return [label]
        return []

    def inside(self, answer: str, *, strongest: bool) -> list[str]:
        """The labels in the answer, in their order; ``strongest``: of letters, those that mean the most as a choice."""
        text = _compatible(self._hyphens(answer))
        if self._letters:
            found = self._chosen(_spaced(without_commands(text)))
            least = max((weight for weight, _ in found), default=0) if strongest else 0
            return [label for weight, label in found if weight >= least]
        text = _spaced(text if self._keeps_markup else unmarked(text))
        return self._occurring(text, self._bare) or self._occurring(text, self._cores)

    def _cased(self, text: str) -> str:
        return text if self._case_sensitive else text.casefold()

    def _names(self, spellings: _Spellings) -> dict[str, str]:
        found = {self.key(text): label for text, label in reversed(spellings)}
        return dict(sorted(found.items(), key=lambda pair: (-len(pair[0]), pair)))

    def _ambiguous(self, spellings: _Spellings) -> set[str]:
        """The compared forms that two labels share."""
        first: dict[str, str] = {}
        return {key for text, label in spellings if first.setdefault(key := self.key(text), label) != label}

    def _hyphens(self, answer: str) -> str:
        """``answer`` with each soft hyphen as the labels have it."""
        if SOFT_HYPHEN not in answer or not self._hyphenated:
            return answer

        def either(word: re.Match[str]) -> str:
            dropped, hyphenated = (word[0].replace(SOFT_HYPHEN, instead) for instead in ("", "-"))
            bare, whole, other = (self.key(x) for x in (hyphenated.strip("._'-"), hyphenated, dropped.strip("._'-")))
            return hyphenated if {bare, whole} & self._words and other not in self._words else dropped

        return _SOFT_WORD.sub(either, answer)

    def _occurring(self, text: str, names: Mapping[str, str]) -> list[str]:
        """The labels that stand by themselves; of those that overlap the one that begins first, then the longest."""
        searched = self._cased(text)
        if len(searched) != len(text):  # ß is ss: written out first, so that places in both are the same
            text = "".join(c if len(c.casefold()) == 1 else c.casefold() for c in text)
            searched = self._cased(text)
        searched = searched.replace("\n", " ")
        found = []
        for name, label in names.items():
            for place in _places(name, searched):
                word = len(name) == 1 and is_a_word(text, place)
                if not word and not joined(text, place, place + len(name), signed=self._signed):
                    found.append((place, -place - len(name), label))
        kept, done = [], 0
        for place, minus_end, label in sorted(found):
            if place >= done:
                kept.append(label)
                done = -minus_end
        return kept

    def _chosen(self, text: str) -> list[tuple[int, str]]:
        """Every letter that stands by itself: how much it means, and its label."""
        either = "".join(c + ("" if self._case_sensitive else c.swapcase()) for c in self._letters.values())
        alone = list(re.finditer(f"{_NO_WORD_BEFORE}[{re.escape(either)}]{_NO_WORD_AFTER}", text))
        found = []
        for match in alone[:_MOST] + alone[_MOST:][-_MOST:]:
            core = self._cased(match[0])
            if not joined(text, match.start(), match.end(), signed=self._signed):
                found.append((evidence(text, match.start(), label=self._letters[core]), self._cores[core]))
        return [one for one in found if one[0]]


_MOST = 2_000  # letters weighed, from the beginning and the end of an answer; no answer of a person's has as many
_LETTER = late(f"[^\\W_{UNSPACED}]")
_NO_WORD_BEFORE = f"(?<![^\\W_{UNSPACED}])"
_NO_WORD_AFTER = f"(?![^\\W_{UNSPACED}\u1100-\u11ff\u3130-\u318f\uac00-\ud7af])"
_SOFT_WORD = late(rf"(?<![\w.'&/+#-])[\w.'&/+#-]*+{SOFT_HYPHEN}[\w.'&/+#{SOFT_HYPHEN}-]*")


def _compatible(text: str) -> str:
    """The plain form of a text under NFKC: full-width letters, ligatures and no-break spaces are the usual ones."""
    return text if text.isascii() and text.isprintable() else unicodedata.normalize("NFKC", plain(text))


def _spaced(text: str) -> str:
    """``text`` with each run of white space as one line break or space."""
    return re.sub(r" ?\n\s*", "\n", re.sub(r"[^\S\n]+", " ", text)).strip()


def _places(name: str, text: str) -> Iterable[int]:
    if len(name) == 1 and name.isalnum():  # most of a letter's occurrences are inside words
        yield from (match.start() for match in re.finditer(f"{_NO_WORD_BEFORE}{name}{_NO_WORD_AFTER}", text))
        return
    place = text.find(name)
    while place >= 0:
        yield place
        place = text.find(name, place + 1)


_PAIRS = dict(zip("([{<\"'`*_~$|«»‹›「『【《〈〔¿¡", ")]}>\"'`*_~$|»«›‹」』】》〉〕?!", strict=True))
_HOLDING = late(
    r"\\[a-zA-Z]+\*?\s*\{(.*)\}|<([a-zA-Z][\w-]*)(?:\s[^<>]*)?>(.*)</\2\s*>|```[^\n`]*\n(.*)\n\s*```", re.DOTALL
)
_LEADING = late(r"(?:[-*+•·‣▪◦>#=:→—]+|--+)\s+|(?:#+|[-—>])(?=[^\W\d_])|[—:=→]|--+|\\[([]|\+(?=\d)")
_TRAILING = late(r"(?:[.,;:!?。、…؟।—]|\s-|--|\\[)\]])$")
_LONE_BEFORE, _LONE_AFTER = "([{<\"'`*_~$|«「『【《〈¿¡", ")]}>\"'`*_~$|»」』】》〉"
_DEEPEST = 40


def _layers(text: str) -> Iterator[str]:
    """``text``, and what is left of it as its outermost layer is taken away, again and again."""
    for _ in range(_DEEPEST):
        text = text.strip()
        if not text:
            return
        yield text
        held = _HOLDING.fullmatch(text) if text[0] in "\\<`" else None
        if held:
            text = next(part for part in (held[1], held[3], held[4]) if part is not None)
        elif len(text) > 1 and _PAIRS.get(text[0]) == text[-1]:
            text = text[1:-1]
        elif ends := _TRAILING.search(text[-3:]):
            text = text[: len(text) - len(ends[0])]
        elif leads := _LEADING.match(text):
            text = text[leads.end() :]
        elif text[-1] in _LONE_AFTER:
            text = text[:-1]
        elif text[0] in _LONE_BEFORE:
            text = text[1:]
        else:
            return
