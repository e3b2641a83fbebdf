"""Rates over several reports, and one report after another, for everybody who reads them."""

import accessible
import pytest


@pytest.fixture
def weeks(make_report):
    """Three reports of two contenders, the last with other lines in a prompt."""
    folders = []
    for week in range(3):
        rows = [{"contender": name, "task": f"t{t}", "suite": "s", "split": "test", "domain": f"d{t % 3}",
                 "status": "passed" if t < passes + 3 * week else "failed"}
                for name, passes in (("tuned", 30), ("a skilled one of a rather long name", 20))
                for t in range(50)]  # fmt: skip
        told = [{"name": name, "kind": "model", "digest": f"{name}{week}",
                 "parts": {"model": {"name": f"m{week}"}, "prompt": {"template": "Read this.\n" * (week + 1)}}}
                for name in ("tuned", "a skilled one of a rather long name")]  # fmt: skip
        manifest = {"created_at": f"2026-0{week + 1}-01T00:00:00+00:00", "complete": True, "contenders": told,
                    "suites": [{"name": "s", "digest": "0"}]}  # fmt: skip
        folders.append(make_report(rows, manifest, name=f"week-{week}"))
    return folders


@pytest.mark.slow  # an app of its own, drawn three times
def test_trends_are_read_by_everybody(weeks, serve, visit):
    base = serve(*weeks)
    for options in ({}, {"dark": True, "width": 390, "height": 844}):
        tab = visit(base, **options).go("?page=Gate+and+history&report=week-2")
        tab.page.get_by_role("heading", name="Pass rates over reports").wait_for()
        accessible.check(tab.check().page)
