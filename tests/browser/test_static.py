"""report.html opens from disk with the network off, in light, in dark, on a phone and on paper."""

import re

import pytest

from harness.core import EvidenceError
from harness.report import write_report


def opened(chromium, path, **options):
    """The page, opened with no network, and what it complained of or asked for."""
    context = chromium.new_context(offline=True, **options)
    tab, wrong = context.new_page(), []
    tab.on("console", lambda m: wrong.append(m.text))
    tab.on("pageerror", lambda e: wrong.append(str(e)))
    tab.on("request", lambda r: wrong.append(r.url) if r.url != path.as_uri() else None)
    tab.goto(path.as_uri())
    return context, tab, wrong


@pytest.mark.shared
@pytest.mark.parametrize("options", [{}, {"color_scheme": "dark"}, {"viewport": {"width": 390, "height": 844}}])
def test_the_file_needs_nothing_else(chromium, routerbench_report, options):
    write_report(routerbench_report)
    context, tab, wrong = opened(chromium, routerbench_report / "report.html", **options)
    assert tab.locator("figure:not(details figure) svg").count() >= 2
    assert tab.locator("table.scores tbody tr").count() == 10
    unfolded = tab.locator("figure:not(details figure)")
    assert all(one.bounding_box()["height"] > 150 for one in unfolded.all())
    assert not tab.evaluate("() => document.documentElement.scrollWidth > window.innerWidth + 1")
    ground = tab.evaluate("() => getComputedStyle(document.body).backgroundColor")
    dark = sum(map(int, re.findall(r"\d+", ground)[:3])) < 200
    assert dark is (options.get("color_scheme") == "dark")
    assert len(tab.pdf()) > 20_000
    assert wrong == []
    context.close()


def test_hostile_names_do_nothing(chromium, hostile_report):
    write_report(hostile_report)
    context, tab, wrong = opened(chromium, hostile_report / "report.html")
    tab.wait_for_timeout(300)
    assert tab.title() == "hostile: own, rent or mix"
    assert tab.locator("img, iframe, script, a, form, object").count() == 0
    assert "<script>document.title='owned'</script>" in tab.locator("main").inner_text()
    assert wrong == []
    context.close()


def test_a_broken_report_opens_too(chromium, tmp_path):
    (tmp_path / "outcomes.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(EvidenceError):
        write_report(tmp_path)
    context, tab, wrong = opened(chromium, tmp_path / "report.html")
    assert "not a readable Parquet file" in tab.get_by_role("alert").inner_text()
    assert wrong == []
    context.close()
