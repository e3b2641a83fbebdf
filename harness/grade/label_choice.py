r"""What stands around a label: whether it is part of something longer, and how much a single letter means as a choice.

A label counts only where it is not a part of something longer; text is in its plain form (`harness.grade.plain`):

- a letter or digit next to it joins, except where one of the two belongs to a script that writes no spaces (Chinese,
  Japanese, Thai, …; a run of katakana is one word) or the scripts differ and one is Hangul, or as a Korean ending;
- an attached hyphen between two words joins (``non-toxic`` is not ``toxic``); before a digit it is a minus sign; at the
  end it is a sign too (``AA-`` is not ``AA``) unless a word follows and no label of the list ends in a sign; before a
  letter it is a bullet; spaced hyphens, two in a row, and em dashes are punctuation;
- an attached ``#``, ``+`` or, after a digit, ``%`` at the end joins (``C#`` is not ``C``);
- one of ``'/&@.`` between two words or digits joins (``can't``, ``n/a``, ``node.js``), a comma or colon between digits
  too; a full stop before a capital ends a sentence.

Where every label is one letter or digit (brackets aside), an answer often names several, and "a" is a word as well.
How a letter stands says how much it means, and the most that occurs decides:

- `STATED`: it follows "answer is", "answer:", "the correct option is", ``####``, stands in ``\boxed{}`` or a tag such
  as ``<answer>``, or is the answer's first line;
- `MARKED`: it is in brackets, quotes or emphasis, has a bracket after it, begins a line and is followed by punctuation
  or "because", is called right, follows "option", "choose", "so", "is" or a colon, or ends the answer;
- `BARE`: it stands as a word of its own, or what is said of it says nothing for it;
- `DOUBTED`: its clause says "could be", "at first" or "if", or denies or blames something; a question mark, "would" or
  "no, wait" follows;
- `NOTHING`: the article "a", the pronoun "I", a letter that is denied ("not", "can't be", "unlikely to be", "than",
  "rule out"), listed as wrong or other answer, called wrong, or a small letter that is not marked, where the label is a
  capital.
"""

import re
import unicodedata

from harness.core import late
from harness.grade.plain import BOX

