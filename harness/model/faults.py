"""From what a provider answered to the cause that it means. One place for all backends that speak HTTP.

::

    401, 402, 403          auth        a key that is refused, or an account that cannot pay
    408                    timeout
    429                    rate_limit  but auth where the quota is used up: waiting does not fill an account
    400, 404, 413, 422     request     but context where the prompt is too long, refused where it was moderated away
    409, 425, 5xx, 529     provider
    3xx, other 4xx         request

An account without money is ``auth`` because it is the same thing to a run: no further call of this model can succeed
until the user mends the account, so the first one stops the others.
"""

import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from harness.core import Cause, ModelError, Redactor

Redact = Callable[[str], str]
"""What takes secrets out of a text."""

SHOWN = 300
"""Characters of a provider's text that an error keeps."""

_TOO_LONG = re.compile(
    r"context_length_exceeded|maximum context length|prompt is too long|context (?:window|size|limit)|too many tokens"
    r"|input is too long|maximum (?:number of tokens|model length)|reduce the length|longer than the maximum"
    r"|max_model_len",
    re.IGNORECASE,
)
_ASKED_TOO_MUCH = re.compile(r"max_(?:completion_|new_)?tokens\W[^.]{0,60}is too large", re.IGNORECASE)
"""The answer's limit is too large, not the prompt: the user's setting, not the contender's fault."""
_MODERATED = re.compile(
    r"content_filter|content_policy|content management policy|ResponsibleAI|was flagged|requires moderation",
    re.IGNORECASE,
)
_NO_MONEY = re.compile(
    r"insufficient_quota|exceeded your current quota|billing_hard_limit|credit balance"
    r"|insufficient (?:balance|credits)",
    re.IGNORECASE,
)


def cause_of(status: int, text: str) -> Cause:
    """The cause that an HTTP status and the body's text stand for; see the module's table."""
    if status in {401, 402}:
        return Cause.AUTH
    if status == 403:
        return Cause.REFUSED if _MODERATED.search(text) else Cause.AUTH
    if status == 408:
        return Cause.TIMEOUT
    if status == 429:
        return Cause.AUTH if _NO_MONEY.search(text) else Cause.RATE_LIMIT
    if status >= 500 or status in {409, 425}:
        return Cause.PROVIDER
    if _NO_MONEY.search(text):
        return Cause.AUTH
    if _TOO_LONG.search(text) and not _ASKED_TOO_MUCH.search(text):
        return Cause.CONTEXT
    return Cause.REFUSED if _MODERATED.search(text) else Cause.REQUEST


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that the provider asks to wait, never negative; ``None`` where it asks nothing that can be read.

    ``Retry-After`` is a number of seconds or an HTTP date (RFC 9110, 10.2.3); ``retry-after-ms`` is finer where given.
    Names of headers are found in any case.
    """
    lower = {str(name).lower(): str(value).strip() for name, value in headers.items()}
    for name, unit in (("retry-after-ms", 1e-3), ("retry-after", 1.0)):
        value = lower.get(name, "")
        if re.fullmatch(r"\d+(\.\d+)?", value):
            return float(value) * unit
    try:
        date = parsedate_to_datetime(lower["retry-after"])
    except (KeyError, ValueError):
        return None
    return max(0.0, (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds())


def http_error(status: int, body: str, headers: Mapping[str, str], redact: Redact) -> ModelError:
    """The error for an answer that was not 200."""
    text = stated(body)
    return ModelError(
        cause_of(status, body),
        f"HTTP {status}: {shown(text, redact) or 'no text'}",
        http_status=status,
        retry_after_s=retry_after(headers, datetime.now(UTC)),
    )


def redact_also(redact: Redact, *secrets: str) -> Redact:
    """``redact``, and the values that this backend itself was given."""
    own = Redactor(secrets)
    return lambda text: redact(own(text))


def shown(text: str, redact: Redact) -> str:
    """``text`` as an error may keep it: one line, without secrets, cut. Cut last, or half a secret would stay."""
    line = " ".join(redact(text).split())
    return line if len(line) <= SHOWN else line[: SHOWN - 3] + "..."


def stated(body: str) -> str:
    """The message inside a provider's JSON error, else the body as it is."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return body
    for _ in range(3):
        if isinstance(value, list) and value:
            value = value[0]
        if isinstance(value, dict):
            value = value.get("error") or value.get("message") or value.get("detail") or body
    return value if isinstance(value, str) else body
