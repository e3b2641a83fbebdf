"""From what a provider answered to the cause that it means, and how long it asks to wait; for all that speaks HTTP.

::

    401, 402, 403          auth        a key that is refused, or an account that cannot pay
    408                    timeout
    429                    rate_limit  but auth where an account is empty: waiting does not fill it
    400, 404, 413, 422     request     but context where the prompt is too long, refused where it was moderated away
    409, 425, 5xx, 529     provider
    3xx, other 4xx         request
    none of these          by its words, else provider

An account without money is ``auth``: no further call can succeed until the user fills it, so the first one stops the
others. A quota that comes back by itself is a rate limit. An answer with status 200 can be an error all the same, as a
whole, in its choice, or in a stream after text: it is judged as if it had come with the status that it names.
"""

import contextlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

from harness.core import Cause, ModelError, Redactor
from harness.model.usage import stated_usage

Redact = Callable[[str], str]  # what takes secrets out of a text

SHOWN = 300  # characters of a provider's text that an error keeps
READ = 20_000  # characters of it that are looked at


def _any(words: str) -> re.Pattern[str]:
    return re.compile(words, re.IGNORECASE)


_TOO_LONG = _any(
    r"context_length_exceeded|exceed_context_size|maximum context length|prompt is too long|input is too long"
    r"|context[_ ]?(?:window|size|limit|length)|maximum (?:number of tokens|model length)|longer than the maximum"
    r"|max_model_len|reduce the length|too many (?:input |prompt )?tokens|tokens_limit_reached|string_above_max_length"
)
_ASKED_TOO_MUCH = _any(r"max_(?:completion_|new_)?tokens\W[^.]{0,60}is too large")
"""The answer's limit is too large, not the prompt: the user's setting, not the contender's fault."""
_OVER_THE_QUOTA = _any(r"request too large for")
"""One request holds more than a minute's quota: it would never be taken."""
_MODERATED = _any(
    r"content[_ ]?filter(?:ed)?\b|content[_ ]?policy|content management policy|ResponsibleAI|was flagged|敏感"
    r"|data_?inspection_?failed|new_sensitive|sensitive (?:content|words?|information)|guardrail_intervened"
    r"|prohibited_content|requires moderation"
)
_NO_MONEY = _any(
    r"billing_hard_limit|billing_not_active|billing_error|credit balance|insufficient[_ ]?(?:balance|credits?|funds)"
    r"|balance is insufficient|more credits|arrearage|payment[_ ]?required|account_?overdue"
    r"|specified API usage limits|欠费|余额不足|额度不足"
)
_QUOTA = _any(r"insufficient[_ ]?(?:user_)?quota|exceeded[ _](?:your )?current[ _](?:token[ _])?quota")
"""An empty purse, unless the words say that it fills again by itself."""
_REFILLS = _any(
    r"per[ _-]?(?:sec|min|hour|day)|/min(?:ute)?\b|(?:a|each|every) minute|resets? (?:in|at|after)"
    r"|daily.?limit|\b[RT]PM\b|\b[RT]PD\b|rate.?limit|too many requests"
    r"|(?:try|retry) (?:again )?(?:in|after) \d|retry[_-]?(?:info|delay)|resource.?exhausted|throttl"
)
_RATE_CODE = _any(
    r"rate_?limit_?(?:exceeded|error|reached)|resource_?exhausted|throttling|too_?many_?requests|limit_requests"
)
_RATE = _any(
    rf"{_RATE_CODE.pattern}|rate.?limit|too many requests|quota|please slow down|too many tokens(?: per|, please)"
    r"|访问频率|限流"
)
_KEY = _any(
    r"(?:invalid|incorrect|missing|expired)[_ -]?(?:api[_ -]?)?key|api[_ ]?key (?:not valid|is invalid)|api_key_invalid"
    r"|unauthori[sz]ed|unauthenticated|authentication|permission[_ ]?denied|forbidden|invalid[_ ]token|login fail"
)
_LATE = _any(r"deadline[_ ]?exceeded|timeout_error|request[_ ]timeout|timed out")
_UNKNOWN = _any(
    r"invalid_request|invalid[_ ]?argument|invalid[_ ]?parameter|(?:model_)?not[_ ]?found|does not exist"
    r"|unsupported|bad[_ ]?request"
)
_NO_MODEL = _any(
    r"model[_ -]?not[_ -]?(?:found|exist|available)|deployment[_ ]?not[_ ]?found|(?:unknown|no such) model"
    r"|\bmodels?\b[^.\n]{0,200}?(?:does not exist|doesn.t exist|(?:is |was )?not[_ ]found|is not served)"
    r"|deployment for this resource does not exist|not_found_error[\s\S]{0,80}?\bmodel: "
)
_NUMBERED = {
    "code": {1113: "insufficient balance", 1261: "context_length_exceeded", 1301: "content_filter"}
    | dict.fromkeys((1302, 1303, 1305, 1308), "rate_limit_error"),
    "status_code": {1001: "request_timeout", 1004: "unauthorized", 1008: "insufficient balance"}
    | dict.fromkeys((1002, 1039, 1041), "rate_limit_error")
    | {1026: "content_filter", 1027: "content_filter", 2013: "invalid_parameter", 2049: "invalid_key"},
}  # what providers' own numbers stand for: Zhipu's under ``code``, MiniMax's under ``status_code``


