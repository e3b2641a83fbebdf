"""What is taken out of a text, in which forms, how fast, and what is left alone."""

import base64
import json
import time
import urllib.parse
from types import MappingProxyType

import pytest

from harness.core import Redactor, Reply, ToolCall, holds_secret

KEY = "sk-ant-api03-Zx9Qw8Er7Ty6/Ui5Op+4As3Df2Gh1Jk=0"
HARD = KEY[20:32]
"""Its middle, without which nobody has the key."""


def b64(before: str, after: str = "") -> str:
    return base64.b64encode(f"{before}{KEY}{after}".encode()).decode()


FORMS = {
    "whole": KEY,
    "in a sentence": f"the key <{KEY}>, is wrong",
    "in an address": f"https://x.org/v1?key={urllib.parse.quote(KEY, safe='')}&alt=sse",
    "as a user of an address": f"https://{urllib.parse.quote(KEY, safe='')}@x.org/",
    "URL-encoded": urllib.parse.quote(KEY, safe=""),
    "URL-encoded twice": urllib.parse.quote(urllib.parse.quote(KEY, safe=""), safe=""),
    "each character URL-encoded": "".join(f"%{ord(c):02x}" for c in KEY),
    "JSON": json.dumps({"error": KEY}),
    "JSON with its slash escaped": json.dumps(KEY).replace("/", "\\/"),
    "JSON in JSON": json.dumps(json.dumps({"error": f'"{KEY}"'})),
    "as \\u": "".join(f"\\u{ord(c):04X}" for c in KEY),
    "as \\u in JSON": json.dumps("".join(f"\\u{ord(c):04x}" for c in KEY)),
    "as \\x": "".join(f"\\x{ord(c):02x}" for c in KEY),
    "HTML": KEY.replace("+", "&#43;").replace("=", "&#x3d;"),
    "cut after 20": f"{KEY[:20]}...",
    "cut to the last 12": f"...{KEY[-12:]}",
    "cut on both sides": f"*{KEY[13:30]}*",
    "base64": b64(""),
    "base64 without padding": b64("").rstrip("="),
    "basic": f"Basic {b64('user:')}",
    "base64 in its second alignment": b64(":", ":x"),
    "base64 in its third alignment": b64("us", "y"),
    "base64 for addresses": base64.urlsafe_b64encode(f"u:{KEY}".encode()).decode(),
    "a piece of base64": b64("user:")[14:40],
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_a_key_is_taken_out_of_errors_and_answers(form):
    redact, text = Redactor((KEY,)), FORMS[form]
    for clean in (redact(text), redact.answer(text), redact.answer([{"x": text}])[0]["x"]):
        assert "[secret]" in clean
        left = clean.replace("[secret]", "\n")
        for piece in (text[i : i + 12] for i in range(len(text) - 11)):
            in_key = piece in KEY or piece in b64("") or piece in b64(":") or piece in b64("us")
            assert not (in_key and piece in left), piece
        assert HARD not in urllib.parse.unquote(urllib.parse.unquote(left))


def test_every_piece_of_twelve_characters_is_taken_out_wherever_it_stands():
    redact, key = Redactor((KEY,)), KEY
    for start in range(len(key) - 12):
        for around in ("", "x", "abcdefg"):
            text = f"{around}{key[start : start + 12]} end"
            assert key[start : start + 12] not in redact(text), (start, around)


def test_what_stands_around_a_key_stays():
    redact = Redactor((KEY,))
    assert redact.answer(f"before {KEY}, after {KEY}.") == "before [secret], after [secret]."
    assert redact.answer(f"%41 {urllib.parse.quote(KEY)} %42") == "%41 [secret] %42"
    assert redact(f"Incorrect API key provided: {KEY[:16]}****") == "Incorrect API key provided: [secret]****"


ORDINARY = (
    "EMPTY lists have none of it; sk-local is no key, and a key is not-needed for ollama or lm-studio. "
    "Keys begin with sk-ant-api03- and hf_; a task-oriented risk-free desk-lamp costs 100%25 & more. \\u0041 \\d+ &amp;"
)


@pytest.mark.parametrize(
    "key", ["EMPTY", "none", "sk-local", "not-needed", "ollama", "lm-studio", "key", "development", KEY, "12345", ""]
)
def test_ordinary_words_are_no_secret_in_an_answer(key):
    answer = {"text": ORDINARY, "more": [ORDINARY, 1, None, {"x": ORDINARY}], "all": (ORDINARY,)}
    assert Redactor((key,)).answer(answer) is answer


@pytest.mark.parametrize("key", ["EMPTY", "none", "key", ""])
def test_a_short_placeholder_blanks_out_no_error(key):
    assert Redactor((key,))("none of the keys is EMPTY") == "none of the keys is EMPTY"


def test_a_key_of_words_is_taken_out_as_a_whole():
    redact = Redactor(("correct-horse-battery-staple", "swordfish-nine"))
    assert redact.answer("it is correct-horse-battery-staple") == "it is [secret]"
    assert redact.answer("a correct-horse-battery is no staple") == "a correct-horse-battery is no staple"
    assert redact("the key swordfish-nine is wrong") == "the key [secret] is wrong"


def test_a_reply_is_cleaned_in_every_field():
    call = ToolCall(id=KEY, name="look", arguments=MappingProxyType({KEY: [KEY]}), raw=json.dumps({"a": KEY}))
    reply = Reply(text=f"a {KEY}", tool_calls=(call,), refusal=KEY, finish_reason=KEY, model_version=KEY, ttft_s=1.0)
    clean = Redactor((KEY,)).answer(reply)
    assert KEY not in repr(clean)
    assert (clean.text, clean.ttft_s, clean.tool_calls[0].name) == ("a [secret]", 1.0, "look")
    assert Redactor(("another-key-0123",)).answer(reply) is reply


SHAPED = [
    "sk-proj-abcdefghijklmnop1", "hf_abcdefghijklmnopqrst", "AKIAIOSFODNN7EXAMPLE", "Bearer abcdefgh1",
    "Authorization: Basic dXNlcjprZXkxMjM0NTY=", "http://user:word@host/v1", "https://host/?key=abcdefgh",
    "https://host/x?alt=sse&api_key=abcdefgh",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N",
]  # fmt: skip


@pytest.mark.parametrize("text", SHAPED)
def test_what_has_a_keys_shape_is_taken_out_unknown(text):
    assert holds_secret(text)
    assert "[secret]" in Redactor()(text)
    assert Redactor()(text)[:4] in {text[:4], "[sec"}
    assert not holds_secret(Redactor()(text))


@pytest.mark.parametrize(
    "text",
    [
        "sk-a-risk-free-desk-lamp-for-tasks",
        "the bearer of-this-long-letter",
        "basic state-of-the-art-2024",
        "monkey=bananas",
    ],
)
def test_words_have_no_keys_shape(text):
    assert not holds_secret(text)
    assert Redactor()(text) == text


UNITS = [
    "sk-", "sk-a", "sk-ant-api03-", KEY[:17], KEY[3:14] + " ", "Bearer ", "bearer x", "x-api-key: ", "Basic ",
    "basic a", "://", "://a:", "://a:b", "AKIA", "AIza-", "hf_", "ghp_a ", "eyJ", "eyJ-", "eyJ.", "eyJa-eyJa.", "?key=",
    "&key=a", "?", "key", "\\", "\\u00", "\\u002d", "%", "%25", "%2", "&#", "&#45", "&#45;", "a",
    "aaaaaaaaaaa b", " ", "\u0661",
]  # fmt: skip


@pytest.mark.parametrize("unit", UNITS)
def test_a_megabyte_of_anything_takes_a_moment(unit):
    """Twice as long takes about twice as long; a pattern that is quadratic takes minutes here, not seconds."""
    redact = Redactor((KEY, "a" * 40, "EMPTY"))
    text = unit * (1_000_000 // len(unit))
    started = time.process_time()
    redact(text)
    redact.answer(text)
    holds_secret(text)
    assert time.process_time() - started < 6
