"""What an experiment says of a model: the keys that every backend takes, those of all that are served, and their rules.

What is refused as an address is not repeated: a key may stand in it.
"""

import json
import re
from difflib import get_close_matches
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, field_validator, model_validator

from harness.core import Price, is_number, is_this_machine
from harness.userfile import Amount, Count, Day, Strict, Text, Truth

TOOLS = "tools"  # the model can be given tools to call
LOGPROBS = "logprobs"  # replies carry signals when the request asks for log-probabilities
ADAPTERS = "adapters"  # one model answers with any of several adapters, chosen by the request
TOOL_ROLE = "tool_role"  # messages of the role ``tool`` are understood; else tool results stand in a user's message
RESPONSE_FORMAT = "response_format"  # an answer can be held to JSON, or to a JSON schema
CAPABILITIES = frozenset({TOOLS, LOGPROBS, ADAPTERS, TOOL_ROLE, RESPONSE_FORMAT})
_ADDED_PATHS = ("/chat/completions", "/completions", "/responses", "/messages")
"""What the backend openai, or somebody else's client, adds to a base_url by itself."""


def check_address(url: str) -> str:
    """``url``, where it is a server's address without a secret, which proxies write into logs. Raises ValueError."""
    if not url.startswith(("http://", "https://")):
        raise ValueError("this is no address of a server; it has to begin with http:// or https://")
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets that are not closed, a port that is none
        named = False
    if not named or not url.isprintable() or " " in url:
        raise ValueError("this is no address of a server; write it as http://HOST:PORT/v1")
    if "@" in parts.netloc or "?" in url or parts.fragment:
        what = "a user or password is in the address" if "@" in parts.netloc else "the address ends in a query"
        raise ValueError(f"{what}; leave it out: a key belongs in an environment variable, which api_key_env names")
    return url


def check_base(url: str) -> str:
    """``url``, where a path can be added to it. Raises ValueError: it ends in that path."""
    whole = url.rstrip("/")
    if path := next((path for path in _ADDED_PATHS if whole.endswith(path)), None):
        raise ValueError(f"base_url ends in {path}, which is added to it by itself; write {whole.removesuffix(path)}")
    return url


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: ``localhost`` or a loopback address. No name is looked up."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host) and is_this_machine(host)


class PriceEntry(Strict):
    """The user's own price of a model, in dollars per million tokens of each class."""

    input_usd_per_million: Amount | None = None
    cached_input_usd_per_million: Amount | None = None
    cache_write_usd_per_million: Amount | None = None
    output_usd_per_million: Amount | None = None
    as_of: Text | None = None

    @field_validator("as_of", mode="before")
    @classmethod
    def _date_as_text(cls, value: Any) -> Any:
        text = value.isoformat() if hasattr(value, "isoformat") else value
        if isinstance(text, str) and not re.match(r"\d{4}-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01])|$)", text):
            raise ValueError(f"found {text[:60]!r}; needed: the date of the price, such as 2027-01-06")
        return text


class ModelEntry(Strict):
    """One model that can be called."""

    backend: Text
    model: Text | None = None  # what the provider calls it
    revision: Text | None = None
    sampling: dict[str, Any] = Field(default_factory=dict)
    price: PriceEntry | None = None
    gpu_hour_usd: Amount | None = None
    context_tokens: Count | None = None  # that a prompt and its answer may have; `check` warns of longer ones
    reasoning: Literal["separate", "keep"] = "separate"
    """Whether what the model thinks is kept apart from its answer, or is part of the text."""
    tuned: Text | None = None  # the card of a tuned model that others serve
    licence: Text | None = None  # of its weights, or the terms of its provider
    available_until: Day | None = None  # the last day on which it can be had

    @property
    def settings(self) -> dict[str, Any]:
        """What only its backend understands, where it is not the default: the options of its `ModelSpec`."""
        given = ((key, field.default) for key, field in type(self).model_fields.items() if key not in _PLACED)
        return {key: getattr(self, key) for key, default in given if getattr(self, key) != default}

    def own_price(self) -> Price | None:
        """The price that the experiment itself states; ``None`` where it states none."""
        if self.gpu_hour_usd is not None:
            return Price(gpu_hour=self.gpu_hour_usd, source="experiment")
        if self.price is None:
            return None
        stated = {key.removesuffix("_usd_per_million"): value for key, value in self.price}
        return Price(**{**stated, "as_of": self.price.as_of or ""}, source="experiment")

    @field_validator("sampling")
    @classmethod
    def _checked_sampling(cls, value: dict[str, Any]) -> dict[str, Any]:
        for key, setting in value.items():
            _check_sampling(key, setting)
        return value | {_REUSED: value.get(_REUSED, False)} if value.get("lora") else value

    @model_validator(mode="after")
    def _one_price(self) -> "ModelEntry":
        if self.price is not None and self.gpu_hour_usd is not None:
            problem = "both price and gpu_hour_usd are given; a model is paid by tokens or by the hour, keep one"
            raise ValueError(problem)
        return self