def cause_of(status: int | None, text: str) -> Cause:
    """The cause of an HTTP status (``None``: there is none) and the body's text, whose codes may be more exact."""
    text = text[:READ]
    if status in {401, 402}:
        return Cause.AUTH
    if status == 408:
        return Cause.TIMEOUT
    if _NO_MONEY.search(text) or (_QUOTA.search(text) and not _REFILLS.search(text)):
        return Cause.AUTH
    if _OVER_THE_QUOTA.search(text) and _REFILLS.search(text):
        return Cause.REQUEST
    rated = {None: _RATE, 403: _REFILLS}.get(status, _RATE_CODE)
    if status == 429 or rated.search(text):
        return Cause.RATE_LIMIT
    late = status is not None and (status > 500 or status in {409, 424, 425, 498})
    if not late and _TOO_LONG.search(text) and not _ASKED_TOO_MUCH.search(text):
        return Cause.CONTEXT
    if not late and status != 500 and _MODERATED.search(text):
        return Cause.REFUSED
    if status == 403 or (status in {None, 400} and _KEY.search(text)):
        return Cause.AUTH
    if status is None:
        return Cause.TIMEOUT if _LATE.search(text) else Cause.REQUEST if _UNKNOWN.search(text) else Cause.PROVIDER
    return Cause.PROVIDER if late or status >= 500 else Cause.REQUEST


