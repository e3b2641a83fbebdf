"""Offline, no socket of the process leads away, whatever opens it; and afterwards all is as before."""

import asyncio
import os
import socket
import urllib.request

import aiohttp
import httpx
import pytest

from harness.core import is_this_machine, stay_offline

AWAY = [("192.0.2.1", 9), ("8.8.8.8", 53), ("169.254.169.254", 80)]


@pytest.fixture
def listening():
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.mark.parametrize("address", AWAY)
def test_no_socket_connects_to_another_machine(address):
    with stay_offline(), socket.socket() as one, socket.socket(type=socket.SOCK_DGRAM) as two:
        for leave in (one.connect, one.connect_ex, two.connect, lambda to: two.sendto(b"x", to)):
            with pytest.raises(OSError, match="offline: "):
                leave(address)
        with pytest.raises(OSError, match="offline: "):
            two.sendmsg([b"x"], [], 0, address)


@pytest.mark.parametrize("look", [socket.gethostbyname, lambda n: socket.getaddrinfo(n, 80), socket.gethostbyaddr])
def test_no_name_is_looked_up(look):
    with stay_offline(), pytest.raises(OSError, match="offline: the name"):
        look("example.invalid")


def test_this_machine_is_reached(listening):
    with stay_offline():
        for host in ("127.0.0.1", "localhost"):
            socket.create_connection((host, listening), timeout=5).close()
        with socket.socket(socket.AF_UNIX) as local, pytest.raises(FileNotFoundError):
            local.connect("/nowhere/at/all")


@pytest.mark.parametrize(
    ("host", "here"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("::ffff:127.0.0.1", True), ("localhost", True),
     ("LocalHost", True), (None, True), ("", True), (b"127.0.0.1", True), ("::1%lo", True), ("10.0.0.1", False),
     ("::ffff:10.0.0.1", False), ("x.localhost", False), ("127.0.0.1.org", False), ("127.1", False)],
)  # fmt: skip
def test_what_this_machine_is(host, here):
    assert is_this_machine(host) is here


async def test_the_clients_of_the_libraries_are_kept(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://192.0.2.1:3128")
    monkeypatch.delenv("http_proxy", raising=False)
    with stay_offline():
        async with aiohttp.ClientSession(trust_env=True) as session:
            for url in (
                "http://192.0.2.1/",
                "http://example.invalid/",
                "http://127.0.0.1:9/",
            ):  # the last: by the proxy
                with pytest.raises(aiohttp.ClientError) as caught:
                    await session.get(url)
                assert "offline" in repr(caught.value)
        async with httpx.AsyncClient() as client:
            with pytest.raises(httpx.ConnectError):
                await client.get("http://example.invalid/")
        with pytest.raises(OSError, match="offline"):
            await asyncio.to_thread(urllib.request.urlopen, "http://example.invalid/", None, 5)


def test_it_may_be_opened_within_itself_and_ends():
    before = os.environ.get("HF_HUB_OFFLINE")
    with stay_offline():
        assert os.environ["HF_HUB_OFFLINE"] == "1"
        with stay_offline():
            pass
        with pytest.raises(OSError, match="offline"):
            socket.gethostbyname("example.invalid")
    assert os.environ.get("HF_HUB_OFFLINE") == before
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.connect(("127.0.0.1", 9))
