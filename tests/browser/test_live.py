"""A run watched in a real browser from its beginning: killed, gone on with, and ended, without a hand at the page."""

import asyncio
import importlib
import re
import signal
import sys
from pathlib import Path

import accessible
import pytest

sys.path[:0] = [str(Path(__file__).parent.parent / name) for name in ("run", "model")]
servers = importlib.import_module("servers")
live = importlib.import_module("live")


@pytest.fixture(scope="module")
def slow():
    async def act(served, request, body):
        await asyncio.sleep(served.pace)
        return await servers.ok()(served, request, body)

    with live.Server() as served:
        served.script, served.pace = [act] * 100_000, 0.8
        yield served


def made(tab):
    return int(re.search(r"([\d,]+) of 160", tab.text).group(1).replace(",", ""))


@pytest.mark.slow
def test_a_run_is_watched_to_its_end(tmp_path, slow, serve, visit):
    models = {"m": live.served_model(slow)}
    contenders = {"one": {"model": "m"}, "two": {"model": "m", "twin": 1}}
    more = {"reference": "two", "limits": {"concurrency": 2}, "budget": {"usd": 5}}
    report = live.write_experiment(tmp_path / "watched", tasks=80, models=models, contenders=contenders, **more)
    base = serve(report)
    run = live.start("run", report, "--quiet")
    while not (report / "manifest.json").is_file():
        assert run.poll() is None, run.communicate()
    tab = visit(base).go()
    tab.page.get_by_text("A run is under way").wait_for()
    first = made(tab)
    tab.page.wait_for_function(  # by itself
        "n => Number(document.body.innerText.match(/way: ([0-9,]+) of 160/)?.[1]) > n", arg=first, timeout=15_000
    )
    for word in ("Rate", "per s", "Time left", "Spent", "budget $5", "Interim:", "95% interval", "one"):
        assert word in tab.text, word
    for options in ({}, {"dark": True}, {"dark": True, "width": 390, "height": 844}):
        other = visit(base, **options).go()
        other.page.get_by_text("A run is under way").wait_for()
        accessible.check(other.page)
        other.check()
        other.context.close()
    tab.page.get_by_role("button", name="Fill all pages").click()
    tab.page.get_by_text("The figures below are interim").first.wait_for(timeout=20_000)
    tab.settled()
    assert "INCOMPLETE" in tab.text
    assert "the run is under way now" in tab.text
    assert "Scoreboard" in tab.text

    run.send_signal(signal.SIGKILL)
    run.communicate()
    tab.page.get_by_text("The run stopped").wait_for(timeout=15_000)
    tab.page.wait_for_function("words => document.body.innerText.includes(words)", arg=f"ownbench run {report}")
    stopped, slow.pace = made(tab), 0.05

    run = live.start("run", report, "--quiet")
    tab.page.get_by_text("A run is under way").wait_for(timeout=20_000)
    tab.page.get_by_text("has ended: all 160 attempts").wait_for(timeout=60_000)
    assert stopped < 160
    tab.settled()
    assert "INCOMPLETE" not in tab.text
    assert "under way" not in tab.text
    assert tab.page.get_by_role("link", name="Read the verdict").count() == 1
    assert run.communicate(timeout=20) is not None
    assert tab.page.locator("[data-testid=stException]").count() == 0
    assert tab.wrong == []