def http_error(status: int, body: str, headers: Mapping[str, str], redact: Redact) -> ModelError:
    """The error for an answer that was not 200."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        value = None
    message = f"HTTP {status}: {shown(_stated(value, body), redact) or 'no text'}"
    said = _words(value) or body
    return fault(cause_of(status, said), message, status, headers, said)


def failure_in(body: Any, redact: Redact, headers: Mapping[str, str] | None = None) -> ModelError | None:
    """The error that an answer with status 200, or a chunk of a stream, is or holds; what is empty or 0 is none."""
    if isinstance(body, list) and len(body) == 1:  # Google's errors
        body = body[0]
    if not isinstance(body, dict) or _tells_nothing(body) or (found := next(_places(body), None)) is None:
        return None
    status, named = _status(found, body)
    said = f"{_words(found) or _words(body)}\n{named}"
    number = f" ({status})" if status is not None else ""
    text = shown(_stated(found, json.dumps(found, ensure_ascii=False)), redact)
    error = fault(cause_of(status, said), f"an error with status 200: {text}{number}", 200, headers or {}, said)
    error.usage = stated_usage(body)
    return error


def fault(cause: Cause, message: str, status: int | None, headers: Mapping[str, str], said: str) -> ModelError:
    """The error of a cause, with the wait that the headers or the words ``said`` ask for."""
    wait = retry_after(headers, datetime.now(UTC), said, limited=cause is Cause.RATE_LIMIT)
    error = ModelError(cause, message, http_status=status, retry_after_s=wait)
    error.not_there = cause is Cause.REQUEST and status in {400, 404} and _NO_MODEL.search(said[:READ]) is not None
    return error


# ------------------------------------------------------------------------------------------- where an error may stand

_GOOD = {"", "0", "200", "ok", "success", "succeeded", "none", "null", "false"}
_SAYS = ("message", "msg", "error_msg", "error_message", "errmsg", "status_msg", "detail", "errors")
_TELLING = frozenset({"error", "base_resp", "type", "status", "success", "code", *_SAYS})
_BELOW = frozenset({"error", "provider_specific_fields"})


def choice_of(body: Mapping[str, Any]) -> Any:
    """The first of the choices by their index, whatever order they stand in; ``None`` where there is none."""
    choices = body.get("choices")
    for choice in choices if isinstance(choices, list) else ():
        if isinstance(choice, dict) and (not (index := choice.get("index")) or str(index) == "0"):
            return choice
    return None


def _tells_nothing(body: Mapping[str, Any]) -> bool:
    """Whether an answer is as most are, without any field that may tell of an error."""
    if (choice := choice_of(body)) is None or not _TELLING.isdisjoint(body) or body.get("object") == "error":
        return False
    message, delta = choice.get("message"), choice.get("delta")
    told = (isinstance(message, dict) and "error" in message) or (isinstance(delta, dict) and "error" in delta)
    return not told and _BELOW.isdisjoint(choice)


def _places(body: Mapping[str, Any]) -> Iterator[Any]:
    """Every error that the answer holds, each as it stands there."""
    choice = choice_of(body) or {}
    message = choice.get("message") or choice.get("delta")
    answered = isinstance(message, dict) and bool(message.get("content") or message.get("tool_calls"))
    if _is_error(body.get("error"), answered=answered):
        yield body if body["error"] is True else body["error"]
    below = choice.get("provider_specific_fields")  # where litellm puts what it does not know
    for holder in (choice, below, choice.get("message"), choice.get("delta")):
        if isinstance(holder, dict) and _is_error(holder.get("error"), answered=answered):
            yield holder["error"]
    minimax = body.get("base_resp")
    if isinstance(minimax, dict) and not _is_good(minimax.get("status_code")):
        yield minimax
    marked = "error" in (body.get("object"), body.get("type"), body.get("status")) or body.get("success") is False
    coded = not _is_good(body.get("code")) and not isinstance(body["code"], (dict, list))
    words = [body.get(name) for name in _SAYS if name != "status_msg"]
    said = any(isinstance(one, (str, list, dict)) and one for one in words if not isinstance(body.get("message"), dict))
    if marked or (coded and (not answered or _status(body, {})[0])) or (said and not body.get("choices")):
        yield body


def _is_error(error: Any, *, answered: bool) -> bool:
    """Whether something in the place of an error says that there was one."""
    if isinstance(error, list):
        return any(_is_error(one, answered=answered) for one in error)
    if not isinstance(error, dict):
        return not _is_good(error)
    codes = [error[name] for name in ("code", "status", "status_code", "type") if error.get(name) is not None]
    words = [error[name] for name in _SAYS if error.get(name)]
    success = bool(codes) and all(map(_is_good, codes))
    if all(map(_is_good, words)):
        return not success and not words and any(value not in (None, "", [], {}, False) for value in error.values())
    return not (success and answered)


def _is_good(value: Any) -> bool:
    return value is None or str(value).strip().lower() in _GOOD


def _status(found: Any, body: Mapping[str, Any]) -> tuple[int | None, str]:
    """The HTTP status that an error names, as a number or as text; and what another number of its provider's means."""
    holders = [one for one in (found if isinstance(found, list) else [found]) if isinstance(one, dict)]
    holders += [below for one in holders if isinstance(below := one.get("error"), dict)]
    for holder in (*holders, body):
        for name in ("code", "status_code", "status", "http_status", "http_code", "statusCode", "error_code"):
            value = str(holder.get(name))
            if re.fullmatch(r"\d{3,4}", value):
                named = _NUMBERED.get(name, {}).get(int(value))
                if named or 400 <= int(value) < 600:
                    return (None, named) if named else (int(value), "")
    return None, ""


