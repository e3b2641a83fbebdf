"""The words that people write for a result, and what they stand for."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.core import Cause, Status
from harness.store.importers.table_reading import Reading, plain_word


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
_CALLED = _set("ok,okay,success,successful,succeeded,succeed")
"""Words that many programs write of a call that came back, whatever the answer."""
_LETTERS = (("y", "n"), ("t", "f"), ("c", "i"), ("p", "f"), ("r", "w"))
"""Letters that are read as a pair: I is wrong where C is right, and F where T or P is."""
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


def _states() -> dict[str, State]:
    found = {word: State(Status.PASSED, weak=word in _CALLED) for word in _PASS}
    found |= dict.fromkeys(_FAIL, State(Status.FAILED))
    for status, weak, groups in (
        (Status.FAILED, True, _OWN_FAULT),
        (Status.ERRORED, False, _INSTRUMENT),
        (Status.UNGRADED, False, _UNGRADED),
    ):
        for cause, words in groups.items():
            found |= dict.fromkeys(_set(words), State(status, cause, weak=weak))
    found |= dict.fromkeys(_set(_SKIPPED), State(Status.SKIPPED))
    return found | dict.fromkeys(_set(_ENDED), State(None, weak=True))


STATES: Mapping[str, State] = _states()


def verdicts(words: Sequence[str], reading: Reading) -> tuple[dict[str, float], list[str]]:
    """1.0 or 0.0 for each word of a column, and the words that are neither."""
    said = {plain_word(w): 1.0 for w in reading.true} | {plain_word(w): 0.0 for w in reading.false}
    plain = {word: plain_word(word) for word in words}
    there = set(plain.values())
    meant = _letters({word for word in there if len(word) == 1 and word.isalpha() and word not in said})
    meant |= dict.fromkeys(_PASS, 1.0) | dict.fromkeys(_FAIL, 0.0)
    if there & {"ok", "okay"} and not there & _FAIL:  # elsewhere an error is the instrument's
        meant["error"] = 0.0
    meant |= said
    found: dict[str, float] = {}
    unknown: list[str] = []
    for word, key in plain.items():
        value = meant.get(key)
        if value is None and _NUMBER.fullmatch(key):
            number = float(key.replace(",", "."))
            value = number if number in {0.0, 1.0} else None
        if value is None:
            unknown.append(word)
        else:
            found[word] = value
    return found, unknown


def _letters(there: set[str]) -> dict[str, float]:
    """What single letters mean, where they all come from one pair."""
    for right, wrong in _LETTERS:
        if there <= {right, wrong} and (len(there) == 2 or there <= _ALONE):
            return {right: 1.0, wrong: 0.0}
    return {}


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
