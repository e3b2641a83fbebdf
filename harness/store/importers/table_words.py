"""What a user says about a table that its cells do not say, and the words that people write for a result."""

import math
import re
import shlex
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from harness.core import Cause, Status, UsageError, nearest
from harness.userfile import MOST_AMOUNT, tidy

TIMES = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3, "s": 1.0, "min": 60.0, "h": 3600.0}
MONEY = {"usd": 1.0, "cents": 0.01}
UNITS: dict[str, dict[str, float]] = {"latency_s": TIMES, "cost_usd": MONEY, "judge_usd": MONEY}
"""Of each column that has a unit, the units that ``--unit`` takes and what one of them is worth in ours."""
SCALED = ("score", "confidence")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How a table is read where it does not say so itself."""

    true: tuple[str, ...] = ()  # more words that mean a pass
    false: tuple[str, ...] = ()  # more words that mean a failure
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)  # lowest and highest, where not 0 to 1
    units: Mapping[str, str] = field(default_factory=dict)  # of a latency not in seconds, or of a cost not in dollars
    wide: bool = False  # whether each column that has none of our names is a contender, or else a task
    metadata: tuple[str, ...] = ()  # columns that tell of the tasks, to find these by

    def __post_init__(self) -> None:
        both = {plain_word(w) for w in self.true} & {plain_word(w) for w in self.false}
        if both:
            raise UsageError(f"--true and --false both name {min(both)!r}; a word means one of them")
        for name, (low, high) in self.scales.items():
            if name not in SCALED:
                advice = "map it to score: --map score=COLUMN" if name == "passed" else nearest(name, SCALED)
                raise UsageError(f"--scale {name}={low:g}..{high:g}: {name} has no scale; {advice}")
            if low >= high:
                raise UsageError(f"--scale {name}={low:g}..{high:g}: write the lowest value first, as in score=0..100")
        for name, unit in self.units.items():
            if unit not in UNITS.get(name, ()):
                advice = f"no such unit; use {', '.join(UNITS[name])}" if name in UNITS else f"{name} has no unit"
                advice = advice if name in UNITS else f"{advice}; {nearest(name, UNITS)}"
                raise UsageError(f"--unit {name}={unit}: {advice}")


def parse_mapping(pairs: Sequence[str]) -> dict[str, str]:
    """``ours=theirs`` pairs as a mapping. Raises UsageError: a pair has another form, or a column of ours has two."""
    return _pairs("--map", pairs, "ours=theirs, as in contender=system", "is mapped twice, to {} before")


def parse_scales(pairs: Sequence[str]) -> dict[str, tuple[float, float]]:
    """``score=0..100`` and its like. Raises UsageError: a pair has another form, or a column has two."""
    found: dict[str, tuple[float, float]] = {}
    number = r"\s*([+-]?\d+(?:\.\d+)?)\s*"
    for name, text in _pairs("--scale", pairs, "COLUMN=VALUE, as in score=0..100").items():
        span = re.fullmatch(rf"{number}\.\.{number}", text)
        ends = (float(span[1]), float(span[2])) if span else (math.nan, math.nan)
        if not all(abs(end) <= MOST_AMOUNT for end in ends):
            raise UsageError(f"--scale {name}={text:.60}: write the lowest and the highest value, as in score=0..100")
        found[name] = ends
    return found


def parse_units(pairs: Sequence[str]) -> dict[str, str]:
    """``latency_s=ms`` and its like. Raises UsageError: a pair has another form, or a column has two."""
    return {name: unit.lower() for name, unit in _pairs("--unit", pairs, "COLUMN=VALUE, as in latency_s=ms").items()}


def _pairs(option: str, pairs: Sequence[str], form: str, again: str = "has {} already") -> dict[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=") if option == "--map" else map(str.strip, pair.partition("="))
        if not (name and equals and value):
            raise UsageError(f"{option} {pair}: write {form}")
        if name in found:
            raise UsageError(f"{option} {pair}: {name} {again.format(found[name])}; keep one")
        found[name] = value
    return found


def plain_name(text: str) -> str:
    """A column's name in our spelling: ``Cost (USD)`` is ``cost_usd``, ``latencyMs`` is ``latency_ms``."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])", " ", tidy(text))
    return re.sub(r"[\W_]+", "_", unicodedata.normalize("NFKC", spaced).casefold()).strip("_")