_ECHOED = frozenset({"input", "ctx", "messages", "prompt", "body", "choices"})
"""Keys under which servers repeat what they were asked."""


def _words(value: Any, depth: int = 0) -> str:
    """All that an error says, codes and their names included, without what it repeats of the request."""
    if isinstance(value, (dict, list)) and depth == 8:
        return ""
    if isinstance(value, dict):
        said = {key: one for key, one in value.items() if key not in _ECHOED and one is not None}
        return "\n".join(f"{key}: {_words(one, depth + 1)}" for key, one in said.items())
    if isinstance(value, list):
        return "\n".join(_words(one, depth + 1) for one in value[:20])
    return "" if value is None else str(value)[:READ]


# ------------------------------------------------------------------------------------------------ what a person is told


def redact_also(redact: Redact, *secrets: str) -> Redact:
    """``redact``, and the values that this backend itself was given."""
    own = Redactor(secrets)
    return lambda text: redact(own(text))


def shown(text: str, redact: Redact) -> str:
    """``text`` as an error may keep it: one line, without secrets, cut. Cut last, or half a secret would stay."""
    line = " ".join(redact(text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def _stated(value: Any, body: str) -> str:
    """The message in a provider's JSON error, with its code where that is a word; else the body that was read."""
    code, raw = None, ""
    for _ in range(4):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            code, metadata = value.get("code") or code, value.get("metadata")
            raw = str((metadata.get("raw") if isinstance(metadata, dict) else "") or raw)  # behind OpenRouter
            value = next((value[name] for name in ("error", *_SAYS) if value.get(name)), body)
    if not isinstance(value, str):
        return body
    named = isinstance(code, str) and not code.isdigit() and code not in value and value != body
    return value + (f" [{code}]" if named else "") + (f": {raw}" if raw else "")


# ------------------------------------------------------------------------------- how long a provider asks to wait

_SECONDS = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = r"\d{1,15}(?:\.\d{1,12})?"
_UNIT = r"(?:milliseconds?|millis|msecs?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])"
_PART = re.compile(rf"({_NUMBER})\s?({_UNIT})", re.IGNORECASE)
_NOT_A_COUNT = r"(?![\w.]*\d|\w|\s(?:more\s)?(?:tries|retries|attempts|times|requests))"
_SPAN = rf"((?:{_NUMBER}\s?{_UNIT},?\s?(?:and\s)?){{1,5}}|{_NUMBER}{_NOT_A_COUNT})"
_LATER = r"(?:try|retry|again|available|reset|resets|refills?)\W{0,3}\s?(?:again\s)?(?:in|after)\W{0,3}\s?"
_IN_WORDS = re.compile(rf"(?:{_LATER}|wait\s(?:for\s|at\sleast\s)*){_SPAN}", re.IGNORECASE)
_FIELD = r"retry[-_]?(?:delay|after|in)([-_]*(?:ms|millis\w*|s(?:ec\w*)?))?\W{1,8}(?:seconds\W{1,4})?"
_IN_FIELDS = re.compile(_FIELD + _SPAN, re.IGNORECASE)
"""``retryDelay``, ``retry_after_ms``, and Google's ``{"seconds": 34}``."""
_WHEN = re.compile(
    r"(?:reset\w*|regain access|available|again|after|until)\W{0,4}(?:at|on|in)?\W{0,4}"
    r"(\d{4}-\d\d-\d\d)(?:T|\s|\sat\s)(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?\s?(Z|UTC|[+-]\d\d:\d\d)?",
    re.IGNORECASE,
)


_RESET = re.compile(r"(?:x-|anthropic-)?ratelimit-(?:(.*)-)?reset(?:-(.*?))?(?:-after)?")
"""Headers that tell when a limit is lifted, such as ``x-ratelimit-reset-tokens``."""


def retry_after(headers: Mapping[str, str], now: datetime, text: str = "", *, limited: bool = False) -> float | None:
    """Seconds that the provider asks to wait, never negative; ``None`` where it asks nothing that can be read.

    ``Retry-After`` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); the longer of what headers and text say
    holds. Where a rate limit was met (``limited``) and nothing else is said, headers count that tell when one is
    lifted: the last of those that are used up, else the first of all.
    """
    lower = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    headed = _until(lower.get("retry-after", ""), now)
    for name in ("x-retry-after", "retry-after", "x-ms-retry-after-ms", "retry-after-ms"):  # the last counts most
        if (seconds := span(value := lower.get(name, ""))) is not None:
            headed = seconds * (1e-3 if name.endswith("-ms") and _is_number(value) else 1.0)
    found = [wait for wait in (headed, wait_in(text, now)) if wait is not None]
    if found or not limited:
        return max(found, default=None)
    spent: list[float] = []
    others: list[float] = []
    for name, value in lower.items():
        if _RESET.fullmatch(name) and (seconds := moment(value, now)) is not None:
            left = lower.get(name.replace("reset", "remaining"), "")
            (spent if re.fullmatch(r"-?0+(\.0*)?", left) else others).append(seconds)
    return max(spent) if spent else min(others, default=None)


def wait_in(text: str, now: datetime) -> float | None:
    """The wait that a text asks for, as ``try again in 1m30.5s``, ``retryDelay: 34s``, or until a stated time."""
    text = text[:READ]
    found = [span(match[1]) for match in _IN_WORDS.finditer(text)]
    for match in _IN_FIELDS.finditer(text):
        seconds, unit = span(match[2]), (match[1] or "").strip("_-").lower()
        found.append(seconds * 1e-3 if seconds and unit.startswith("m") and _is_number(match[2]) else seconds)
    zones = ((m, "+00:00" if (m[3] or "Z") in "ZUTC" else m[3]) for m in _WHEN.finditer(text))
    found += [_until(f"{m[1]}T{m[2]}{zone}", now) for m, zone in zones]
    return max((wait for wait in found if wait is not None), default=None)


def span(text: str) -> float | None:
    """Seconds of ``6h0m0s``, ``2 minutes and 30 seconds``, ``20ms`` or a plain number; ``None`` for anything else."""
    text = text.strip().lower()
    if _is_number(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or re.sub(rf"{_PART.pattern}|and|[\s,.]", "", text):
        return None
    units = ["ms" if unit.startswith(("ms", "mil")) else unit[0] for _, unit in parts]
    return sum(float(number) * _SECONDS[unit] for (number, _), unit in zip(parts, units, strict=True))


def _is_number(text: str) -> bool:
    return re.fullmatch(_NUMBER, text) is not None


def moment(value: str, now: datetime) -> float | None:
    """Seconds until a span is over, or until a moment: seconds or milliseconds since 1970, or a date."""
    if (seconds := span(value)) is None:
        return _until(value, now)
    for unit in (1.0, 1e-3):
        if 1e9 <= seconds * unit < 1e10:
            return max(0.0, seconds * unit - now.timestamp())
    return seconds


def _until(value: str, now: datetime) -> float | None:
    """Seconds until an ISO or an HTTP date."""
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        with contextlib.suppress(ValueError, OverflowError):
            date = read(value)
            return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())
    return None
