"""An answer is bounded in bytes and time, a redirect leads nowhere else, and no proxy stands before this machine."""

import asyncio
import gzip
import importlib.util
import json
import resource
import time

import pytest
import servers
import wild

from harness.core import Cause, ModelError, ModelSpec, Redactor, Request
from harness.model import Caller, Limits, open_model
from harness.model.http import MOST_ERROR_BYTES

KEY = "sk-ant-api03-Zx9Qw8Er7Ty6Ui5Op4As3Df2Gh1Jk0"
SHAPES = ["openai", "stream", "anthropic", "litellm-openai"]
needs_litellm = pytest.mark.skipif(importlib.util.find_spec("litellm") is None, reason="needs litellm")
pytestmark = [pytest.mark.filterwarnings(w) for w in (*servers.LITELLMS_OWN_WARNINGS, "ignore::ResourceWarning")]


def opened(shape: str, url: str, **environment):
    options = {"stream": True} if shape == "stream" else {}
    backend = "openai" if shape in {"openai", "stream"} else "litellm"
    named = {"anthropic": "anthropic/claude-3-haiku-20240307", "litellm-openai": "openai/x"}.get(shape, "x")
    spec = ModelSpec(name="m", backend=backend, model=named, base_url=url, api_key_env="A_KEY", options=options)
    return open_model(spec, redact=Redactor(), environment={"A_KEY": KEY} | environment)


@pytest.fixture(params=[pytest.param(s, marks=needs_litellm if s in SHAPES[2:] else ()) for s in SHAPES])
def shape(request):
    return request.param


async def failed(shape, url, *, timeout_s=20.0, wait=None) -> tuple[ModelError, float, float]:
    """How one try fails, after how many seconds, and by how many MB the process has grown."""
    model = opened(shape, url)
    await model.prepare()
    caller = Caller(model, Limits(tries=1, timeout_s=timeout_s))
    before, started = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, time.perf_counter()
    try:
        with pytest.raises(ModelError) as caught:
            await caller.call(Request(model="d", messages=({"role": "user", "content": "hi"},)))
    finally:
        await model.close()
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    return caught.value, time.perf_counter() - started, grown


HUGE = {
    "a gzip bomb": lambda: wild.bomb(400),
    "a deflate bomb": lambda: wild.bomb(400, encoding="deflate"),
    "a raw deflate bomb": lambda: wild.bomb(400, encoding="raw"),
    "200 MB": lambda: wild.plain(200),
    "an endless body": wild.endless,
    "an endless stream": lambda: wild.endless(stream=True),
}


@pytest.mark.parametrize("what", HUGE)
async def test_too_long_an_answer_is_not_read(shape, what):
    body = HUGE[what]()
    again = body if isinstance(body, list) else None
    async with wild.Wild(lambda: again or HUGE[what]()) as server:
        error, _, grown = await failed(shape, server.url)
    assert (error.cause, str(error)) == (Cause.PROTOCOL, "the answer is longer than 32 MB; it was not read further")
    assert grown < 200
    assert server.sent < 60_000_000


@pytest.mark.parametrize("packed", [True, False])
async def test_too_long_an_error_is_the_error_that_it_is(shape, packed):
    async with wild.Wild(lambda: wild.bomb(300, status=503) if packed else wild.plain(300, status=503)) as server:
        error, _, grown = await failed(shape, server.url)
    assert (error.cause, error.http_status) == (Cause.PROVIDER, 503)
    assert grown < 100
    assert server.sent < 20_000_000


async def test_an_answer_of_many_values_is_not_parsed(shape):
    body = b'{"choices": [' + b"{}," * 3_000_000 + b"{}]}"
    async with wild.Wild(lambda: [wild.head(), body]) as server:
        error, _, grown = await failed(shape, server.url)
    assert (error.cause, "2,000,000 values" in str(error)) == (Cause.PROTOCOL, True)
    assert grown < 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "zstd", "identity, gzip"])
async def test_what_is_not_encoded_as_its_head_says_is_the_protocols_fault(shape, encoding):
    async with wild.Wild(lambda: [wild.head(Content_Encoding=encoding), b"{}" * 50]) as server:
        error, _, _ = await failed(shape, server.url)
    assert error.cause in {Cause.PROTOCOL, Cause.NETWORK}


async def test_an_answer_of_megabytes_in_pieces_is_read(shape):
    good = servers.anthropic_good if shape == "anthropic" else servers.openai_good
    answer = good({})
    (answer["choices"][0]["message"] if "choices" in answer else answer["content"][0]).update(
        {"text" if shape == "anthropic" else "content": "words " * 1_000_000}
    )
    data = json.dumps(answer).encode()
    parts = gzip.compress(data[:1_000_000]) + gzip.compress(data[1_000_000:])
    for body in ([wild.head(), data], [wild.head(Content_Encoding="gzip"), parts]):
        async with wild.Wild(lambda body=body: body) as server:
            model = opened(shape, server.url)
            reply = await model.answer(Request(model="d", messages=({"role": "user", "content": "hi"},)))
            await model.close()
        assert reply.text == "words " * 1_000_000


