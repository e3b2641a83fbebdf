"""report.html opens from disk with the network off, in light, in dark, on a phone and on paper."""

import re

import accessible
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from harness.core import EvidenceError
from harness.report import write_report

PHONE = {"width": 390, "height": 844}


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
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"color_scheme": "dark"},
        {"viewport": PHONE},
        pytest.param({"color_scheme": "dark", "viewport": PHONE}, marks=pytest.mark.slow),
    ],
)
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
    accessible.check(tab)
    assert wrong == []
    context.close()


def test_hostile_names_do_nothing(chromium, hostile_report):
    write_report(hostile_report)
    context, tab, wrong = opened(chromium, hostile_report / "report.html")
    tab.wait_for_timeout(300)
    assert tab.title() == "hostile: own, rent or mix"
    assert tab.locator("img, iframe, script, a:not([href^='#part-']), form, object").count() == 0
    for width in (1280, 768, 390):
        tab.set_viewport_size({"width": width, "height": 900})
        assert not tab.evaluate("() => document.documentElement.scrollWidth > window.innerWidth + 1")
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


CUT = """() => [...document.querySelectorAll('.wide, figure')].filter(
    box => box.clientWidth && box.scrollWidth > box.clientWidth + 1 && !box.querySelector('.heat')).length"""
"""How many tables and figures are wider than their place."""


@pytest.mark.shared
def test_nothing_is_cut_on_a_phone(chromium, routerbench_report):
    write_report(routerbench_report)
    context, tab, wrong = opened(chromium, routerbench_report / "report.html", viewport={"width": 390, "height": 844})
    tab.evaluate("() => document.querySelectorAll('details').forEach(one => one.open = true)")
    assert tab.evaluate(CUT) == 0
    letters = tab.evaluate("""() => [...document.querySelectorAll('figure .narrow svg')].map(
        svg => 12 * svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)""")
    assert min(letters) > 10  # pixels of the smallest letters
    label = tab.locator("table.options td[data-label='pass rate']").first
    assert label.evaluate("cell => getComputedStyle(cell, '::before').content") == '"pass rate"'
    heat = tab.locator(".wide:has(> .heat)")
    hint = "box => parseFloat(getComputedStyle(box, '::before').height)"
    assert heat.evaluate("box => box.scrollWidth > box.clientWidth") is (heat.evaluate(hint) > 10)
    assert wrong == []
    context.close()


def test_a_long_table_is_folded_on_the_screen_and_whole_on_paper(chromium, make_long):
    context, tab, wrong = opened(chromium, make_long)
    rows = tab.locator("table.scores tbody tr")
    seen = "rows => rows.filter(row => row.getBoundingClientRect().height > 0).length"
    assert (rows.count(), rows.evaluate_all(seen)) == (76, 15)
    assert tab.evaluate("() => document.documentElement.scrollHeight") < 10_000
    tab.locator(".folded:has(table.scores) > details > summary").click()
    assert rows.evaluate_all(seen) == 76
    tab.locator(".folded:has(table.scores) > details > summary").click()
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 688, "height": 1017})  # A4 less its margins
    assert rows.evaluate_all(seen) == 76
    assert tab.evaluate("() => [...document.querySelectorAll('.wide')].filter(b => b.scrollWidth > 689).length") == 0
    heights = tab.locator("figure").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert max(heights) < 1017  # none has to be split
    assert wrong == []
    context.close()


@pytest.fixture
def make_long(tmp_path):
    """A report of 76 contenders."""
    rows = [{"contender": f"contender-of-a-long-name-{c:02}", "task": f"t{t}", "domain": f"domain-{t % 5}", "trial": 0,
             "status": "passed" if (7 * c + t) % 5 else "failed", "passed": (7 * c + t) % 5 > 0,
             "cost_usd": 0.001 * c, "suite": "s", "split": "test"} for c in range(76) for t in range(30)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "outcomes.parquet")
    write_report(tmp_path)
    return tmp_path / "report.html"


BROKEN = """() => [...document.querySelectorAll('.wide table')].flatMap(table => {
    const found = [], texts = document.createTreeWalker(table, NodeFilter.SHOW_TEXT), range = document.createRange();
    for (let text; text = texts.nextNode();) {
        if (text.parentElement.closest('caption')) continue;
        for (const word of text.data.matchAll(text.parentElement.closest('code') ? /\\S+/g : /[^\\s-]+/g)) {
            range.setStart(text, word.index);
            range.setEnd(text, word.index + word[0].length);
            if (range.getClientRects().length > 1) found.push(word[0]);
        }
    }
    return found; })"""
"""Words in tables that stand on two lines."""


def test_paper_breaks_no_word_and_is_well_filled(chromium, tmp_path):
    very_long = "a_name_without_any_place_to_break_it_of_53_characters"
    names = ("progressive", "placebo", "Claude-2", "learned_structured_only", "bert-base", very_long)
    rows = [{"contender": name, "task": f"t{t}", "domain": f"understanding_{t % 9}", "trial": 0,
             "status": "passed" if (c + t) % 4 else "failed", "passed": (c + t) % 4 > 0,
             "cost_usd": 0.001 * (c + 1), "latency_s": 1.0 + c, "suite": "s", "split": "test"}
            for c, name in enumerate(names) for t in range(36)]  # fmt: skip
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "outcomes.parquet")
    write_report(tmp_path)
    context, tab, wrong = opened(chromium, tmp_path / "report.html")
    tab.emulate_media(media="print")
    tab.set_viewport_size({"width": 688, "height": 1017})  # A4 less its margins
    assert set(tab.evaluate(BROKEN)) <= {very_long}
    assert tab.evaluate("() => [...document.querySelectorAll('.wide')].filter(b => b.scrollWidth > 689).length") == 0
    heights = tab.locator("figure").evaluate_all("all => all.map(one => one.getBoundingClientRect().height)")
    assert max(heights) < 1017 / 2  # two on a sheet: what does not fit under a table leaves no half of it empty
    assert wrong == []
    context.close()


READ = """() => [...document.querySelectorAll("td[style*='--day'], .scale span")].map(cell => {
    const style = getComputedStyle(cell);
    return [style.color, style.backgroundColor]; })"""


def channels(colour):
    """Red, green and blue from 0 to 1 of ``rgb(…)`` or ``color(srgb …)``."""
    numbers = [float(n) for n in re.findall(r"[\d.]+", colour)[:3]]
    return numbers if colour.startswith("color(") else [n / 255 for n in numbers]


def luminance(colour):
    """WCAG 2.2."""
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels(colour)]
    return sum(share * c for share, c in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.shared
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_cells_are_read_well_and_do_not_glare_by_night(chromium, routerbench_report, scheme):
    write_report(routerbench_report)
    context, tab, _ = opened(chromium, routerbench_report / "report.html", color_scheme=scheme)
    pairs = [(luminance(ink), luminance(ground)) for ink, ground in tab.evaluate(READ)]
    assert len(pairs) > 20
    assert min((max(p) + 0.05) / (min(p) + 0.05) for p in pairs) >= 4.5
    marks = tab.evaluate("""() => [...document.querySelectorAll('figure .broad path')]
        .map(one => getComputedStyle(one).fill).filter(fill => fill.startsWith('rgb('))""")
    if scheme == "dark":
        assert max(ground for _, ground in pairs) < 0.2
        assert {"rgb(86, 180, 233)"} <= set(marks)
        assert "rgb(0, 114, 178)" not in marks  # too dim
    context.close()
