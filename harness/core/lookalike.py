"""Names that a reader takes for one another: other cases, other alphabets, characters that cannot be seen."""

import unicodedata

_LIKE_LATIN = dict(
    zip(
        "АВЕЅІЈКМНОРСТУХаеіјорсухѕԁһԛԝցոսհӏΑΒΕΖΗΙΚΜΝΟΡΤΥΧονɡıǀ‐‒–—−’",
        "ABESIJKMHOPCTYXaeijopcyxsdhqwgnuhlABEZHIKMNOPTYXovgil-----'",
        strict=True,
    )
)  # letters of Cyrillic, Armenian, Greek and Latin that print as another, and dashes (after Unicode's confusables)
_TABLE = str.maketrans(_LIKE_LATIN)
_FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0"
_JOINERS = "\u200c\u200d\ufe0e\ufe0f"  # what words of some languages, and emoji, are written with


def unseen(name: str) -> str | None:
    """The first character of a name that no reader sees and no word needs, described; ``None`` where there is none."""
    return next((described(c) for c in name if _is_unseen(c) and c not in _JOINERS), None)


def skeleton(name: str) -> str:
    """Equal for names that look alike: case, alphabet, width, spaces and unseen characters aside."""
    seen = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFKC", name))
    seen = "".join(c for c in seen if not _is_unseen(c)).translate(_TABLE)
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def difference(one: str, other: str) -> str:
    """In what two names of one skeleton differ, in words."""
    if one.casefold() == other.casefold():
        return "case"
    for here, there in ((one, other), (other, one)):
        for c in here:
            if not c.isascii() and c not in there:
                return f"the character {described(c)}"
    return "spaces or signs"


def described(character: str) -> str:
    """A character by its code and name."""
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'without a name')})"


def _is_unseen(c: str) -> bool:
    kind = unicodedata.category(c)
    return kind in {"Cf", "Cc", "Zl", "Zp"} or (kind == "Zs" and c != " ") or c in _FILLERS or c in _JOINERS
