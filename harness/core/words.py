"""The closed lists of words, each of one meaning everywhere, and what a provider's word for an answer's end means."""

import re
from enum import StrEnum
from functools import lru_cache
from typing import Any


class Status(StrEnum):
    """What became of an attempt. Only ``passed`` and ``failed`` enter a rate; the others are counted beside it."""

    PASSED = "passed"
    FAILED = "failed"  # the contender's own fault: a wrong or malformed answer, a refusal, its turns or its time spent
    UNGRADED = "ungraded"  # there is an answer, and the grader could not judge it
    ERRORED = "errored"  # the instrument's fault: network, provider, sandbox
    SKIPPED = "skipped"  # never tried, because a budget or the user stopped the run


class Cause(StrEnum):
    """Why an attempt is not passed."""

    # the contender's own: status failed
    WRONG = "wrong"
    PARTIAL = "partial"
    REFUSED = "refused"
    MALFORMED = "malformed"
    EMPTY = "empty"
    TRUNCATED = "truncated"
    CONTEXT = "context"
    TURNS = "turns"
    TOO_SLOW = "too_slow"
    TOO_DEAR = "too_dear"
    # the instrument's: status errored or ungraded
    NETWORK = "network"
    TIMEOUT = "timeout"
    RATE_LIMIT = "rate_limit"
    PROVIDER = "provider"
    PROTOCOL = "protocol"
    AUTH = "auth"
    REQUEST = "request"
    JUDGE = "judge"
    GRADER = "grader"
    SANDBOX = "sandbox"
    REPLAY = "replay"
    INTERNAL = "internal"
    # never tried: status skipped
    BUDGET = "budget"
    STOPPED = "stopped"


class Role(StrEnum):
    """What a call was made for."""

    ANSWER = "answer"
    WORKER = "worker"
    EXPERT = "expert"
    SELECTOR = "selector"
    JUDGE = "judge"
    AUTHOR = "author"
    PROBE = "probe"


class Exposure(StrEnum):
    """How a skill came into a conversation."""

    SHOWN = "shown"  # its text, or its line in a catalogue
    OPENED = "opened"
    FILE = "file"  # one of its files was read


class Kind(StrEnum):
    """The kinds of contender."""

    MODEL = "model"
    ADAPTER = "adapter"
    SKILLED = "skilled"
    BOTH = "both"
    HYBRID = "hybrid"
    IMPORTED = "imported"


class Decision(StrEnum):
    """What a verdict can say."""

    SHIP = "SHIP"
    BLOCK = "BLOCK"
    INCONCLUSIVE = "INCONCLUSIVE"
    INVALID = "INVALID"
    OWN = "OWN"
    RENT = "RENT"
    MIX = "MIX"
    UNDECIDED = "UNDECIDED"


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
