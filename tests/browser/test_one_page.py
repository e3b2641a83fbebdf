"""``summary.html`` is one sheet of A4 that holds all it says, also with long names, many contenders and warnings."""

import re
from dataclasses import replace

import accessible
import pytest

from harness import analysis
from harness.report.one_page import one_page, write_one_page
from harness.report.opening import grounds_of, opening

ECONOMICS = """name: r
reference: c0
economics: {tasks_per_month: 100000, training_usd: 900, data_must_stay_inside: false, outage_days_per_year: 5}
"""


def rows(names, tasks=60):
    return [
        {"contender": name, "task": f"t{t}", "domain": f"d{t % 3}", "suite": "s", "split": "test", "latency_s": 0.2,
         "status": "passed" if (t * 7 + c * 5) % 20 < 16 - c else "failed", "cost_usd": 0.001 * (c + 1 + t % 3)}
        for c, name in enumerate(names) for t in range(tasks)
    ]  # fmt: skip


def manifest(names):
    long = "x" * 60
    suites = [{"name": f"s-{long}-{n}", "version": "1.0.0", "digest": f"{n:032x}", "tasks": 10} for n in range(9)]
    how = [("OWN", "adapter"), ("RENT", "model"), ("MIX", "hybrid")]
    told = [{"name": name, "kind": how[c % 3][1], "sourcing": how[c % 3][0], "setup": "generalist + skills"}
            for c, name in enumerate(names)]  # fmt: skip
    return {"suites": suites, "contenders": told, "planned": 60 * len(names), "done": 60 * len(names),
            "complete": True, "seed": 7}  # fmt: skip


def printed(chromium, text, tmp_path):
    """Pages of the PDF, and of how much of the sheet the text is taller or wider."""
    page = chromium.new_page(viewport={"width": 1280, "height": 900})
    asked = []
    page.on("request", lambda r: asked.append(r.url))
    page.set_content(text.replace("font: 8.6pt/1.32 Arial", 'font: 8.6pt/1.32 "DejaVu Sans"'))  # the widest
    page.emulate_media(media="print")
    over = page.evaluate("""() => {
        const m = document.querySelector('main');
        const cut = [...m.children].filter(e => e.scrollHeight > e.clientHeight + 2 && e.tagName !== 'FIGURE').length;
        const ends = m.lastElementChild.getBoundingClientRect().bottom - m.getBoundingClientRect().bottom;
        const svg = document.querySelector('svg').getBoundingClientRect();
        const box = document.querySelector('figure').getBoundingClientRect();
        return {cut, ends, wide: m.scrollWidth - m.clientWidth, high: m.scrollHeight - m.clientHeight,
                figure: svg.height, out: svg.bottom - box.bottom};
    }""")
    page.emulate_media(media="screen")
    for size in ({"width": 1280, "height": 900}, {"width": 390, "height": 844}):
        page.set_viewport_size(size)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= size["width"]
        accessible.check(page)
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 1280, "height": 900})
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    (tmp_path / "page.pdf").write_bytes(pdf)
    page.close()
    assert asked == []
    return len(re.findall(rb"/Type\s*/Page\b", pdf)), over


@pytest.mark.parametrize(("many", "letters", "warnings"), [(3, 2, 0), (9, 24, 3), (14, 200, 12), (40, 30, 12)])
def test_it_is_one_page(chromium, make_report, tmp_path, many, letters, warnings):
    names = [f"c{n}" + "-long name" * (letters // 10) for n in range(many)]
    report = make_report(rows(names), manifest(names), ECONOMICS.replace("c0", names[0]))
    table, known = analysis.load_evidence(report)
    view = analysis.scoreboard((table, known))
    said = tuple(f"WARNING {n}: {'what is doubtful about these figures and why, ' * 12}" for n in range(warnings))
    grounds = grounds_of(table, known, 0.95)
    text = one_page(replace(view, cautions=said), grounds, table, known, "0" * 32)
    pages, over = printed(chromium, text, tmp_path)
    assert pages == 1, over
    assert over["high"] <= 1
    assert over["wide"] <= 1
    assert over["ends"] <= 0, "nothing is cut off at the end of the sheet"
    assert over["cut"] == 0
    assert over["figure"] > 100, "the picture is there to be seen"
    assert over["out"] <= 2
    every = warnings + len(opening(view, grounds.advice).notes)
    left = every - min(every, 3)
    assert text.count("<li>WARNING") == min(3, warnings)
    assert (f"<li>{left} more in report.html" in text) == (left > 0)
    assert text.count('<th scope="row">') == (many if many <= 14 else 13)
    cut = re.search(r"<dt>Not here</dt><dd>(.*?)</dd>", text)
    said = re.sub(r"(?s)<style>.*</style>|<figure>.*?</figure>|<dt>Suites</dt>.*?</div>", "", text)
    assert (cut is not None) == ("…" in said or left > 0)
    assert left == 0 or f"{left} warnings left out" in cut[1]
    for word in ("What would flip it", "What the data are", "60 tasks", "000000000000", "Seed"):
        assert word in text


def test_it_runs_nothing_whatever_names_say(hostile_report, chromium, tmp_path):
    (path,) = write_one_page(hostile_report, out=tmp_path)
    page = chromium.new_page()
    asked = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(path.as_uri())
    assert page.title() != "owned"
    assert page.locator("main script, main img, main iframe").count() == 0
    assert asked == [path.as_uri()]
    page.close()
