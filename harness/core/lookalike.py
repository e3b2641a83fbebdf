"""Other people's texts are data: which names a reader takes for one another, and what of a text cannot be seen."""

import re
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
_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    "|(?<=[\ufe0e\ufe0f])[\ufe0e\ufe0f]+"  # one after an emoji chooses how it is drawn; more of them hide something
)  # letters and marks that are drawn as nothing: texts, and orders to a model, have been hidden in them


def unseen(name: str) -> str | None:
    """The first character of a name that no reader sees and no word needs, described; ``None`` where there is none."""
    return next((_described(c) for c in name if _is_unseen(c) and c not in _JOINERS), None)


def skeleton(name: str) -> str:
    """Equal for names that look alike: case, alphabet, width, spaces and unseen characters aside."""
    seen = "".join(" " if c.isspace() else c for c in unicodedata.normalize("NFKC", name))
    seen = "".join(c for c in seen if not _is_unseen(c)).translate(_TABLE)
    return " ".join(unicodedata.normalize("NFKC", seen.casefold()).split())


def difference(one: str, other: str) -> str:
    """In what two names of one skeleton differ, in words."""
    if one.casefold() == other.casefold():
        return "case"
    foreign = [c for here, there in ((one, other), (other, one)) for c in here if not c.isascii() and c not in there]
    return f"the character {_described(foreign[0])}" if foreign else "spaces or signs"


def visible(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    r"""``text`` (cut at ``limit``), what is unseen or moves the cursor as ``\x1b``; ``lines`` keeps breaks, tabs."""
    # An escape is longer than what it stands for: of a text of megabytes only the start can be seen, or is looked at.
    whole = text if limit is None else text[: limit + 1]
    whole, kept = (whole.replace("\r\n", "\n"), "\n\t") if lines else (whole, "")
    if not whole.isprintable() or _IGNORED.search(whole):
        whole = _IGNORED.sub(lambda found: "".join(map(_escape, found[0])), whole)
        hidden = {c for c in set(whole) if not c.isprintable() and unicodedata.category(c) in _HIDDEN and c not in kept}
        whole = "".join(_escape(c) if c in hidden else c for c in whole)
    if limit is None or (len(text) <= limit + 1 and len(whole) <= limit):
        return whole
    return whole[: limit - 1] + "…"


def _described(character: str) -> str:
    return f"U+{ord(character):04X} ({unicodedata.name(character, 'without a name')})"


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _is_unseen(c: str) -> bool:
    kind = unicodedata.category(c)
    return kind in {"Cf", "Cc", "Zl", "Zp"} or (kind == "Zs" and c != " ") or c in _FILLERS or c in _JOINERS
