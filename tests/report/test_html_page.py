"""report.html holds the report's own figures, in one file that asks nobody for anything and runs nothing."""

import json
import re
from html.parser import HTMLParser

import pytest

from harness.cli.entry import main
from harness.core import EvidenceError, UsageError, dollars, percent
from harness.report import write_report
from harness.report.figures import MOST_ROWS
from harness.report.html_parts import style
from harness.report.write import DRAWN, FLIPS_LISTED, LISTED

VOID = {"meta", "br", "img", "link", "input", "wbr"}


class Read(HTMLParser):
    """The page as a browser's parser sees it: its tags, the texts of its table cells, and whether every tag closes."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.cells, self.open, self.text = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in {"td", "th"}:
            self.cells.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def targets(self):
        """Where its links lead."""
        return [a["href"] for tag, a in self.tags if tag == "a"]

    def handle_data(self, data):
        self.text.append(data)
        if {"td", "th"} & set(self.open):
            self.cells[-1] += data


@pytest.fixture
def mixed(make_report, paired_rows):
    return make_report(paired_rows(40, 9, 3, 28, domains=("x", "y"), cost_usd=0.01, latency_s=0.5),
                       experiment="reference: B\n")  # fmt: skip


def page(report):
    write_report(report)
    return (report / "report.html").read_text(encoding="utf-8")


def test_every_figure_of_the_scoreboard_is_that_of_the_statistics(mixed):
    found = Read(page(mixed))
    written = json.loads((mixed / "statistics.json").read_text())
    cells = " ".join(found.cells)
    for contender in written["contenders"]:
        assert percent(contender["pass_rate"]["value"]) in cells
        for key in ("cost_per_task_usd", "cost_per_pass_usd"):
            assert dollars(1000 * contender[key]["value"]) in cells
        rate = contender["pass_rate"]
        assert f"[{100 * rate['low']:.1f}, {100 * rate['high']:.1f}]" in cells
    (comparison,) = written["comparisons"]
    assert f"{100 * comparison['delta']:+.2f}" in found.cells
    assert {str(comparison["wins"]), str(comparison["losses"])} <= set(found.cells)


def test_the_file_asks_nobody_and_runs_nothing(mixed):
    text = page(mixed)
    found = Read(text)
    tags = [tag for tag, _ in found.tags]
    assert not {"script", "link", "iframe", "object", "embed", "img", "form", "base"} & set(tags)
    policy = next(a["content"] for t, a in found.tags if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy
    for _, attributes in found.tags:
        assert not [name for name in attributes if name.startswith("on")]
        assert not {"src", "srcset", "action"} & set(attributes)
    others = {u for u in re.findall(r"https?://[^\s\"'<)]+", text) if not u.startswith("http://www.w3.org/")}
    assert others == set()
    assert not re.search(r"url\(\s*['\"]?(?!#)", text)
    assert len(text) < 500_000


def test_marks_of_the_figures_say_what_they_are(mixed):
    found = Read(page(mixed))
    titles = [text for text in found.text if text.startswith(("A: ", "B: "))]
    assert len(titles) >= 4  # a point of each contender in both figures
    assert [t for t, _ in found.tags].count("figure") == 3  # with the domains of the comparison
    bare = re.compile(r"\d\.\d{6,}|\b(?:low|high|value|x|y|colour): ")  # what Vega says of a mark by itself
    assert not [text for text in re.findall(r"<title>(.*?)</title>", page(mixed)) if bare.search(text)]


def test_an_unfinished_run_says_so_first(make_report, paired_rows):
    rows = paired_rows(5, 2, 1, 2)
    manifest = {"planned": 40, "done": 20, "complete": False, "stopped_because": "the budget of <$1> is spent"}
    found = Read(page(make_report(rows, manifest)))
    loud = [a for t, a in found.tags if a.get("class") == "loud"]
    assert len(loud) == 1
    said = next(text for text in found.text if text.startswith("INCOMPLETE"))
    assert "the budget of <$1> is spent" in said


@pytest.mark.parametrize("broken", ["empty", "cut", "none"])
def test_a_broken_report_still_renders_and_says_so(make_report, paired_rows, broken):
    report = make_report(paired_rows(5, 2, 1, 2), {"planned": 20, "done": 0, "complete": False})
    outcomes = report / "outcomes.parquet"
    if broken == "none":
        outcomes.unlink()
    else:
        outcomes.write_bytes(b"" if broken == "empty" else outcomes.read_bytes()[:200])
    with pytest.raises(EvidenceError) as error:
        write_report(report)
    found = Read((report / "report.html").read_text(encoding="utf-8"))
    said, where = str(error.value).rsplit("; ", 1)
    assert said in "".join(found.text)
    assert where == f"{report / 'report.html'} says so"
    assert not (report / "statistics.json").exists()


def test_a_split_that_is_not_there_leaves_the_page_alone(make_report, paired_rows, capsys):
    report = make_report(paired_rows(5, 2, 1, 2))
    write_report(report)
    before = (report / "report.html").read_bytes()
    assert main(["report", str(report), "--split", "dev"]) == 2
    assert re.search("no rows of the split dev; .*: use .*all", capsys.readouterr().err)
    assert (report / "report.html").read_bytes() == before


def test_where_no_run_was_begun_it_is_said_that_no_page_is_written(tmp_path):
    with pytest.raises(UsageError, match=r"no report: .*ownbench init"):
        write_report(tmp_path)
    (tmp_path / "experiment.yaml").write_text("")
    with pytest.raises(EvidenceError, match=f"no page is written; begin with: ownbench run {tmp_path}"):
        write_report(tmp_path)
    assert not (tmp_path / "report.html").exists()
    (tmp_path / "attempts.jsonl").write_text("")  # begun, and stopped
    with pytest.raises(EvidenceError, match=r"report\.html says so"):
        write_report(tmp_path)
    assert (tmp_path / "report.html").exists()


def test_hostile_names_are_text(make_report):
    names = ["</title><script>alert(1)</script>", "<img src=x onerror=alert(1)>", "\u202egnp\x1b[31m", "a&lt;b\"'"]
    rows = [{"contender": c, "task": t, "domain": names[i % 2], "status": "passed" if (i + j) % 2 else "failed"}
            for i, c in enumerate(names) for j, t in enumerate(names)]  # fmt: skip
    text = page(make_report(rows))
    found = Read(text)
    tags = {tag for tag, _ in found.tags}
    assert not tags & {"script", "img"}
    assert "\u202e" not in text
    assert "\x1b" not in text
    assert any("<img src=x onerror=alert(1)>" in cell for cell in found.cells)
    assert any("a&lt;b\"'" in cell for cell in found.cells)


def test_flips_are_counted_and_the_first_are_named(make_report, paired_rows):
    found = Read(page(make_report(paired_rows(5, 3, FLIPS_LISTED + 12, 2), experiment="reference: B\n")))
    text = "".join(found.text)
    assert f"passed {FLIPS_LISTED + 12} tasks" in text
    assert "and 12 more" in text


def test_the_contents_lead_to_every_section(mixed):
    found = Read(page(mixed))
    headings = [a["id"] for tag, a in found.tags if tag == "h2" and a.get("class") != "head"]
    assert len(headings) >= 4
    assert found.targets()[: len(headings)] == [f"#{name}" for name in headings]
    ids = {f"#{a['id']}" for _, a in found.tags if "id" in a}
    others = found.targets()[len(headings) :]
    assert len(others) == 2  # rows of the scoreboard, to what each contender failed
    assert set(others) <= ids - {f"#{name}" for name in headings}


def test_every_figure_of_a_table_says_which_column_it_is_of(mixed):
    named = [a.get("data-label") for tag, a in Read(page(mixed)).tags if tag == "td"]
    assert named.count("tasks") >= 2
    assert None not in named


def test_many_contenders_make_no_endless_page(make_report):
    rows = [{"contender": f"contender number {c}", "task": f"t{t}", "domain": f"d{t % 3}",
             "status": "passed" if (c + t) % 3 else "failed"} for c in range(76) for t in range(12)]  # fmt: skip
    text = page(make_report(rows, experiment="reference: contender number 0\n"))
    assert len(text) < 1_500_000
    assert text.count("<figure>") == 1 + DRAWN  # pass rates, and the first comparisons by domain
    assert f"The {MOST_ROWS} highest of 76 contenders" in text
    assert "all 76 rows" in text
    assert f"{75 - LISTED} more comparisons" in text


def test_the_style_sheet_is_one_that_a_page_of_the_dashboard_keeps():
    """Streamlit's cleaning of HTML throws a style sheet away in which something looks like a tag."""
    assert not re.search(r"<[/\w!]", style())


def test_of_many_domains_and_contenders_the_page_has_all(make_report):
    rows = [{"contender": f"c{c:02}", "task": f"t{d}", "domain": f"d{d:03}",
             "status": "passed" if c % 2 or d < 14 else "failed"} for c in range(16) for d in range(17)]  # fmt: skip
    text = page(make_report(rows, experiment="reference: c00\n"))
    heats = re.findall(r'<table class="heat">.*?</table>', text, re.DOTALL)
    assert len(heats) == 2
    heads = [re.findall(r'<th scope="col"[^>]*>(?:<code>)?(c\d\d)', heat) for heat in heats]
    assert sorted(name for head in heads for name in head) == [f"c{c:02}" for c in range(16)]
    first = re.findall(r'<th scope="row"[^>]*>(d\d{3})', heats[0])
    assert first[:3] == ["d014", "d015", "d016"]  # where they differ, though they stand last in the file
    assert len(first) == 17
    assert "Contenders 15 to 16 of 16" in text
    assert f"{16 - LISTED} more contenders" in text
