"""report.md: every figure is statistics.json's, and nothing of anybody's text becomes mark-up."""

import json
import re

import pytest
from markdown_it import MarkdownIt

from harness.report import write_report

READER = MarkdownIt("commonmark").enable(["table"])
HOSTILE = ["<script>x</script>", "a|b", "a\\|b", "\x1b[31mred", "\u202egnp", "![i](http://e.example/i)", "`tick`",
           "[l](http://e.example)", "<!-- ", "@someone", "</details>", "&lt;"]  # fmt: skip


def tables(markdown):
    """Every table as rows of cell texts, header first."""
    found, row = [], []
    tokens = READER.parse(markdown)
    for i, token in enumerate(tokens):
        if token.type == "table_open":
            found.append([])
        elif token.type == "tr_open":
            row = []
        elif token.type == "tr_close":
            found[-1].append(row)
        elif token.type in {"th_open", "td_open"}:
            row.append("".join(child.content for child in tokens[i + 1].children))
    return found


def number(text):
    """The first number of a cell, its sign and all."""
    return float(re.search(r"[+-]?[\d.,]+(e-?\d+)?", text.replace("$", ""))[0].replace(",", ""))


@pytest.fixture
def mixed(make_report):
    """Three contenders, two domains, three trials, clusters, costs partly unknown, errors: everything at once."""
    rows = []
    for name, every in (("base", 2), ("tuned", 3), ("skilled", 5)):
        for i in range(48):
            for trial in range(3):
                status = "failed" if (i + trial) % every == 0 else "passed"
                if name == "tuned" and i == 7:
                    status = "errored"
                rows.append({"contender": name, "task": f"t{i}", "trial": trial, "status": status,
                             "domain": ("north", "south")[i % 2], "cluster": f"c{i // 2}", "latency_s": 0.1 + i / 7,
                             "cost_usd": None if name == "base" and i == 3 else 0.001 * (1 + i % 5)})  # fmt: skip
    return make_report(rows, experiment="reference: skilled\n", manifest={"planned": 432, "complete": True})


def test_every_figure_on_the_page_is_in_statistics_json(mixed):
    write_report(mixed)
    statistics = json.loads((mixed / "statistics.json").read_text())
    cards, standings, scores, repeats, domains, pairs, *_ = tables((mixed / "report.md").read_text())
    by_name = {c["name"]: c for c in statistics["contenders"]}
    assert [row[0] for row in cards[1:3]] == ["Pass rate", "Cost per million tasks"]
    assert {row[0] for row in standings[1:]} == set(by_name)
    header, *rows = scores
    assert len(rows) == 3
    for row in rows:
        cells, c = dict(zip(header, row, strict=True)), by_name[row[0]]
        rate = c["pass_rate"]
        shown = [float(x) for x in re.findall(r"[\d.]+", cells["pass rate, 95% interval"])]
        assert shown == pytest.approx([100 * rate[k] for k in ("value", "low", "high")], abs=0.0501)
        assert number(cells["tasks"]) == c["n_tasks"]
        assert number(cells["attempts"]) == c["n_trials"]
        assert number(cells["errored"]) == c["errored"]
        for column, key in (("per million tasks", "cost_per_task_usd"), ("per million passes", "cost_per_pass_usd")):
            if c[key]["value"] is None:
                assert cells[column] == "-"
                assert c[key]["why"]
            else:
                assert number(cells[column]) == pytest.approx(1e6 * c[key]["value"], rel=0.005)
        assert number(cells["p50"]) == pytest.approx(c["latency_p50_s"], rel=0.005)
    assert [c["cost_per_task_usd"]["value"] is None for c in statistics["contenders"]] == [True, False, False]
    header, *rows = pairs
    assert len(rows) == len(statistics["comparisons"]) == 2
    by_pair = {(c["a"], c["b"]): c for c in statistics["comparisons"]}
    for row in rows:  # in the order of the scoreboard
        cells = dict(zip(header, row, strict=True))
        c = by_pair.pop((cells["contender"], cells["against"]))
        assert number(cells["difference"]) == pytest.approx(100 * c["delta"], abs=0.00501)
        low, high = (float(x) for x in re.findall(r"[+-]?[\d.]+", cells["95% interval"]))
        assert (low, high) == pytest.approx((100 * c["low"], 100 * c["high"]), abs=0.00501)
        for column, key in (("p", "p_value"), ("p adjusted", "p_adjusted")):
            assert number(cells[column].replace("<", "")) == pytest.approx(max(c[key], 1e-4), abs=6e-4)
        assert (number(cells["only it"]), number(cells["only the other"])) == (c["wins"], c["losses"])
    for who, k, at_least_one, every in repeats[1:]:
        found = by_name[who]["repeats"][int(k) - 1]
        assert number(at_least_one) == pytest.approx(100 * found["pass_at_k"]["value"], abs=0.0501)
        assert number(every) == pytest.approx(100 * found["pass_hat_k"]["value"], abs=0.0501)
    assert len(repeats) == 1 + 3 * 3
    header, *rows = domains
    assert [row[0].split()[0] for row in rows] == ["skilled", "tuned", "base"]
    for row in rows:
        for cell, domain in zip(row[1:], by_name[row[0]]["domains"], strict=True):
            assert number(cell) == pytest.approx(100 * domain["pass_rate"]["value"], abs=0.0501)