_PLACED = {*ModelEntry.model_fields, "base_url", "api_key_env", "path", "report"} - {"reasoning"}
"""Keys that have a place of their own in a `ModelSpec`."""


def _checked_variable(name: str) -> str:
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        raise ValueError(f"{name[:60]!r} is no variable's name; write a name such as MY_KEY, and never the key itself")
    return name


class ServedEntry(ModelEntry):
    """A model behind an address."""

    base_url: Annotated[Text, AfterValidator(check_address)] | None = None
    api_key_env: Annotated[str, AfterValidator(_checked_variable)] | None = None
    tools: Truth | None = None  # whether it can call tools; unknown where it is not said


def check_form(form: Any) -> Any:
    """``form``, where it can stand as ``response_format``. Raises ValueError: it cannot."""
    if form in ("json_schema", "json_object") or (isinstance(form, dict) and isinstance(form.get("type"), str)):
        return form
    needed = "json_schema, json_object, or a mapping with a type, such as {type: json_schema, json_schema: …}"
    raise ValueError(f"response_format holds {form!r}; needed: {needed}")


ANSWER_LIMITS = ("max_tokens", "max_completion_tokens", "max_output_tokens")  # settings that bound an answer's length
MOST_ANSWER = 10_000_000  # tokens of an answer: no model has as many, and a longer limit is a slip of the keyboard
REASONING = frozenset({"thinking", "reasoning", "reasoning_effort"})
"""Settings of a model that thinks first: a short limit is refused then, or leaves no answer."""
_REUSED = "cache_prompt"
"""Whether llama.cpp's server keeps what it computed of a prompt.

It goes on from it with other scales of ``lora`` too, and then answers with a part of the prompt as the base or another
adapter has read it; so it is told not to.
"""
_SET_BY_THE_RUN = {"model", "messages", "tools", "stream", "n", "logprobs", "top_logprobs", "timeout"}
_SAMPLING = ("temperature", "max_tokens", "top_p", "stop", "seed", "response_format")


def _check_sampling(key: str, setting: Any) -> None:
    if key in _SET_BY_THE_RUN:
        raise ValueError(f"{key} is set by the run itself; take it out (repeats are asked for by trials)")
    if key not in _SAMPLING and (close := get_close_matches(key, _SAMPLING, n=1, cutoff=0.85)):
        raise ValueError(f"unknown sampling key {key!r}; did you mean {close[0]!r}?")
    try:
        json.dumps(setting)  # which knows NaN and infinities
    except (TypeError, ValueError):
        raise ValueError(f"{key} holds {setting}, which JSON has no form for; quote it") from None
    try:
        json.dumps(setting, allow_nan=False)
    except ValueError:
        raise ValueError(f"{key} holds {setting}; needed: {needed_of(key, setting) or 'finite numbers'}") from None
    if key == "response_format":
        check_form(setting)
    if needed := needed_of(key, setting):
        raise ValueError(f"{key} holds {setting!r}; needed: {needed}")


def _names_loras(setting: Any) -> bool:
    """Whether llama.cpp's server can read which adapters are asked for; a text is another server's."""
    if not isinstance(setting, list):
        return isinstance(setting, str)
    for one in setting:
        place, scale = (one.get("id"), one.get("scale", 1.0)) if isinstance(one, dict) else (None, None)
        if type(place) is not int or place < 0 or not is_number(scale):
            return False
    return bool(setting)


def needed_of(key: str, setting: Any) -> str:
    """What a setting of sampling has to hold; empty where it does, or where nothing is known of it."""
    number = is_number(setting)
    whole = number and isinstance(setting, int)
    stops = [setting] if isinstance(setting, str) else setting
    texts = isinstance(stops, list | tuple) and all(isinstance(stop, str) for stop in stops)
    rules = {
        "temperature": (number and setting >= 0, "a number from 0"),
        **dict.fromkeys(
            ANSWER_LIMITS, (whole and 1 <= setting <= MOST_ANSWER, f"a whole number from 1 to {MOST_ANSWER:,}")
        ),
        "top_p": (number and 0 < setting <= 1, "a number above 0 and up to 1"),
        "seed": (whole, "a whole number"),
        "stop": (texts, "a text or a list of texts"),
        "lora": (_names_loras(setting), "a list such as [{id: 0, scale: 1.0}], with each id from 0"),
    }
    holds, needed = rules.get(key, (True, ""))
    return "" if holds else needed