def plain_word(text: str) -> str:
    """A word of a result as it is compared: ``.TRUE.`` is ``true``, ``Not_Resolved`` is ``not resolved``."""
    tidied = tidy(text).casefold()
    words = re.sub(r"[\s_-]+", " ", tidied).strip(" .,;:!?'\"`*()[]{}<>")
    return words if re.search(r"[^\W\d_]", words) else tidied


def _set(words: str) -> frozenset[str]:
    return frozenset(word.strip() for word in words.split(","))


NOTHING = _set(",nan,-nan,na,n/a,#n/a,#n/a n/a,#na,null,<na>,none,nat,1.#ind,-1.#ind,1.#qnan,-1.#qnan")
"""Cells that hold nothing, in any column; as pandas reads them."""
NO_LABEL = NOTHING - {"none", "n/a"}  # the same in a column of labels, where ``none`` is often one
SUMMARY = _set("total,totals,subtotal,grand total,average,averages,avg,mean,overall,summary,sum,aggregate,median")
"""Names of a row that sums up others."""

_PASS = _set(
    "true,yes,pass,passed,passing,correct,right,success,successful,succeeded,succeed,resolved,solved,ok,okay,accepted"
)
_FAIL = _set(
    "false,no,fail,failed,failing,fails,incorrect,wrong,failure,unsuccessful,unresolved,unsolved,rejected,wrong answer,"
    "incorrect answer,no pass,no success,did not pass,not true,not pass,not passed,not passing,not correct,not right,"
    "not successful,not resolved,not solved,not ok,not okay,not accepted,non resolved"
)
_CALLED = _set("ok,okay,success,successful,succeeded,succeed")  # of a call that came back, whatever the answer
_LETTERS = (("y", "n"), ("t", "f"), ("c", "i"), ("p", "f"), ("r", "w"))  # read as a pair: I is wrong where C is right
_ALONE = frozenset("ynfcti")  # letters that are read where their partner is missing
_NUMBER = re.compile(r"[+-]?(?:\d+(?:\.\d*|,\d{1,2})?|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class State:
    """What a word of a status column stands for."""

    status: Status | None  # ``None``: the attempt came to its end, and passed or score tell how
    cause: Cause | None = None
    weak: bool = False  # whether passed or score, where there are, say what became of it


_OWN_FAULT = {
    Cause.TOO_SLOW: "timeout,timed out,time out,time limit exceeded,time limit,tle,agent timeout,too slow",
    Cause.TURNS: "turns,max turns,max steps,max iterations,turn limit,step limit,max turns exceeded,max steps reached",
    Cause.REFUSED: "refused,refusal,content filter,content filtered,declined",
    Cause.TRUNCATED: "truncated,max tokens,length,token limit,output limit",
    Cause.CONTEXT: "context,context length,context length exceeded,context overflow,context window exceeded",
    Cause.EMPTY: "empty,no answer,noanswer,no response,no output,empty response,no patch,empty patch",
    Cause.MALFORMED: "malformed,parse error,parse failure,parsing error,invalid,invalid format,"
    "invalid answer,format error",
    Cause.TOO_DEAR: "too dear,budget exceeded,cost limit,over budget",
}
_INSTRUMENT = {
    None: "errored,error,exception,crash,crashed,system error,internal error,infra error,infrastructure error,"
    "harness error,fatal",
    Cause.NETWORK: "network,network error,connection error",
    Cause.RATE_LIMIT: "rate limit,rate limited,rate limit error,ratelimited,ratelimiterror,quota exceeded",
    Cause.PROVIDER: "provider,provider error,api error,apierror,server error,service unavailable,overloaded",
    Cause.SANDBOX: "sandbox,sandbox error,environment error,env error,setup error,setup failed,docker error,"
    "build error,build failed",
}
_UNGRADED = {
    None: "ungraded,not graded,unscored,not scored,unknown",
    Cause.GRADER: "grader error,scorer error,grading error,evaluation error,eval error",
    Cause.JUDGE: "judge error",
}
_SKIPPED = (
    "skipped,skip,not run,not started,not attempted,not tried,pending,queued,running,in progress,canceled,cancelled"
)
_ENDED = "completed,complete,done,finished,ended,stop,end turn"


STATES: dict[str, State] = {word: State(Status.PASSED, weak=word in _CALLED) for word in _PASS}
STATES |= dict.fromkeys(_FAIL, State(Status.FAILED))
STATES |= {
    word: State(status, cause, weak=status is Status.FAILED)
    for status, groups in ((Status.FAILED, _OWN_FAULT), (Status.ERRORED, _INSTRUMENT), (Status.UNGRADED, _UNGRADED))
    for cause, words in groups.items()
    for word in _set(words)
}
STATES |= dict.fromkeys(_set(_SKIPPED), State(Status.SKIPPED)) | dict.fromkeys(_set(_ENDED), State(None, weak=True))


def verdicts(words: Sequence[str], reading: Reading) -> tuple[dict[str, float], list[str]]:
    """1.0 or 0.0 for each word of a column, and the words that are neither."""
    said = {plain_word(w): 1.0 for w in reading.true} | {plain_word(w): 0.0 for w in reading.false}
    plain = {word: plain_word(word) for word in words}
    there = set(plain.values())
    letters = {word for word in there if len(word) == 1 and word.isalpha() and word not in said}
    meant: dict[str, float] = {}
    for right, wrong in _LETTERS:
        if letters <= {right, wrong} and (len(letters) == 2 or letters <= _ALONE):
            meant = {right: 1.0, wrong: 0.0}
            break
    meant |= dict.fromkeys(_PASS, 1.0) | dict.fromkeys(_FAIL, 0.0)
    if there & {"ok", "okay"} and not there & _FAIL:  # elsewhere an error is the instrument's
        meant["error"] = 0.0
    meant |= said
    found: dict[str, float] = {}
    for word, key in plain.items():
        value = meant.get(key, float(key.replace(",", ".")) if _NUMBER.fullmatch(key) else None)
        if value is not None and value in {0.0, 1.0}:
            found[word] = value
    return found, [word for word in plain if word not in found]


def advice_for(words: Sequence[str], column: str) -> str:
    """What to do about words that mean neither pass nor failure; the first is the one that was found."""
    word, key, theirs = words[0], plain_word(words[0]), shlex.quote(column)
    state = STATES.get(key)
    if state is not None and state.status is not Status.PASSED:
        return f"map the column to status: --map status={theirs}; or count it as a failure: --false {shlex.quote(word)}"
    digits = key.rstrip("% ")
    number = float(digits.replace(",", ".")) if _NUMBER.fullmatch(digits) else None
    if number is not None and (key.endswith("%") or 0 < number < 1):
        return f"map a fraction to score: --map score={theirs}"
    if number is not None and number > 1:
        return f"if it is a score, map it and give its scale: --map score={theirs} --scale score=0..100"
    if re.fullmatch(r"\d+ ?(/|of) ?\d+", key):
        return "write counts in two columns, passes and trials"
    if len(words) == 1:
        quoted = f"={shlex.quote(word)}" if word.startswith("-") else f" {shlex.quote(word)}"
        return f"say what it means: --true{quoted} or --false{quoted}"
    return f"say what each word means, with --true=WORD or --false=WORD: {', '.join(w[:30] for w in words[:6])}"