def test_what_is_not_known_stands_on_the_page(mixed):
    write_report(mixed)
    page = (mixed / "report.md").read_text()
    for words in ("24 clusters", "cost per pass, base", "3 trials", "split", "errored"):
        assert words in page


def test_figures_are_named_only_where_they_are(make_report, mixed):
    written = [path.relative_to(mixed).as_posix() for path in write_report(mixed)]
    assert written[:3] == ["report.html", "report.md", "statistics.json"]
    for stem in ("pass_rate", "cost_vs_pass"):
        assert {f"figures/{stem}.png", f"figures/{stem}.svg"} <= set(written)
    assert all((mixed / path).is_file() for path in written)
    report = make_report([{"contender": "A", "task": "x"}], name="free")
    (report / "figures").mkdir()
    (report / "figures" / "cost_vs_pass.png").write_bytes(b"of an earlier time")
    write_report(report)
    assert "cost_vs_pass" not in (report / "report.md").read_text()
    assert not (report / "figures" / "cost_vs_pass.png").exists()


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_names_stay_names(make_report, text):
    rows = [
        {"contender": name, "task": f"{text}{i}", "domain": f"{text}{i % 2}", "status": status}
        for i in range(8)
        for name, status in ((text, "passed" if i % 3 else "failed"), ("ref", "failed" if i % 2 else "passed"))
    ]
    report = make_report(rows, experiment="reference: ref\n", manifest={"report": text, "complete": True})
    write_report(report)
    page = (report / "report.md").read_text()
    assert "\x1b" not in page
    assert "\u202e" not in page
    tokens = READER.parse(page)
    inline = [child for token in tokens for child in token.children or []]
    assert not [t for t in inline if t.type in {"html_inline", "link_open"}]
    assert [t.attrs["src"] for t in inline if t.type == "image"] == ["figures/pass_rate.png"]
    ours = re.compile(r"</?details>\n?(<summary>[\d,]+ tasks? lost, [\d,]+ gained; by domain</summary>\n?)?")
    assert all(ours.fullmatch(t.content) for t in tokens if t.type == "html_block")
    assert all(len({len(row) for row in table}) == 1 for table in tables(page))
    json.loads((report / "statistics.json").read_text())


def test_an_unfinished_run_is_loud(make_report):
    manifest = {"planned": 10, "done": 4, "complete": False, "stopped_because": "budget | spent"}
    report = make_report([{"contender": "A", "task": f"t{i}"} for i in range(4)], manifest=manifest)
    write_report(report)
    page = (report / "report.md").read_text()
    assert "INCOMPLETE: 4 of 10" in page
    assert page.index("INCOMPLETE") < page.index("## Scoreboard")


def test_nothing_graded_still_makes_a_page(make_report):
    report = make_report([{"contender": n, "task": "x", "status": "errored"} for n in "AB"])
    written = [path.name for path in write_report(report)]
    assert written == ["report.html", "report.md", "statistics.json"]
    assert "No attempt has been graded" in (report / "report.md").read_text()


