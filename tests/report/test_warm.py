"""What is computed before anybody looks."""

import gc

import pytest

from harness.report.pages import warm
from harness.report.pages.loading import remembered


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
