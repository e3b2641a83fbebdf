"""The closed lists of words. Each means one thing, everywhere: code, command line, files, dashboard."""

from enum import StrEnum


class Status(StrEnum):
    """What became of an attempt. Only ``passed`` and ``failed`` enter a rate; the others are counted beside it."""

    PASSED = "passed"
    FAILED = "failed"  # the contender's own fault: a wrong or malformed answer, a refusal, its turns or its time spent
    UNGRADED = "ungraded"  # there is an answer, and the grader could not judge it
    ERRORED = "errored"  # the instrument's fault: network, provider, sandbox
    SKIPPED = "skipped"  # not begun or not finished, because a budget or the user stopped the run


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
    # not finished: status skipped
    BUDGET = "budget"
    STOPPED = "stopped"


class Role(StrEnum):
    """What a call was made for."""

    ANSWER = "answer"
    WORKER = "worker"
    EXPERT = "expert"
    LEAD = "lead"
    SELECTOR = "selector"
    JUDGE = "judge"
    AUTHOR = "author"
    PROBE = "probe"


class Exposure(StrEnum):
    """How a skill came into a conversation."""

    SHOWN = "shown"  # its text, or its line in a catalogue
    OPENED = "opened"
    FILE = "file"  # one of its files was read
    SCRIPT = "script"  # one of its scripts was run


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