def test_a_difference_that_many_comparisons_could_produce_is_marked(make_report):
    """Six of six discordant tasks: p .0156 alone, .0937 among six comparisons."""
    rows = [{"contender": "ref", "task": f"t{i}"} for i in range(40)]
    for k in range(6):
        lost = range(6 * k, 6 * k + 6)
        rows += [{"contender": f"c{k}", "task": f"t{i}", "status": "failed" if i in lost else "passed"}
                 for i in range(40)]  # fmt: skip
    report = make_report(rows, experiment="reference: ref\n")
    write_report(report)
    page = (report / "report.md").read_text()
    found = re.findall(r"No significant difference between `c\d` and `ref`: -15\.0 points, p = 0\.093[78] over", page)
    assert len(found) == 6
    assert page.count(" over all 6 comparisons (alone 0.0156).") == 6


def written(name, **entry):
    return {"name": name, "parts": {"written": entry}}


CONTROLS = {"contenders": [written("never", escalate={"signal": "never"}), written("sham", delivery="placebo")]}


def test_controls_have_a_list_of_their_own_and_a_word_beside_their_names(make_report):
    rows = [{"contender": n, "task": f"t{i}", "status": "passed" if i < k else "failed"}
            for n, k in (("never", 19), ("a", 12), ("b", 9), ("sham", 1)) for i in range(20)]  # fmt: skip
    report = make_report(rows, manifest={"complete": True} | CONTROLS, experiment="reference: b\n")
    write_report(report)
    page = (report / "report.md").read_text()
    assert "`a` has the highest pass rate seen, 60.0%" in page
    before, _, after = page.partition("\nControls, ")
    before = before.rpartition("|\n\n")[2]  # after the table of options
    assert "`a`" in before
    assert before.count("- ") == 1
    assert [("`never`" in line, "`sham`" in line) for line in after.split("##")[0].splitlines()
            if line.startswith("- ")] == [(True, False), (False, True)]  # fmt: skip
    _, standings, scores, pairs, *_ = tables(page)
    assert [row[0] for row in standings[1:]] == ["a", "b"]
    assert [row[0] for row in scores[1:]] == ["a", "b", "never (control)", "sham (control)"]
    assert [row[0] for row in pairs[1:]] == ["a", "never (control)", "sham (control)"]


def test_a_shared_lead_is_said_to_be_shared(make_report):
    passed = {"a": range(3), "b": range(1, 4), "c": range(2, 5), "d": range(2)}
    rows = [{"contender": n, "task": f"t{i}", "status": "passed" if i in of else "failed"}
            for n, of in passed.items() for i in range(6)]  # fmt: skip
    report = make_report(rows)
    write_report(report)
    page = (report / "report.md").read_text()
    assert "`a`, `b` and `c` share the highest pass rate seen, 50.0%; as the highest of 4, their true rates are" in page
    assert "Not shown to pass less: `d`." in page


def test_the_highest_rate_is_of_those_that_met_the_same_tasks(make_report):
    """Whoever met other tasks leads nobody, and a comparison with it stands apart."""
    rows = [{"contender": n, "task": f"t{i}", "status": "passed" if i % 10 < k else "failed"}
            for n, k, tasks in (("few", 9, range(20)), ("a", 5, range(60)), ("b", 7, range(60)),
                                ("c", 7, range(60)), ("far", 9, range(60, 90))) for i in tasks]  # fmt: skip
    report = make_report(rows)
    write_report(report)
    page = (report / "report.md").read_text()
    assert (
        "Of the 3 contenders measured on the same 60 tasks, `b` and `c` share the highest pass rate, 70.0%; as" in page
    )
    before, _, after = page.partition("\nWith one that was measured on other tasks, each on the tasks that both have:")
    assert "`few`" not in before.split("## ")[0].split("share the highest")[1]
    lines = [line for line in after.split("##")[0].splitlines() if line.startswith("- ")]
    assert ["`few`" in line for line in lines] == [True, False]
    assert lines[1] == "- No task to be compared on: `far`."


def test_who_alone_met_its_tasks_leads_nobody(make_report):
    rows = [{"contender": n, "task": f"{n}{i}", "status": "passed"} for n in ("a", "b") for i in range(6)]
    report = make_report(rows)
    write_report(report)
    assert "No two contenders were measured on the same tasks" in (report / "report.md").read_text()
