"""Where a label ends: whether what stands next to it belongs to the same word, number or sign.

Text is in its plain form (see `harness.grade.plain`). A label counts only where it is not a part of something longer:

- a letter or digit next to it joins, except where one of the two belongs to a script that writes no spaces (Chinese,
  Japanese, Thai, Lao, Khmer, Burmese, …; a run of katakana is one word) or the scripts differ and one is Hangul; a
  Korean ending may follow a Hangul label;
- an attached hyphen between two words joins (``non-toxic`` is not ``toxic``); before a digit it is a minus sign; at the
  end it is a sign too (``AA-`` is not ``AA``) unless a word follows and no label of the list ends in a sign; before a
  letter it is a bullet; spaced hyphens, two in a row, and em dashes are punctuation;
- an attached ``#``, ``+`` or, after a digit, ``%`` at the end joins (``C#`` is not ``C``);
- an apostrophe, slash, ampersand, at sign or full stop between two words or digits joins (``can't``, ``n/a``, ``R&D``,
  ``node.js``, ``1.5``), a comma or colon between digits too; a full stop before a capital ends a sentence.
"""

import re
import unicodedata

UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3040-\u30ff"
    "\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua980-\ua9df\uaa60-\uaa7f\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)  # ranges of the scripts that put no space between words, for a character class

_UNSPACED = re.compile(f"[{UNSPACED}]")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]")
_HANGUL = re.compile("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_ENDING = re.compile(
    "(?:이?(?:입니다|다|에요|예요|야|라고|며|고|므로|니까|지만|라는)|[은는이가을를의도만과와로에]|으로|에서|까지|부터|이나)"
    "(?![\uac00-\ud7af])|입니다"
)
_OPEN, _CLOSE = "([{<\"'«‹「『【《〈〔", ")]}>\"'»›」』】》〉〕"


def is_word(char: str) -> bool:
    """Whether ``char`` is a letter, a digit, an underscore, or a mark on one."""
    return char.isalnum() or char == "_" or (char > "\u02ff" and unicodedata.category(char)[0] == "M")


def joined(text: str, start: int, end: int, *, signed: bool) -> bool:
    """Whether ``text[start:end]`` is a part of something longer; ``signed``: a label of the list ends in a sign."""
    return _joined_before(text, start) or _joined_after(text, end, signed=signed)


def _at(text: str, place: int) -> str:
    return text[place] if 0 <= place < len(text) else " "


def _joined_before(text: str, start: int) -> bool:
    first, before, earlier = text[start], _at(text, start - 1), _at(text, start - 2)
    if before.isspace() or first in _OPEN:
        return False
    if is_word(before):
        if before == "_":  # emphasis, unless a word stands before it
            return is_word(text[max(0, start - 9) : start].rstrip("_")[-1:] or " ")
        return _same_script(before, first) if is_word(first) else _is_sign(first, next_to=before)
    if not is_word(first):
        return before == first == "-"
    attached = is_word(earlier) and _same_script(earlier, first)
    if before == "-":
        return attached or (first.isdigit() and earlier != "-")
    if before == "+":
        return attached
    if before == ".":
        if first.isdigit():
            return earlier.isdigit() or earlier.isspace()
        return attached and not (first.isupper() and not earlier.isupper())
    if before in ",:":
        return earlier.isdigit() and first.isdigit() and (before == ":" or _thousands(text, start))
    return before in "'/&@" and attached and (before != "'" or earlier.isalpha())


def _joined_after(text: str, end: int, *, signed: bool) -> bool:
    last, after, later = text[end - 1], _at(text, end), _at(text, end + 1)
    if after.isspace() or (last in _CLOSE and not unicodedata.category(after).startswith("M")):
        return False
    if is_word(after):
        if after == "_":
            return is_word(text[end : end + 9].lstrip("_")[:1] or " ")
        if unicodedata.category(after).startswith("M"):
            return True
        if _HANGUL.match(last) and _ENDING.match(text, end):
            return False
        return _same_script(last, after) if is_word(last) else _is_sign(last, next_to=after)
    if not is_word(last):
        return False
    attached = is_word(later) and _same_script(last, later)
    if after in "-+#%":
        return _sign_after(text, end, attached=attached, signed=signed)
    if after == ".":
        if last.isdigit() or later.isdigit():
            return last.isdigit() and later.isdigit()
        return attached and (_at(text, end + 2) == "." or (last.islower() and later.islower()))
    if after in ",:":
        return last.isdigit() and later.isdigit() and (after == ":" or _thousands(text, end + 1))
    return after in "'/&@" and attached and (after != "'" or later.isalpha())


def _sign_after(text: str, end: int, *, attached: bool, signed: bool) -> bool:
    last, after, later = text[end - 1], text[end], _at(text, end + 1)
    if after == "-":
        dash_in_a_sentence = not signed and _word_follows(text, end + 1)
        return attached or not (is_word(later) or later == "-" or dash_in_a_sentence)
    return last.isdigit() if after == "%" else not _UNSPACED.match(last)


def _is_sign(char: str, *, next_to: str) -> bool:
    """Whether a sign at the edge of a label belongs to the word next to it; a bracket or an emoji does not."""
    return char not in _OPEN + _CLOSE and unicodedata.category(char) != "So" and not _UNSPACED.match(next_to)


def _same_script(one: str, other: str) -> bool:
    """Whether two neighbours belong to one word, as far as their scripts say."""
    if _UNSPACED.match(one) or _UNSPACED.match(other):
        return bool(_KATAKANA.match(one) and _KATAKANA.match(other))
    return bool(_HANGUL.match(one)) == bool(_HANGUL.match(other))


def _thousands(text: str, place: int) -> bool:
    return text[place : place + 3].isdigit() and not _at(text, place + 3).isdigit()


def _word_follows(text: str, place: int) -> bool:
    """Whether a hyphen that is attached before and not after is followed by a word, as a dash is."""
    return _at(text, place) in " \n\t" and is_word(text[place : place + 40].lstrip()[:1] or " ")
