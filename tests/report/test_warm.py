"""What is computed before anybody looks."""

import gc

import pytest

from harness.report.pages import warm


@pytest.fixture
def thawed():
    yield
    gc.unfreeze()


def test_what_is_kept_is_not_looked_through_after_every_drawing(make_report, paired_rows, thawed):
    before = gc.get_freeze_count()
    warm([make_report(paired_rows(9, 3, 1, 2))])
    assert gc.get_freeze_count() > before + 10_000