async def test_a_long_stream_of_many_events_is_read():
    """Thousands of tokens with what providers send around each of them."""
    token = {"token": "ab", "logprob": -0.1, "bytes": [97, 98], "top_logprobs": [{"token": "ab", "logprob": -0.1}] * 2}
    chunk = {"id": "x", "choices": [{"index": 0, "delta": {"content": "ab"}, "logprobs": {"content": [token] * 20}}]}
    end = b'data: {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}\n\ndata: [DONE]\n\n'
    line = b"data: " + json.dumps(chunk).encode() + b"\n\n"
    many = 24_000_000 // len(line)
    first = wild.head().replace(b"application/json", b"text/event-stream")
    async with wild.Wild(lambda: [first, *[line * 10] * (many // 10), end]) as server:
        model = opened("stream", server.url)
        reply = await model.answer(Request(model="d", messages=({"role": "user", "content": "hi"},)))
        await model.close()
    assert reply.text == "ab" * (many // 10 * 10)


def drip(before: bytes, more: bytes = b"x"):
    def pieces():
        yield before
        while True:
            yield more

    return pieces


SLOW = {
    "no head": drip(b"", b""),
    "a slow head": drip(b"HTTP/1.1 200 OK\r\nX-A: "),
    "a slow body": drip(wild.head()),
    "a slow error": drip(wild.head(500)),
    "a slow stream": drip(wild.head().replace(b"application/json", b"text/event-stream") + b"data: "),
}


@pytest.mark.parametrize("what", SLOW)
async def test_a_try_ends_in_its_time_however_slowly_an_answer_comes(shape, what):
    await failed(shape, "http://127.0.0.1:9")  # what is imported with the first request counts for nobody
    async with wild.Wild(SLOW[what], pause=0.02) as server:
        error, took, _ = await failed(shape, server.url, timeout_s=0.5)
    assert error.cause is Cause.TIMEOUT
    assert took < 3


async def test_a_time_limit_ends_what_comes_without_a_pause(shape):
    await failed(shape, "http://127.0.0.1:9")
    chunk = wild.head(Content_Encoding="gzip") + gzip.compress(b"")
    empty = gzip.compress(b"") * 2000
    async with wild.Wild(lambda: iter([chunk, *[empty] * 500])) as server:
        error, took, grown = await failed(shape, server.url, timeout_s=1.0)
    assert error.cause in {Cause.TIMEOUT, Cause.PROTOCOL, Cause.NETWORK}
    assert took < 6
    assert grown < 100


# --------------------------------------------------------------------------------------------------------- redirects


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_a_redirect_elsewhere_is_not_followed_and_takes_no_key_along(shape, code):
    async with wild.Wild(lambda: [wild.head(), b"{}"]) as other:
        for host in (other.url, f"//127.0.0.1:{other.port}", f"http://localhost:{other.port}"):
            target = f"{host}/v1/x?token=abcdefgh1"
            async with wild.Wild(lambda target=target: [wild.head(code, Location=target)]) as server:
                error, _, _ = await failed(shape, server.url)
            assert (error.cause, error.http_status) == (Cause.REQUEST, code)
            assert "redirects to http://" in str(error)
            assert "base_url" in str(error)
            assert "abcdefgh1" not in str(error)
            assert KEY not in str(error)
        assert other.asked == []


async def test_a_chain_of_redirects_ends_before_it_leaves(shape):
    async with wild.Wild(lambda: [wild.head(), b"{}"]) as other:
        steps = iter(["/two", "/three", other.url])
        async with wild.Wild(lambda: [wild.head(307, Location=next(steps))]) as server:
            error, _, _ = await failed(shape, server.url)
        assert error.cause is Cause.REQUEST
        assert other.asked == []


# ----------------------------------------------------------------------------------------------------------- proxies


@pytest.mark.parametrize("kind", ["http", "socks5"])
async def test_no_proxy_stands_before_this_machine(shape, monkeypatch, kind):
    async with wild.Wild(lambda: [wild.head(), b"{}"]) as proxy:
        for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(name, f"{kind}://127.0.0.1:{proxy.port}")
            monkeypatch.setenv(name.lower(), f"{kind}://127.0.0.1:{proxy.port}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with servers.Running(servers.anthropic_good if shape == "anthropic" else servers.openai_good) as served:
            for host in ("127.0.0.1", "localhost"):
                model = opened("openai" if shape == "stream" else shape, f"http://{host}:{served.port}")
                reply = await model.answer(Request(model="d", messages=({"role": "user", "content": "hi"},)))
                await model.close()
                assert reply.text == "forty-two"
        assert proxy.asked == []


@needs_litellm
async def test_litellms_waiting_clients_keep_to_the_same():
    """Some of its providers, and how it fetches tokens, use them from threads."""
    import litellm

    from harness.model.backends.litellm import _litellm

    _litellm()
    async with wild.Wild(lambda: [wild.head(), b"{}"]) as other:
        for pieces, said in (
            (wild.bomb(400), "longer than 32 MB"),
            ([wild.head(307, Location=other.url)], "redirects to"),
        ):
            async with wild.Wild(lambda pieces=pieces: pieces) as server:
                with pytest.raises(Exception) as caught:  # noqa: PT011 - litellm's own
                    await asyncio.to_thread(litellm.module_level_client.post, server.url, json={})
            assert said in str(getattr(caught.value, "message", "")) + str(caught.value)
        async with wild.Wild(lambda: wild.bomb(300, status=500)) as server:
            with pytest.raises(Exception) as caught:  # noqa: PT011
                await asyncio.to_thread(litellm.module_level_client.post, server.url, json={})
            assert len(caught.value.text) <= MOST_ERROR_BYTES
        assert other.asked == []
