"""May the result be sold? What the licences on record commonly say, in plain words; no legal advice."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.core import ContenderRecord, Described, listed

PERMISSIVE, SHARE_ALIKE, UNKNOWN, NON_COMMERCIAL = "permissive", "share-alike", "unknown", "non-commercial"
"""What a licence is, the freest first; of several the last of these counts."""
MAY = {PERMISSIVE: "yes", SHARE_ALIKE: "yes", UNKNOWN: "unknown", NON_COMMERCIAL: "no"}
MEANS = {
    PERMISSIVE: "permissive, which commonly allows it",
    SHARE_ALIKE: "share-alike: commonly allowed, and what is passed on may have to keep these terms",
    UNKNOWN: "not known, ask",
    NON_COMMERCIAL: "non-commercial: commonly not allowed, ask before anybody pays",
}
_ORDER = list(MEANS)
_NAMES = (
    (NON_COMMERCIAL, r".*(-nc(-|$)|non-?commercial|research-only|academic-only).*"),
    (UNKNOWN, r".*(-nd(-|$)|bsl-?1\.1|busl).*"),
    (SHARE_ALIKE, r"cc-by-sa(-.*)?|[al]?gpl(v?-?[123].*)?|(odbl|mpl|epl|eupl|cdla-sharing|osl|ms-rl|cecill)(-.*)?"),
    (
        PERMISSIVE,
        r"(apache|mit|bsd|isc|cc0|cc-by|0bsd|zlib|pddl|odc-by|cdla-permissive|ecl|afl)(-?v?[0-9].*|-licen.*)?",
    ),
    (PERMISSIVE, r"bsl-1\.0|public-domain|python-2\.0|postgresql|unlicense|ncsa|ms-pl|wtfpl"),
)
SHOWN = 5  # options that a sentence lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Licence:
    """One thing that an option rests on, and under which terms."""

    of: str  # such as ``base worker``, ``data``, ``adapter`` or ``model theirs``
    licence: str  # as it was written; empty: none is on record
    terms: str  # ``permissive``, ``share-alike``, ``unknown`` or ``non-commercial``


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Whether what comes of an option may be sold, by the licences on record as they are commonly read."""

    contender: str
    answer: str  # ``yes``, ``no`` or ``unknown``
    evidence: str


def terms_of(text: str) -> str:
    """What a licence is, by its name in SPDX or much like it: of ``A AND B`` the stricter, of ``A OR B`` the freer."""
    for word, pick in ((" or ", min), (" and ", max)):
        if word in (low := text.lower()):
            return pick((terms_of(part) for part in low.split(word)), key=_ORDER.index)
    name = (
        re.sub(r"[\s_]+", "-", text.strip(" ()").lower())
        .removeprefix("the-")
        .removesuffix("-license")
        .removesuffix("-licence")
    )
    return next((terms for terms, pattern in _NAMES if re.fullmatch(pattern, name)), UNKNOWN)


def licences_of(known: Described, name: str) -> tuple[Licence, ...]:
    """Those of the models, bases and data that a contender rests on, each once."""
    found: dict[tuple[str, str], None] = {}
    for part in known.parts_of(name) if name in known.contenders else ():
        found |= dict.fromkeys(_of_part(known, part))
        if part.author:
            found[f"model {part.author}", _licence(known, part.author)] = None
    return tuple(Licence(of=of, licence=text, terms=terms_of(text)) for of, text in found)


def _of_part(known: Described, part: ContenderRecord) -> Sequence[tuple[str, str]]:
    model = str(part.model or part.name)
    own, cards = _licence(known, model), known.card_licences(part)
    if not cards:
        return [(f"model {model}", own)]
    base = known.base_of(part)
    of_base, found = own if base in {None, model} else _licence(known, str(base)), []
    if base != model and own:
        found.append((f"model {model}", own))
    for card in cards:
        stated = {"card.yaml": _said(card, "base_licence"), "experiment.yaml": of_base}
        named = sorted({text for text in stated.values() if text}) or [""]
        for text in named:  # of two the reader must see who says which
            source = "" if len(named) < 2 else f" ({' and '.join(by for by, one in stated.items() if one == text)})"
            found.append((f"base {base or model}{source}", text))
        found.append(("data", _said(card, "data_licence")))
        found += [("adapter", text)] if (text := _said(card, "licence")) else []
    return found


def _licence(known: Described, model: str) -> str:
    return known.models[model].licence if model in known.models else ""


def _said(card: Mapping[str, Any], key: str) -> str:
    return str(card.get(key) or "")


def worst(licences: Sequence[Licence]) -> str:
    """The terms that count for all of them together."""
    return max((one.terms for one in licences), key=_ORDER.index, default=UNKNOWN)


def in_words(licences: Sequence[Licence]) -> str:
    """``base worker: Apache-2.0, data: CC0-1.0``."""
    return ", ".join(f"{one.of}: {one.licence or 'not on record'}" for one in licences) or "no licence is on record"


def sale_of(options: Mapping[str, Sequence[Licence]], lead: str) -> Sale:
    """One sentence on the option that the advice is about, and the names of others whose terms are different."""
    mine, groups = worst(options[lead]), dict[str, list[str]]()
    for name, licences in options.items():
        groups.setdefault(worst(licences), []).append(name)
    said = [f"{lead}: {in_words(options[lead])} ({MEANS[mine]})"]
    said += [f"{terms}: {listed(groups[terms], SHOWN)}" for terms in _ORDER if terms != mine and terms in groups]
    return Sale(contender=lead, answer=MAY[mine], evidence="; ".join([*said, "as commonly read, no legal advice"]))
