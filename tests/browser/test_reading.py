"""What people come for, in few clicks and on one screen of 1280 x 800: why one failed, what blocked, what to export."""

import csv
import io
import json
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.cli.entry import main

TASKS = 60
SECONDS = 12  # that an action may take on a machine with much else to do; alone it takes about one


def passes(contender, task):
    return task % 6 > 0 if contender == "candidate" else task % 20 > 0


@pytest.fixture(scope="module")
def judged(tmp_path_factory):
    """A candidate that is worse than the baseline, with all texts, and the verdict that blocked it."""
    report = tmp_path_factory.mktemp("reports") / "judged"
    report.mkdir()
    rows, texts = [], []
    for contender in ("baseline", "candidate"):
        for task in range(TASKS):
            passed, attempt = passes(contender, task), f"{contender[0]}{task:031}"
            label, other = f"answer {task}", f"answer {task + 1}"
            rows.append({"contender": contender, "task": f"t{task:02}", "domain": f"d{task % 3}", "trial": 0,
                         "suite": "s", "split": "test", "attempt_id": attempt, "passed": passed,
                         "status": "passed" if passed else "failed", "cause": None if passed else "wrong",
                         "label_true": label, "label_predicted": label if passed else other,
                         "cost_usd": 0.01, "latency_s": 0.5})  # fmt: skip
            said = f"It is {label if passed else other}."
            messages = [{"role": "user", "content": f"What is the answer of {task}?"},
                        {"role": "assistant", "content": said}]  # fmt: skip
            texts.append({"attempt_id": attempt, "messages": json.dumps(messages),
                          "reason": "" if passed else f"expected {label}, found {other}", "replies": ""})  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), report / "outcomes.parquet")
    pq.write_table(pa.Table.from_pylist(texts), report / "transcripts.parquet")
    (report / "experiment.yaml").write_text("reference: baseline\n")
    sides = ["--baseline-contender", "baseline", "--candidate-contender", "candidate"]
    assert main(["gate", str(report), str(report), *sides]) == 1
    return report


@pytest.fixture(scope="module")
def dashboard(serve, judged):
    return serve(judged)


class Reader:
    """A reader at a screen of 1280 x 800, whose actions are counted and timed."""

    def __init__(self, tab):
        self.tab, self.page, self.actions = tab, tab.page, []

    def click(self, place, until):
        """One click, after which a text is there."""
        begun = time.perf_counter()
        place.click()
        self.page.get_by_text(until).first.wait_for(timeout=30_000)
        self.actions.append(time.perf_counter() - begun)
        self.tab.settled()

    def seen_whole(self, *places):
        """Whether all of these stand on the screen without scrolling."""
        boxes = [place.first.bounding_box() for place in places]
        return all(box and box["y"] >= 0 and box["y"] + box["height"] <= 800 for box in boxes)


@pytest.fixture
def reader(dashboard, visit):
    def begin(address):
        return Reader(visit(dashboard, width=1280, height=800).go(address))

    return begin


def test_why_one_failed_and_the_other_passed_is_one_click_and_one_screen(reader):
    one = reader("?page=Head+to+head&a=candidate&b=baseline")
    flip = one.page.locator("table.flips tbody tr").first
    name = flip.locator("th").inner_text()
    one.click(flip.locator("a"), "Expected answer")
    rows = one.page.locator("table.answers tbody tr")
    assert rows.count() == 2
    assert {row.locator("th").inner_text() for row in rows.all()} == {"candidate", "baseline"}
    number = int(name[1:])
    for text in (f"What is the answer of {number}?", f"expected answer {number}, found answer {number + 1}"):
        assert one.seen_whole(one.page.locator("[data-testid=stMain]").get_by_text(text))
    assert one.seen_whole(rows.nth(0), rows.nth(1), one.page.locator(".asked"))
    marked = rows.filter(has_text="wrong").locator("ins, del").all_inner_texts()
    assert any(f"{number + 1}" in text for text in marked)  # the word that differs
    assert len(one.actions) == 1
    assert max(one.actions) < SECONDS
    one.tab.check()


def test_from_a_blocked_gate_to_a_task_that_failed_are_two_clicks(reader):
    one = reader("?page=Gate+and+history")
    rule = one.page.locator("[data-testid=stMain] table a[href*='page=Tasks']").first
    one.click(rule, "tasks; ")
    one.click(one.page.locator("table.results tbody a").first, "Expected answer")
    name = one.page.locator("h1.task code").first.inner_text()
    assert not passes("candidate", int(name[1:]))
    assert one.seen_whole(one.page.locator("table.answers tbody tr").filter(has_text="candidate"))
    assert len(one.actions) == 2
    assert max(one.actions) < SECONDS
    one.tab.check()


def test_failures_of_one_contender_are_exported_with_texts_in_two_actions(reader):
    one = reader("?page=Answer")
    row = one.page.locator("table.scores tbody tr").filter(has=one.page.get_by_text("candidate", exact=True))
    one.click(row.locator("a").first, "attempts at them as asked for")
    button = one.page.get_by_role("button", name="With texts (CSV)")
    assert one.seen_whole(button), "nobody has to scroll"
    one.page.set_viewport_size({"width": 390, "height": 844})
    one.tab.settled()
    assert one.seen_whole(button), "nor on a phone"
    begun = time.perf_counter()
    with one.page.expect_download() as started:
        button.click()
    saved = Path(started.value.path()).read_text("utf-8-sig")
    one.actions.append(time.perf_counter() - begun)
    rows = list(csv.DictReader(io.StringIO(saved, newline="")))
    failed = [task for task in range(TASKS) if not passes("candidate", task)]
    assert sorted(row["task"] for row in rows) == [f"t{task:02}" for task in failed]
    assert {row["contender"] for row in rows} == {"candidate"}
    for found, task in zip(sorted(rows, key=lambda one: one["task"]), failed, strict=True):
        assert found["asked"] == f"What is the answer of {task}?"
        assert found["answer"] == f"It is answer {task + 1}."
        assert found["reason"] == f"expected answer {task}, found answer {task + 1}"
    assert len(one.actions) == 2
    assert max(one.actions) < SECONDS
    one.tab.check()


@pytest.mark.parametrize(
    ("address", "place", "asked"),
    [
        ("?page=Domains", "table.heat tbody td a", ("who=", "domain=")),
        ("?page=Answer", "table.pairs tbody a", ("a=candidate", "b=baseline", "flipped=")),
        ("?page=Distributions", "table.spreads tbody td a", ("who=", "order=slowest+first")),
        ("?page=Tasks", "p.lists a", ("agree=all+failed",)),
    ],
)
def test_from_every_figure_one_click_leads_to_its_tasks(reader, address, place, asked):
    one = reader(address)
    one.click(one.page.locator(place).first, "attempts at them as asked for")
    assert all(part in one.page.url for part in asked)
    assert one.page.locator("table.results tbody tr").count() > 0
    one.tab.check()


def test_charts_turn_dark_with_the_system(reader):
    page = reader("?page=Answer").page
    ground = "() => document.querySelector('[data-testid=stVegaLiteChart] svg')?.style.backgroundColor"
    page.wait_for_function(f"({ground})() === 'rgb(255, 255, 255)'")
    page.emulate_media(color_scheme="dark")
    page.wait_for_function(f"({ground})() === 'rgb(23, 22, 20)'", timeout=15_000)
