"""The first page shows at once that something comes, and whatever is no page goes through as it is."""

import pytest

from harness.report.front import PICTURE, ROOT, FirstLook, with_first_look

PAGE = b"<!DOCTYPE html><html><head></head><body>" + ROOT + b"</body></html>"


async def asked(kind, body, **scope):
    """What a browser gets of a server that answers with this body in two parts, and what that server was asked."""
    seen, sent = [], []

    async def server(scope, receive, send):
        seen.append(scope)
        head = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), (b"etag", b"x")]
        await send({"type": "http.response.start", "status": 200, "headers": head})
        await send({"type": "http.response.body", "body": body[:30], "more_body": True})
        await send({"type": "http.response.body", "body": body[30:]})

    async def send(message):
        sent.append(message)

    heads = [(b"accept", b"text/html,*/*"), (b"accept-encoding", b"gzip")]
    await FirstLook(server)({"type": "http", "method": "GET", "headers": heads, **scope}, None, send)
    return dict(sent[0]["headers"]), b"".join(one.get("body", b"") for one in sent[1:]), dict(seen[0]["headers"])


async def test_the_first_page_holds_a_picture_of_what_comes():
    heads, body, inner = await asked(b"text/html; charset=utf-8", PAGE)
    assert body == PAGE.replace(ROOT, PICTURE)
    assert heads[b"content-length"] == str(len(body)).encode()
    assert b"etag" not in heads  # of another body
    assert b"accept-encoding" not in inner


@pytest.mark.parametrize(("kind", "scope"), [(b"application/json", {}), (b"text/html", {"method": "POST"}),
                                             (b"text/html", {"headers": [(b"accept", b"*/*")]})])  # fmt: skip
async def test_what_is_no_page_goes_through(kind, scope):
    heads, body, _ = await asked(kind, PAGE, **scope)
    assert (body, heads[b"content-length"]) == (PAGE, str(len(PAGE)).encode())


def test_a_page_of_another_form_is_left_alone():
    assert with_first_look(b"<html></html>") == b"<html></html>"


def test_streamlit_has_the_place_that_the_picture_takes():
    streamlit = pytest.importorskip("streamlit", reason="needs streamlit")
    from pathlib import Path

    page = (Path(streamlit.__file__).parent / "static" / "index.html").read_bytes()
    assert page.count(ROOT) == 1
