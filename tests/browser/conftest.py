"""A real browser before the real dashboard: every request, error and exception of a visit is kept and judged."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

sys.path[:0] = [str(Path(__file__).parent)]
ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = next((p for p in map(shutil.which, ("chromium", "chromium-browser", "google-chrome")) if p), None)
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync")  # fmt: skip


@pytest.fixture(scope="module")  # its event loop runs as long as it is open: no longer than the tests that need it
def chromium():
    """The browser, with no network but this machine's."""
    api = pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if CHROMIUM is None:
        pytest.skip("needs a Chromium of the system")
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        yield browser
        browser.close()


class Visit:
    """One tab, and what went wrong in it."""

    def __init__(self, browser, base, *, dark=False, width=1280, height=900):
        scheme = "dark" if dark else "light"
        size = {"width": width, "height": height}
        self.context = browser.new_context(color_scheme=scheme, viewport=size, accept_downloads=True)
        self.page, self.base, self.wrong = self.context.new_page(), base, []
        self.page.on("console", lambda m: self.wrong.append(m.text) if m.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda e: self.wrong.append(str(e)))
        self.page.on("request", self._asked)
        self.page.on("dialog", lambda d: (self.wrong.append(f"dialog: {d.message}"), d.dismiss()))

    def _asked(self, request):
        if not re.match(r"(https?|wss?)://127\.0\.0\.1[:/]|data:|blob:|file:", request.url):
            self.wrong.append(f"outside request: {request.url}")

    def go(self, path=""):
        self.page.goto(f"{self.base}/{path}", wait_until="domcontentloaded")
        self.page.wait_for_selector("h1", timeout=30_000)
        return self.settled()

    def settled(self):
        """Waits until the script has run and what it sent is drawn."""
        self.page.wait_for_timeout(150)
        self.page.wait_for_function(
            "() => document.querySelector('[data-testid=stApp]')?.getAttribute('data-test-script-state') !== 'running'"
            " && !document.querySelector('[data-testid=stSkeleton]')", timeout=30_000)  # fmt: skip
        self.page.wait_for_timeout(150)
        return self

    @property
    def text(self):
        return self.page.locator("[data-testid=stMain]").inner_text()

    def check(self):
        """Nothing was asked of anybody outside, nothing complained, and no exception is on the page."""
        assert self.wrong == []
        assert self.page.locator("[data-testid=stException]").count() == 0
        assert not self.page.evaluate("() => document.documentElement.scrollWidth > window.innerWidth + 1"), "too wide"
        return self


@pytest.fixture
def visit(chromium):
    """Opens tabs; all are closed at the end."""
    opened = []

    def open_tab(base, **options):
        opened.append(Visit(chromium, base, **options))
        return opened[-1]

    yield open_tab
    for one in opened:
        one.context.close()


def served(reports, log):
    """The dashboard of these reports, on a free port: its process and its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "harness.cli.entry", "app", *map(str, reports), "--port", str(port)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(command, cwd=ROOT, stdout=log, stderr=log, env=environment)
    base = f"http://127.0.0.1:{port}"
    for _ in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.1)
        else:
            return process, base
        assert process.poll() is None, "the dashboard ended"
    raise AssertionError("the dashboard does not answer")


@pytest.fixture(scope="session")
def serve(tmp_path_factory):
    """Serves reports; every server is ended with the tests."""
    running = []

    def start(*reports):
        log = (tmp_path_factory.mktemp("server") / "log.txt").open("w")
        process, base = served(reports, log)
        running.append((process, log))
        return base

    yield start
    for process, log in running:
        process.terminate()
        process.wait(20)
        log.close()


@pytest.fixture(scope="session")
def demo_report(tmp_path_factory):
    """The embedded experiment, run for real on a few tasks of each suite."""
    pytest.importorskip("torch", reason="needs torch")
    report = tmp_path_factory.mktemp("reports") / "demo"
    report.mkdir()
    written = (ROOT / "reports" / "demo" / "experiment.yaml").read_text()
    fewer = re.sub(r"^  - (suites/\S+)$", r"  - {path: \1, tasks: 8}", written, flags=re.MULTILINE)
    (report / "experiment.yaml").write_text(fewer)
    command = [sys.executable, "-m", "harness.cli.entry", "run", str(report), "--quiet"]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return report


@pytest.fixture(scope="session")
def routerbench_report(tmp_path_factory):
    """routerbench-mini, imported as its users would."""
    folder = next((p.parent / "shared" / "data" for p in Path(__file__).resolve().parents
                   if (p.parent / "shared" / "data").is_dir()), None)  # fmt: skip
    if folder is None:
        pytest.skip("no shared data beside the checkout")
    report = tmp_path_factory.mktemp("reports") / "routerbench"
    maps = ("contender=system", "task=task_id", "cost_usd=cost_cny", "confidence=routing_score")
    command = [sys.executable, "-m", "harness.cli.entry", "import", "table", str(folder / "routerbench_mini.parquet"),
               str(report), *(part for one in maps for part in ("--map", one))]  # fmt: skip
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return report


HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">",
    "![tracker](https://tracker.invalid/p.png) [click](javascript:document.title='owned') <https://tracker.invalid>",
    "\x1b[31mred\x1b[0m \x1b]0;owned\x07",
    "abc\u202egnp.exe\u2066 \u200b hidden",
    '=HYPERLINK("https://tracker.invalid","x")',
    "$\\href{https://tracker.invalid}{x}$ :material/home: :red[red] :smile:",
    "<iframe src='https://tracker.invalid'></iframe><style>@import url(https://tracker.invalid/x.css)</style>",
)
"""Names and answers of somebody who wants the page to do something."""


@pytest.fixture(scope="session")
def hostile_report(tmp_path_factory):
    """Every name, label and answer of the report is hostile, and one answer is 10 MB long."""
    report = tmp_path_factory.mktemp("reports") / "hostile"
    report.mkdir()
    rows, transcripts = [], []
    for c, contender in enumerate(HOSTILE):
        for t, task in enumerate(HOSTILE):
            passed = (c + t) % 3 > 0
            identity = f"{c:02}{t:02}".ljust(64, "0")
            rows.append({"contender": contender, "task": task, "domain": HOSTILE[t % 3], "trial": 0, "passed": passed,
                         "status": "passed" if passed else "failed", "cause": None if passed else HOSTILE[t],
                         "label_true": HOSTILE[0], "label_predicted": HOSTILE[t], "cost_usd": 0.001 * (c + 1),
                         "latency_s": 0.1, "confidence": (t + 1) / 10, "attempt_id": identity, "suite": HOSTILE[1],
                         "split": "test"})  # fmt: skip
            answer = HOSTILE[t] * (10_000_000 // len(HOSTILE[t]) if (c, t) == (0, 0) else 1)
            messages = [{"role": "system", "content": HOSTILE[0]}, {"role": "user", "content": task},
                        {"role": "assistant", "content": answer}]  # fmt: skip
            transcripts.append({"attempt_id": identity, "messages": json.dumps(messages)})
    pq.write_table(pa.Table.from_pylist(rows), report / "outcomes.parquet")
    pq.write_table(pa.Table.from_pylist(transcripts), report / "transcripts.parquet")
    return report