NOTHING, DOUBTED, BARE, MARKED, STATED = range(5)
UNSPACED = (
    "\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff\u1950-\u19df\u1a20-\u1aaf\u1b00-\u1b7f\u3005-\u3007\u3040-\u30ff"
    "\u3100-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua4cf\ua980-\ua9df\uaa60-\uaa7f\uf900-\ufaff"
    "\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)  # ranges of the scripts that put no space between words, for a character class

_UNSPACED = late(f"[{UNSPACED}]")
_KATAKANA = late("[\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff]")
_HANGUL = late("[\u1100-\u11ff\u3130-\u318f\uac00-\ud7af]")
_ENDING = late(
    "(?:이?(?:입니다|다|에요|예요|야|라고|며|고|므로|니까|지만|라는)|[은는이가을를의도만과와로에]|으로|에서|까지|부터|이나)(?![\uac00-\ud7af])|입니다"
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
    if before == ".":
        if first.isdigit():
            return earlier.isdigit() or earlier.isspace()
        return attached and not (first.isupper() and not earlier.isupper())
    if before in ",:":
        return earlier.isdigit() and first.isdigit() and (before == ":" or _thousands(text, start))
    return before in "+'/&@" and attached and (before != "'" or earlier.isalpha())


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
        # attached before and not after, and followed by a word, it is a dash in a sentence
        dash = not signed and later in " \n\t" and is_word(text[end + 1 : end + 41].lstrip()[:1] or " ")
        return attached or not (is_word(later) or later == "-" or dash)
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


def evidence(text: str, place: int, *, label: str) -> int:
    """How much the letter or digit at ``place`` means as a choice; ``label`` is how the list spells it."""
    after = text[place + 1 : place + 121]
    if is_a_word(text, place) or _CALLED_WRONG.match(after):
        return NOTHING
    before = text[max(0, place - 120) : place].lower()
    lead = before.rstrip(_WRAPPERS)
    clause = _clause(lead, before[len(lead) :], after)
    if _DENIED.search(clause):
        return NOTHING
    alone = place < 20 and not text[:place].strip(_WRAPPERS) and _ALONE.match(text, place + 1)
    if alone or BOX in before[len(lead) :] or lead.endswith("####"):
        return STATED
    weight = _standing(text, place, before, label=label)
    doubted = _DOUBT.search(clause) or _SUPPOSED.search(before) or _DOUBT_FOLLOWS.match(after)
    return min(weight, DOUBTED) if doubted else weight


def _clause(lead: str, wrappers: str, after: str) -> str:
    """What is said right before a letter, or before the list of letters that it is in."""
    if "\n" in wrappers and not lead.endswith(":"):
        return ""
    listed = _LISTED.search(lead)
    if listed:
        head = lead[: listed.start()].rstrip(_WRAPPERS)
        if head.endswith((":", "s")) or _JOINED.search(listed[0]) or _LIST_GOES_ON.match(after):
            lead = head
    lead, _ = _unnamed(lead)
    return lead[max((end.end() for end in _CLAUSE_ENDS.finditer(lead)), default=0) :]


def _unnamed(lead: str) -> tuple[str, bool]:
    """``lead`` without "the option" at its end, and whether that is there."""
    named = _NAMED.search(lead[-20:])
    return (lead[: len(lead) - len(named[0])].rstrip(_WRAPPERS), True) if named else (lead, False)


def _standing(text: str, place: int, before: str, *, label: str) -> int:
    """How much the letter means by its form and by the words that lead to it."""
    lead, named = _unnamed(before.rstrip(_WRAPPERS))
    lead = _ADVERBS.sub("", lead)
    link = _LINK.search(lead[-9:])
    talked_of = not link and _TALKED_OF.match(text, place + 1) and not _CALLED_RIGHT.match(text, place + 1)
    asked = lead[: len(lead) - len(link[0])] if link else lead[-24:].rstrip(" -–—,\n")
    if not talked_of and (_QUESTION if link else _QUESTION_ENDS).search(asked):
        return STATED
    if _is_marked(text, place, before, cued=not talked_of and bool(named or link or _CUE.search(lead[-15:]))):
        return MARKED
    return NOTHING if text[place].islower() and text[place] != label else BARE


_WRAPPERS = f" \n*_`\"'([{{<$|【「{BOX}"
_DENIED = late(
    r"(?:\b(?:not|cannot|nor|neither|never|than|unlike|over|except(?: for)?|versus|(?:all|anything) but|instead of"
    r"|nicht|weder|pas|не|(?:un|less |least )likely|impossible)|n't|不是|不[选選]|并非)"
    r"(?:,?\s(?:\w{1,12}ly|likely|really|for|to|it|that|the answer|be|have been|is|was)){0,5}$"
    r"|\b(?:no es|non [eè]|n[ãa]o [eé])$"
    r"|(?:n't|\b(?:not|never|wouldn't))\s(?:think|believe|choose|pick|select|say|call|expect|go (?:with|for))\b.{0,30}$"
    r"|(?<!no )(?<!without )(?<!a )(?<!any )\bdoubt\b.{0,30}$"
    r"|\b(?:rul(?:e[sd]?|ing) out|(?:eliminat|exclud|reject|discard|dismiss)\w{1,3})(?: both| all|\s?:)?$"
    r"|\b(?:wrong|incorrect|false|other|remaining)\s"
    r"(?:answers?|options|choices|letters|ones|statements)(?:\s(?:is|are|were|would be))?[:\s]*$"
    r"|\b(?:wrong|incorrect|false)\s?[:=]$"
)
_DOUBT = late(
    r"n't\b|\b(?:not|cannot|never|wrong|incorrect|false|invalid|unlikely|least|worst|unsure|(?:could|might|may|can)\s"
    r"(?:\w{1,12}\s)?(?:be|have been|think|say|seem)|(?:many|some|most)\s"
    r"(?:people|students|would)|maybe|perhaps|possibly|if|suppose|at first|initially|(?:thought|assumed)|tempt\w*"
    r"|distractors?|trap)\b(?!\s(?:hard|difficult|surpris|only)|-)"
)
_SUPPOSED = late(r"\bif\b[^.!?;\n]{1,90}\bwould\b[^.!?;,\n]{0,30}$")
_LISTED = late(
    r"(?:\b\w[)\]*_`\"']{0,3}\s?(?:,\s?(?:(?:and|or|nor)\b\s?)?|(?:and|or|nor|und|oder|et|ou)\b\s?|[/&]\s?)"
    r"(?:(?:option|choice|answer)\s)?[(\[*_`\"']{0,3}){1,9}$"
)
_JOINED = late(r"\b(?:and|or|nor|und|oder|et|ou)\b|[/&]")
_LIST_GOES_ON = late(r"[)\]*_`\"']{0,3}\s?(?:,\s?|,?\s?(?:and|or|nor)\s|[/&]\s?)[(\[*_`\"']{0,3}\w\b(?!\s(?:is|it)\b)")
_CLAUSE_ENDS = late(
    r"[.!?](?=\s|$)|[;,，。；]|\n|—|\b(?:(?<!all )(?<!anything )but|so|then|because|since|as|while|whereas|although"
    r"|though|hence|thus|therefore|and|sondern|mais|sino)\b"
)
_ADVERBS = late(r"(?<=\w)(?:,?\s{1,3}(?:\w{1,12}ly|therefore|thus|then|indeed|just|most|of course)\b){1,3},?$")
_NAMED = late(
    r"(?:\b(?:the|la|der|die|das|le)\s)?"
    r"(?:\b(?:option|choice|letter|alternative|statement|number|label|class|category)|选项|選項)$"
)
_LINK = late(r"(?:[:=>→是为為は이은는]|\b(?:is|be|was|are|would|to|ist|est|es|è|é|är|jest)|'s)\W{0,3}$")
ANSWER = (
    r"(?:answer|solution|antwort|l[öo]sung|r[ée]ponse|respuesta|resposta|risposta|ответ|答案|答え|正解|回答|정답|답"
    r"|(?:correct|right|best|final|true)\s(?:one|option|choice|letter|statement|alternative))(?!\s(?:choices|options))"
)
_QUESTION = late(
    rf"(?:{ANSWER}|\b(?:label|class|category|rating|score|grade|verdict|prediction|result|output))"
    r"(?:(?!\b(?:because|since|as|but|while|where)\b)[^.!?,;:\n]){0,60}$"
)
_QUESTION_ENDS = late(rf"{ANSWER}$")
_CUE = late(
    r"(?:\b(?:choose|chose|pick|select|selected|guess|go with|going with|so|therefore|thus|hence)|[选選])\W{0,3}$"
)


def _is_marked(text: str, place: int, before: str, *, cued: bool) -> bool:
    after = text[place + 1 : place + 40]
    if _CALLED_RIGHT.match(after):
        return True
    start = text.rfind("\n", max(0, place - 200), place) + 1
    if place - start < 20 and not text[start:place].strip(" *_`#>-•") and _OPENS_A_LINE.match(after):
        return True
    if _CLOSER.match(after) and (_OPENER.search(before[-12:]) or (after[0] == ")" and before[-1:] in ("", " ", "\n"))):
        return True
    ends = place + 40 > len(text) and not after.strip(" \n*_`\"')]}>$.!?。,;:")
    begun = _BEGUN.match(text, start) if cued or ends else None
    if begun and begun.end() <= place and (ends or not text[begun.end() : place].strip(" *_`")):
        return False
    return ends or cued


_ALONE = late(r"[*_`\"')\]}>$. ]{0,9}(?:\n|$)")
_CLOSING = r"[)\]}*_`\"']{0,3}"
_CALLED_WRONG = late(
    rf"(?i){_CLOSING}(?:(?:(?:,\s?(?:(?:and|or)\s)?|\s(?:and|or)\s|\s?[/&]\s?)[(\[*_`\"']{{0,3}}\w\b{_CLOSING}){{0,9}}"
    r"\s(?:(?:both|all)\s)?(?:are|were|seem|look)|\s(?:is|was|seems|looks|would be|must be))"
    r"(?:n't|\s(?:\w{1,12}ly\s)?(?:(?:the|an?)\s)?"
    r"(?:wrong|incorrect|false|not|never|too|invalid|impossible|unlikely|out|ruled out|eliminated|excluded))\b"
    rf"|{_CLOSING}\scan(?:(?:not|'t| not)\s(?:\w{{1,12}}ly\s)?be\b|\sbe (?:ruled out|eliminated|excluded|dismissed)\b)"
    rf"|{_CLOSING}\s(?:ist falsch|est faux|是错|不对)"
)
_TALKED_OF = late(
    rf"(?i){_CLOSING}\s(?:would|could|might|may|should|can|has|had|does|did|needs?|requires?|is|was|seems"
    r"|looks|appears|also)\b"
)
_DOUBT_FOLLOWS = late(
    rf"(?i){_CLOSING}(?:\?(?!\W{{0,3}}(?:yes|right|correct)\b)|[ ,][^.!?;:\n(]{{0,60}}\?"
    r"|\s(?:(?:would|could|might|may)\b(?!\sbe\s(?:the\s)?(?:correct|right|best|answer)|\sbe\smy)"
    r"|(?:does|do|did)(?:n't| not)\b|can(?:not|'t| not)\b|if\b|unless\b|needs?\b|requires?\b|fails\b)"
    r"|\s(?:is|was|seems|looks)\s(?:almost|nearly|close|partly|partially|tempting|plausible)\b"
    r"|\s?[).:=(—–-]?\s?(?:wrong|incorrect)\b|\s?[✗❌]"
    r"|[^.!?\n]{0,40}[.!?…,\n—–-]{1,3}\s?(?:(?:but|oh|hmm+|hm|no)[,.…]*\s)?(?:wait\b|no[,.!…—]"
    r"|scratch that|correction\b|oops|sorry,|i mean\b|actually,|on second thought))"
)
_CALLED_RIGHT = late(
    r"(?i)[)\]}*_`\"']{0,3}\s(?:is|seems|looks|must be|would be)\s(?:to be\s)?(?:the\s)?"
    r"(?:correct|right|best|better|answer)\b"
)
_OPENS_A_LINE = late(r"(?i)[*_`]*(?:[).:,;\]]|\s[-—=]|\s?(?:$|\n)|—|-\s)|\s(?:because|since|as|is|was|for)\b")
_OPENER = late(r"(?:^|[\s:=,;])[*_`]*[(\[{\"'$*_`<【「]+$")
_CLOSER = late(r"[)\]}\"'$*_`>】」]")
# A line that names its choice at its beginning: what ends it is no choice.
_BEGUN = late(r"(?!A:)[\s*_`#>(\[-]{0,9}(?:option )?\w[*_`]*[).:\]]", re.IGNORECASE)


def is_a_word(text: str, place: int) -> bool:
    """Whether the letter at ``place`` is the article "a" or the pronoun "I", as far as its neighbours say."""
    letter = text[place]
    if letter not in "aAiI":
        return False
    following = _NEXT_WORD.match(text, place + 1)
    if following is None or (letter in "aA" and _NOT_AFTER_AN_ARTICLE.fullmatch(following[1])):
        return False
    before = text[max(0, place - 40) : place].rstrip(" *_`\"'")
    if _NAMED.search(before[-20:].rstrip(_WRAPPERS).lower()):
        return False
    inside_a_sentence = before[-1:].isalnum() or before[-1:] == ","
    return not (letter == "A" and inside_a_sentence and following[1][0].islower())


_NEXT_WORD = late(r"[*_`]{0,3} ?\n?([^\W\d_]{1,20})")
_NOT_AFTER_AN_ARTICLE = late(
    "(?i)is|are|was|were|be|would|will|should|shall|can|could|may|might|must|has|have|had|does|did|seems|because|since"
    "|as|and|or|but|if|then|than|when|while|which|that|this|these|in|on|of|to|at|by|for|from|with|without|over|the|not"
    "|makes|gives"
)
