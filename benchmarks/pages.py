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
        with (
            _served([sys.executable, "-m", "streamlit", "run", word, *flags, "--server.port"]) as peer,
            _served([*OWNBENCH, "app", report, "--port"]) as ours,
        ):
            time.sleep(WARM_S)
            for _ in range(turns):  # pairs, one after the other
                found.setdefault("a word by Streamlit", []).append(_first(browser, peer, "table"))
                found.setdefault("the scoreboard", []).append(_first(browser, ours, "table.scores"))
                found.setdefault("the first figure", []).append(_first(browser, ours, DRAWN))
            tab = browser.new_context().new_page()
            tab.goto(ours)
            tab.wait_for_selector(DRAWN)
            for visit in ("first", "again"):
                for page in PAGES:
                    found.setdefault(f"a page, {visit}", []).append(_to(tab, page))
            _to(tab, "Head to head")
            found["a pair newly chosen"] = [_paired(tab, turn) for turn in range(TURNS)]
        browser.close()
    return found


def _first(browser: Any, base: str, what: str) -> float:
    context = browser.new_context()
    tab, start = context.new_page(), time.perf_counter()
    tab.goto(base)
    tab.wait_for_selector(what)
    taken = time.perf_counter() - start
    context.close()
    return taken


def _to(tab: Any, page: str) -> float:
    tab.wait_for_timeout(600)
    start = time.perf_counter()
    tab.locator("[data-testid=stRadioOption]").filter(has_text=page).first.click()
    tab.wait_for_timeout(30)
    tab.wait_for_function(DONE)
    return time.perf_counter() - start


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
