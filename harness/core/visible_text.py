"""Other people's texts, made visible: a name in a report may come from anywhere, and is data.

No control character of it reaches a terminal, and nothing stands in it that a reader does not see.
"""

import re
import unicodedata

_HIDDEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


_IGNORED = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0d\uffa0\U000e0100-\U000e01ef]"
    "|(?<=[\ufe0e\ufe0f])[\ufe0e\ufe0f]+"  # one after an emoji chooses how it is drawn; more of them hide something
)  # letters and marks that are drawn as nothing: texts, and orders to a model, have been hidden in them


def visible(text: str, limit: int | None = None, *, lines: bool = False) -> str:
    r"""``text`` with everything that a reader would not see, or that would move the cursor, as ``\x1b`` or ``\u202e``.

    A text of more than ``limit`` characters ends with an ellipsis; ``lines`` leaves line breaks and tabs as they are.
    """
    # An escape is longer than what it stands for: of a text of megabytes only the start can be seen, or is looked at.
    whole = text if limit is None else text[: limit + 1]
    if lines:
        whole = whole.replace("\r\n", "\n")
    if not whole.isprintable() or _IGNORED.search(whole):
        whole = _IGNORED.sub(lambda found: "".join(map(_escape_hidden, found[0])), whole)
        kept = "\n\t" if lines else ""
        whole = "".join(_escape_hidden(c) if _is_hidden(c) and c not in kept else c for c in whole)
    if limit is None or (len(text) <= limit + 1 and len(whole) <= limit):
        return whole
    return whole[: limit - 1] + "…"


def _is_hidden(character: str) -> bool:
    return not character.isprintable() and unicodedata.category(character) in _HIDDEN


def _escape_hidden(character: str) -> str:
    code = ord(character)
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
