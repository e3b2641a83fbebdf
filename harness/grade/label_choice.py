r"""Single letters and digits as people give them when they choose: "B", "(B)", "B) Paris", "The answer is B".

Where every label of a list is one letter or digit (brackets around it aside), an answer often names several of them,
and "a" is a word as well. How a letter stands says how much it means:

- `STATED`: it follows "answer is", "answer:", "the correct option is", ``####``, or stands in ``\boxed{}`` or a tag
  such as ``<answer>``;
- `MARKED`: it is in brackets, quotes or emphasis, has a bracket after it, begins a line and is followed by punctuation
  or "because", follows "option", "choose", "so", "is" or a colon, or ends the answer;
- `BARE`: it stands as a word of its own;
- `NOTHING`: the article "a", the pronoun "I", or a small letter, where the label is a capital, that is not marked.

The most that occurs decides; among equals ``take`` does.
"""

import re

from harness.grade.plain import BOX

NOTHING, BARE, MARKED, STATED = range(4)


def evidence(text: str, place: int, *, label: str) -> int:
    """How much the letter or digit at ``place`` means as a choice; ``label`` is how the list spells it."""
    if is_a_word(text, place):
        return NOTHING
    before = text[max(0, place - 120) : place].lower()
    lead = before.rstrip(_WRAPPERS)
    named = _NAMED.search(lead[-20:])
    if named:
        lead = lead[: len(lead) - len(named[0])].rstrip(_WRAPPERS)
    link = _LINK.search(lead[-9:])
    if BOX in before[len(lead) :] or lead.endswith("####"):
        return STATED
    asked = lead[: len(lead) - len(link[0])] if link else lead[-24:].rstrip(" -–—,\n")
    if (_QUESTION if link else _QUESTION_ENDS).search(asked):
        return STATED
    if _is_marked(text, place, before, cued=bool(named or link or _CUE.search(lead[-15:]))):
        return MARKED
    return NOTHING if text[place].islower() and text[place] != label else BARE


_WRAPPERS = f" \n*_`\"'([{{<$|【「{BOX}"
_NAMED = re.compile(
    r"(?:\b(?:the|la|der|die|das|le)\s)?(?:\b(?:option|choice|letter|answer|alternative|statement|number)|选项|選項)\W{0,3}$"
)
_LINK = re.compile(r"(?:[:=>→是为為は이은는]|\b(?:is|be|was|are|would|to|ist|est|es|è|é|är|jest)|'s)\W{0,3}$")
ANSWER = (
    r"(?:answer|solution|antwort|l[öo]sung|r[ée]ponse|respuesta|resposta|risposta|ответ|答案|答え|正解|回答|정답|답"
    r"|(?:correct|right|best|final|true)\s(?:one|option|choice|letter|statement|alternative))(?!\s(?:choices|options))"
)
_QUESTION = re.compile(rf"{ANSWER}[^.!?\n]{{0,60}}$")
_QUESTION_ENDS = re.compile(rf"{ANSWER}$")
_CUE = re.compile(
    r"(?:\b(?:choose|chose|pick|select|selected|guess|go with|going with|so|therefore|thus|hence)|[选選])\W{0,3}$"
)


def _is_marked(text: str, place: int, before: str, *, cued: bool) -> bool:
    after = text[place + 1 : place + 40]
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


_OPENS_A_LINE = re.compile(
    r"[*_`]*(?:[).:,;\]]|\s[-—=]|\s?(?:$|\n)|—|-\s)|\s(?:because|since|as|is|was|for)\b", re.IGNORECASE
)
_OPENER = re.compile(r"(?:^|[\s:=,;])[*_`]*[(\[{\"'$*_`<【「]+$")
_CLOSER = re.compile(r"[)\]}\"'$*_`>】」]")
_BEGUN = re.compile(r"(?!A:)[\s*_`#>(\[-]{0,9}(?:option )?\w[*_`]*[).:\]]", re.IGNORECASE)
"""A line that names its choice at its beginning: what ends it is no choice."""


def is_a_word(text: str, place: int) -> bool:
    """Whether the letter at ``place`` is the article "a" or the pronoun "I", as far as its neighbours say."""
    letter = text[place]
    if letter not in "aAiI":
        return False
    following = _NEXT_WORD.match(text, place + 1)
    if following is None or (letter in "aA" and _NOT_AFTER_AN_ARTICLE.fullmatch(following[1])):
        return False
    before = text[max(0, place - 40) : place].rstrip(" *_`\"'")
    if _NAMED.search(before[-20:].lower()):
        return False
    inside_a_sentence = before[-1:].isalnum() or before[-1:] == ","
    return not (letter == "A" and inside_a_sentence and following[1][0].islower())


_NEXT_WORD = re.compile(r"[*_`]{0,3} ?\n?([^\W\d_]{1,20})")
_NOT_AFTER_AN_ARTICLE = re.compile(
    "is|are|was|were|be|would|will|should|shall|can|could|may|might|must|has|have|had|does|did|seems|because|since|as|and"
    "|or|but|if|then|than|when|while|which|that|this|these|in|on|of|to|at|by|for|from|with|without|over|the|not|makes"
    "|gives",
    re.IGNORECASE,
)
