"""Who is let in to the dashboard: by the names that it has, wherever it is served."""

import socket

import pytest

from harness.report.app import OwnName

HERE, LAN = ("127.0.0.1", 8501), ("192.168.1.5", 8501)


async def asked(headers, *, served=HERE, kind="http"):
    """What one request gets: ``in``, or the status or code that it is refused with."""
    sent, inside = [], []

    async def app(scope, receive, send):
        inside.append(scope)

    async def receive():
        return {"type": f"{kind}.connect"}

    async def send(message):
        sent.append(message)

    raw = [(name.encode(), value.encode("latin-1")) for name, value in headers]
    await OwnName(app)({"type": kind, "headers": raw, "server": served}, receive, send)
    assert bool(inside) is not bool(sent)
    return "in" if inside else sent[0].get("status") or sent[0]["code"]


@pytest.fixture
def options(monkeypatch):
    from streamlit import config

    known = {"server.address": "127.0.0.1", "server.allowedHosts": []}
    monkeypatch.setattr(config, "get_option", known.__getitem__)
    return known


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("host", "here", "lan"),
    [
        ("localhost:8501", True, True),
        ("LOCALHOST", True, True),
        ("127.0.0.1:8501", True, True),
        ("127.0.0.1:9999", True, True),  # through a tunnel
        ("[::1]:8501", True, True),
        ("192.168.1.5:8501", False, True),
        ("[fd00::5]:8501", False, True),
        (f"{socket.gethostname()}:8501", False, True),
        ("evil.example:8501", False, False),
        ("evil.example", False, False),
        ("127.0.0.1.evil.example", False, False),
        ("localhost.evil.example", False, False),
        ("evil@localhost:8501", False, False),
        ("localhost/evil", False, False),
        ("localhost:port", False, False),
        ("localhost:99999", False, False),
        ("", False, False),
        ("[", False, False),
    ],
)
async def test_the_host_has_to_be_its_own(options, host, here, lan, kind):
    refused = 403 if kind == "http" else 1008
    assert await asked([("host", host)], kind=kind) == ("in" if here else refused)
    options["server.address"] = "192.168.1.5"
    assert await asked([("host", host)], served=LAN, kind=kind) == ("in" if lan else refused)


async def test_a_dashboard_for_others_answers_to_this_machines_name_from_this_machine_too(options):
    options["server.address"] = "0.0.0.0"  # noqa: S104
    for host, asks in ((f"{socket.gethostname()}:8501", "in"), ("192.168.1.5:8501", "in"), ("evil.example", 403)):
        assert await asked([("host", host)], served=HERE) == asks


@pytest.mark.parametrize("kind", ["http", "websocket"])
@pytest.mark.parametrize(
    ("origin", "let_in"),
    [
        ("http://localhost:8501", True),
        ("https://localhost:8501", True),
        ("http://LOCALHOST:8501", True),
        ("http://localhost:3000", False),
        ("http://localhost", False),
        ("http://127.0.0.1:8501", False),
        ("http://evil.example", False),
        ("http://localhost:8501.evil.example", False),
        ("http://x@localhost:8501", False),
        ("null", False),
        ("file://", False),
        ("", False),
        ("http://[", False),
    ],
)
async def test_the_origin_has_to_be_the_page_itself(options, origin, let_in, kind):
    refused = 403 if kind == "http" else 1008
    assert await asked([("Host", "localhost:8501"), ("Origin", origin)], kind=kind) == ("in" if let_in else refused)


async def test_names_that_the_user_allows_are_its_own(options):
    options["server.allowedHosts"] = ["board.example.com", "*.lab.example"]
    for host, let_in in (("board.example.com", True), ("A.lab.example:80", True), ("example.com", False)):
        assert await asked([("host", host)], served=LAN) == ("in" if let_in else 403)


async def test_no_host_or_two_are_refused(options):
    assert await asked([]) == 403
    assert await asked([("host", "localhost"), ("host", "evil.example")]) == 403


async def test_what_is_no_request_goes_through(options):
    assert await asked([], kind="lifespan") == "in"
