"""How long the dashboard takes in a browser, beside a page of Streamlit that says one word. Both on this machine."""

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from measure import OWNBENCH

PAGES = ("Head to head", "Domains", "Escalation", "Money", "Skills", "Tasks", "Gate and history", "Answer")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update")
DRAWN = "[data-testid=stVegaLiteChart] canvas, [data-testid=stVegaLiteChart] svg"
DONE = "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') !== 'running'"
WARM_S = 20.0
"""Seconds in which the server computes what pages begin with; a reader who comes earlier waits for it."""
NAMED = "name => [...document.querySelectorAll('p code')].some(one => one.textContent === name)"
TURNS = 5
"""Pairs of contenders that are chosen."""


def browsed(report: Path, folder: Path, turns: int) -> dict[str, list[float]]:
    """Seconds by what was done: a first picture in an empty browser, each page opened and opened again, new pairs."""
    from playwright.sync_api import sync_playwright

    folder.mkdir(parents=True, exist_ok=True)
    word = folder / "word.py"
    word.write_text("import streamlit as st\nst.html('<table><tr><td>word</td></tr></table>')\n")
    flags = ["--server.headless", "true", "--browser.gatherUsageStats", "false", "--server.fileWatcherType", "none"]
    found: dict[str, list[float]] = {}
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(FLAGS))
        with _served([sys.executable, "-m", "streamlit", "run", word, *flags, "--server.port"]) as peer:
            for _ in range(turns):
                found.setdefault("a word by Streamlit", []).append(_first(browser, peer, "table")[1])
        with _served([*OWNBENCH, "app", report, "--port"]) as ours:
            time.sleep(WARM_S)
            _visit(browser, ours, turns, found)
        browser.close()
    return found


def _visit(browser: Any, ours: str, turns: int, found: dict[str, list[float]]) -> None:
    """Adds what is seen by visitors one after the other, and by one who opens every page twice."""
    for _ in range(turns):
        painted, seconds = _first(browser, ours, "table.scores")
        found.setdefault("anything at all, a picture of the page to come", []).append(painted)
        found.setdefault("the scoreboard", []).append(seconds)
        found.setdefault("the first figure", []).append(_first(browser, ours, DRAWN)[1])
    tab = browser.new_context().new_page()
    tab.goto(ours)
    tab.wait_for_selector(DRAWN)
    for visit in ("first", "again"):
        for page in PAGES:
            heading, seconds = _to(tab, page)
            found.setdefault(f"a page's heading, {visit}", []).append(heading)
            found.setdefault(f"a page, {visit}", []).append(seconds)
    _to(tab, "Head to head")
    found["a pair newly chosen"] = [_paired(tab, turn) for turn in range(TURNS)]


def _first(browser: Any, base: str, what: str) -> tuple[float, float]:
    """Seconds until anything is painted, and until ``what`` is there, in a browser that knows nothing."""
    context = browser.new_context()
    tab, start = context.new_page(), time.perf_counter()
    tab.goto(base, wait_until="commit")
    tab.wait_for_selector(what)
    taken = time.perf_counter() - start
    painted = tab.evaluate("() => performance.getEntriesByName('first-contentful-paint')[0].startTime / 1000")
    context.close()
    return painted, taken


HEADED = """() => {
    const heading = () => document.querySelector('[data-testid=stMain] h1')?.innerText;
    const before = heading(), start = performance.now();
    window.headed = null;
    const look = () => { if (heading() === before) requestAnimationFrame(look);
                         else window.headed = (performance.now() - start) / 1000; };
    look(); }"""
"""Keeps the seconds from now to the frame in which the heading is another."""


def _to(tab: Any, page: str) -> tuple[float, float]:
    """Seconds from the click to the page's heading, and until the server has sent all of it."""
    tab.wait_for_timeout(600)
    tab.evaluate(HEADED)
    start = time.perf_counter()
    tab.locator("[data-testid=stRadioOption]").filter(has_text=page).first.click()
    tab.wait_for_function("() => window.headed !== null")
    tab.wait_for_function(DONE)
    return tab.evaluate("() => window.headed"), time.perf_counter() - start


def _paired(tab: Any, turn: int) -> float:
    """From the click on a contender that was not looked at before to the end of the drawing."""
    tab.wait_for_timeout(600)
    tab.get_by_role("combobox", name="First contender").first.click()
    options = tab.get_by_role("option")
    options.first.wait_for()
    told = set(tab.locator("p code").all_inner_texts())
    fresh = [place for place, name in enumerate(options.all_inner_texts()) if name.strip() not in told]
    option = options.nth(fresh[turn % len(fresh)])
    name = option.inner_text().strip()
    start = time.perf_counter()
    option.click()
    tab.wait_for_function(NAMED, arg=name)
    tab.wait_for_function(DONE)
    return time.perf_counter() - start


@contextmanager
def _served(command: Sequence[Any]) -> Iterator[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    process = subprocess.Popen([*map(str, command), str(port)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                break
            except OSError:
                time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()
