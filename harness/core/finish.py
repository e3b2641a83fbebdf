"""What a provider's word for the end of an answer means, whatever it calls it."""

import re
from functools import lru_cache
from typing import Any

STOP, LENGTH, TOOL_CALLS, REFUSED = "stop", "length", "tool_calls", "content_filter"
MALFORMED = "malformed_tool_call"  # the model wrote a tool call that the provider could not read: the contender's fault
FAILED = "error"  # the provider did not finish the answer: nobody's answer, whatever text came with it
LONGEST = 200  # characters of a word; a longer one is cut
_EXACT = {
    STOP: "stop stopsequence stopsequences stopword stopwords endturn eos eostoken eosid endid endtoken endoftext"
    " complete completed finish finished normal end done success null none unspecified",
    TOOL_CALLS: "toolcall toolcalls tooluse functioncall functioncalls",
    LENGTH: "errorlimit limit timelimit tokenlimit incomplete compaction outoftokens",
    FAILED: "ratelimit other invalid notfinished missingthoughtsignature load unload",
}
_WORDS = {word: meaning for meaning, words in _EXACT.items() for word in words.split()}
_PARTS = (
    (MALFORMED, "malformed|unexpectedtoolcall|toomanytoolcalls"),
    (REFUSED, "filter|safety|refus|sensitive|moderat|block|guardrail|prohibit|policy|toxic|recitation|spii|flag|armor"),
    (REFUSED, "language|harm"),
    (LENGTH, "length|max.*(token|len|context)|contextwindow|tokenlimit|truncat"),
    (FAILED, "error|fail|abort|cancel|disconnect|timeout|timedout|unavailable|overload|insufficient|interrupt|preempt"),
)  # fmt: skip


def finish_meant(word: Any, native: Any = None) -> str:
    """One of the words above, else the provider's own; that of one behind a gateway counts where it says more."""
    if native is None and isinstance(word, str):
        return _meant(word)
    told, behind = (_meant(said.get("type") if isinstance(said, dict) else said) for said in (word, native))
    return behind if told in {STOP, FAILED} and behind in {REFUSED, MALFORMED, LENGTH, FAILED} else told


def _meant(said: Any) -> str:
    return STOP if said is None or isinstance(said, bool) else _known(str(said).strip()[:LONGEST])


@lru_cache(maxsize=256)
def _known(said: str) -> str:
    plain = re.sub(r"[^a-z0-9]", "", said.rpartition(".")[2].lower())
    plain = re.sub(r"^(finish)?reason", "", plain)
    if not plain:
        return STOP
    return _WORDS.get(plain) or next((meaning for meaning, parts in _PARTS if re.search(parts, plain)), said)
