"""What is computed before anybody looks."""

import gc
from types import SimpleNamespace

import pytest

from harness.core import Kind, Manifest, Outcome, Status, digest_text
from harness.report.pages import live, warm
from harness.report.pages.loading import evidence_of, remembered
from harness.store import Journal, write_manifest


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_what_is_kept_is_not_looked_through_after_every_drawing(make_report, paired_rows, thawed):
    before = gc.get_freeze_count()
    warm([make_report(paired_rows(9, 3, 1, 2))])
    assert gc.get_freeze_count() > before + 10_000


def test_a_default_that_is_said_is_no_other_question():
    asked = []

    @remembered(4)
    def told(of: str, kinds: tuple[str, ...] = ()) -> str:
        asked.append(of)
        return of

    assert [told("x"), told("x", ()), told(of="x", kinds=())] == ["x", "x", "x"]
    assert asked == ["x"]


@pytest.fixture
def stopped(tmp_path):
    """A report of 600 attempts on record of 900, without tables."""
    write_manifest(tmp_path, Manifest(report="r", created_at="", planned=900))
    with Journal(tmp_path) as journal:
        for n in range(600):
            journal.append_attempt(Outcome(
                report="r", suite="s", suite_digest="sd", contender="a", contender_digest="a",
                contender_kind=Kind.MODEL, task=f"t{n}", task_digest=f"d{n}", domain="d", cluster=f"t{n}", split=None,
                trial=0, status=Status.PASSED, passed=True, attempt_id=digest_text(f"{n}"),
            ))  # fmt: skip
    return tmp_path


def test_the_journal_of_a_run_is_counted_before_anybody_looks(stopped, thawed, monkeypatch):
    monkeypatch.setattr(live, "_FIRST_S", 0.0)
    monkeypatch.setattr(live, "_HURRY_S", 0.0)
    warm([stopped])
    first = live._look(stopped, 0.0)  # no time to read anything
    assert (first.read, first.made) == (1.0, 600)


@pytest.mark.parametrize(("read", "every"), [(0.5, 0.05), (1.0, 2.0)])
def test_the_page_waits_for_nothing_while_a_journal_is_being_read(stopped, monkeypatch, read, every):
    asked = []
    monkeypatch.setattr(live, "_look", lambda *_: SimpleNamespace(read=read))
    monkeypatch.setattr(live, "_offer", lambda *_, **__: None)
    monkeypatch.setattr(live.st, "fragment", lambda _, run_every: (asked.append(run_every), lambda *_, **__: None)[1])
    live.watch(evidence_of(stopped), whole=True)
    assert asked == [every]
