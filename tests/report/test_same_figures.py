"""`show`, `compare`, `advise`, `gate`, report.md, report.html, the dashboard and JSON say the same of one report."""

import functools
import io
import json
import random
import re
import sys
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from app_page import bodies, drawn
from escalating import write_escalating
from figures_said import agree, figures_of, grids_of_html, grids_of_markdown, grids_of_text, numbers_in

from harness.cli import main

sys.path.insert(0, str(Path(__file__).parents[1] / "verdict"))
import advice_reports
import gate_reports

ESTIMATES = ("pass_rate", "cost_per_task_usd", "cost_per_pass_usd", "latency_p50", "latency_p95", "macro_f1")
COUNTS = ("n_tasks", "n_trials", "errored", "ungraded", "skipped")
OF_A_PAIR = ("delta", "low", "high", "level", "p_value", "p_exact", "n_tasks", "n_trials", "wins", "losses", "errored",
             "both_passed", "both_failed", "interval_method", "test", "sentence", "smallest_difference")  # fmt: skip


def small(folder: Path, *, trials=1, clusters=False, seed=1, skipped=0, errored=0.0, odd=0, score=False) -> Path:
    """A run as the demo is: a worker, an expert with skills, a hybrid, dev and test tasks, in four domains."""
    chance = random.Random(seed)
    rates = {"tuned": 0.72, "skilled": 0.81, "hybrid": 0.8, "bare": 0.66}
    rows = []
    for i in range(90):
        split, hard = ("dev" if i % 5 == 0 else "test"), chance.gauss(0, 0.15)
        for name, rate in rates.items():
            if odd and name == "bare" and i % odd == 0:
                continue  # this one has other tasks than the rest
            for trial in range(trials + (2 if score is None and name == "tuned" else 0)):
                passed = chance.random() < rate + hard
                status = "errored" if chance.random() < errored else "passed" if passed else "failed"
                status = "skipped" if i >= 90 - skipped and name == "hybrid" else status
                graded = status in {"passed", "failed"}
                rows.append({
                    "contender": name, "contender_kind": {"tuned": "adapter", "hybrid": "hybrid"}.get(name, "skilled"),
                    "suite": "tickets", "task": f"t{i}", "domain": f"area {i % 4}", "split": split, "trial": trial,
                    "cluster": f"g{i * i % 17}" if clusters else None, "status": status,
                    "passed": passed if graded and not score else None,
                    "score": round(chance.random(), 3) if score and graded else None,
                    "cost_usd": chance.lognormvariate(-6 + (name != "tuned"), 0.5) if graded else None,
                    "latency_s": chance.lognormvariate(-0.5, 0.6) if graded else None,
                    "label_true": "yes" if i % 3 else "no", "label_predicted": "yes" if passed else "no",
                    "confidence": min(1.0, max(0.0, 0.5 + 0.4 * passed - 0.2 * chance.random())) if graded else None,
                })  # fmt: skip
    names = list(rows[0])
    types = {
        "trial": pa.int32(),
        "passed": pa.bool_(),
        **dict.fromkeys(("score", "cost_usd", "latency_s", "confidence"), pa.float64()),
    }
    folder.mkdir(parents=True)
    arrays = {name: pa.array([row[name] for row in rows], types.get(name, pa.string())) for name in names}
    pq.write_table(pa.table(arrays), folder / "outcomes.parquet")
    (folder / "experiment.yaml").write_text("economics: {tasks_per_month: 50000, hosting_usd_per_month: 300}\n")
    return folder


def paired(folder: Path) -> Path:
    rows = gate_reports.pair_rows(40, 9, 3, 11, domain="x")
    return gate_reports.write_report(folder, rows + gate_reports.pair_rows(20, 2, 8, 5, domain="y", start=70))


def advised(folder: Path) -> Path:
    chance = random.Random(4)
    made = {name: [(chance.random() < rate, usd * chance.uniform(0.8, 1.2)) for _ in range(150)]
            for name, rate, usd in (("tuned", 0.86, 0.001), ("bare", 0.7, 0.01), ("skilled", 0.87, 0.02),
                                    ("oracle", 0.95, 0.01), ("hybrid", 0.875, 0.008))}  # fmt: skip
    return advice_reports.write(folder, made)


def equal(folder: Path) -> Path:
    """Two that agree on every task, and one that passes none."""
    rows = [gate_reports.row(name, i, "passed" if name != "C" else "failed") for i in range(12) for name in "ABC"]
    return gate_reports.write_report(folder, rows)


def imported(*words: str):
    """What `import table` makes of a file beside the checkout; skipped where it is not there."""

    def make(folder: Path) -> Path:
        name, *rest = words
        there = next((up / "shared" / name for up in Path(__file__).parents if (up / "shared" / name).is_file()), None)
        if there is None:
            pytest.skip("no shared data beside the checkout")
        assert main(["import", "table", str(there), str(folder), *rest]) == 0
        return folder

    return make


NAMED = ("--map", "contender=system", "--map", "task=task_id")
REPORTS = {
    "once": small,
    "several trials": lambda f: small(f, trials=3, seed=2),
    "unequal trials": lambda f: small(f, trials=1, score=None, seed=3),
    "clusters": lambda f: small(f, trials=2, clusters=True, seed=4),
    "scores": lambda f: small(f, score=True, seed=5),
    "errors": lambda f: small(f, errored=0.08, seed=6),
    "incomplete": lambda f: small(f, skipped=40, seed=7),
    "other tasks": lambda f: small(f, odd=2, seed=8),
    "escalating": write_escalating,
    "without costs": lambda f: write_escalating(f, costs=False, hybrid=None),
    "paired": paired,
    "advised": advised,
    "equal": equal,
    "superset": imported("cases/statistics/superset.csv"),
    "four": imported("cases/statistics/four.csv"),
    "power": imported("cases/statistics/power.csv"),
    "wide": imported("cases/tables/wide.csv", "--wide"),
    "tau": imported("data/tau_bench_gpt4o_airline.parquet", *NAMED),
    "routerbench": imported("data/routerbench_mini.parquet", *NAMED),
}  # fmt: skip


@pytest.fixture(scope="module", params=REPORTS)
def report(request, tmp_path_factory):
    folder = REPORTS[request.param](tmp_path_factory.mktemp("same") / "r")
    spoken("report", folder)
    return folder


@functools.cache
def spoken(*words) -> str:
    """What a verb prints into a pipe; of the same report it is asked once."""
    kept, sys.stdout = sys.stdout, io.StringIO()
    try:
        main([str(word) for word in words])
        return sys.stdout.getvalue()
    finally:
        sys.stdout = kept


def in_json(*words):
    return json.loads(spoken(*words, "--json"))


def true_figures(view: dict) -> dict:
    """What `show --json` says, by the keys of `figures_of`: the numbers in the order in which they are printed."""
    true = {}
    absent = [c["name"] for c in view["contenders"] if not c["n_trials"] + c["errored"] + c["ungraded"] + c["skipped"]]
    for one in view["contenders"]:
        if one["name"] in absent:
            continue
        true |= {("scores", one["name"], name): estimated(one[name], name) for name in ESTIMATES}
        true |= {("scores", one["name"], name): [one[name]] for name in COUNTS}
        true |= {("heat", f"{one['name']} | {d['domain']}", "pass_rate"): estimated(d["pass_rate"], "pass_rate")
                 for d in one["domains"] if len(one["domains"]) > 1}  # fmt: skip
    for pair in view["comparisons"]:
        true |= {("pairs", f"{pair['a']} | {pair['b']}", name): of for name, of in differing(pair).items()
                 if not {pair["a"], pair["b"]} & {*absent}}  # fmt: skip
    return true


def estimated(estimate: dict | None, name: str) -> list[float]:
    if estimate is None or estimate["value"] is None:
        return []
    scale, ends = 100.0 if name in {"pass_rate", "macro_f1"} else 1.0, [estimate["low"], estimate["high"]]
    if name.startswith("latency") or (None in ends and (scale > 1 or ends == [None, None])):
        ends = []  # of a latency the interval stands on hover
    if None not in ends and ends and ends[1] - ends[0] <= 1e-9 * max(map(abs, ends)):
        ends = []  # no spread seen
    return [scale * end for end in [estimate["value"], *ends] if end is not None]


def differing(pair: dict) -> dict[str, list[float]]:
    """The cells of a row of differences."""
    points = {name: [] if pair[name] is None else [100 * pair[name]] for name in ("delta", "low", "high")}
    ends = points["low"] + points["high"]
    ends = ends if ends and ends[1] - ends[0] > 1e-9 * max(map(abs, ends)) else []
    plain = ("p_value", "p_adjusted", "wins", "losses", "n_tasks")
    return {"delta": points["delta"], "interval": ends,
            **{name: [] if pair.get(name) is None else [pair[name]] for name in plain}}  # fmt: skip


def check(said: dict, true: dict, where: str, *, whole: bool = True) -> int:
    """Each true figure is said, and nothing else; how many were compared."""
    checked = 0
    for key, numbers in true.items():
        if key not in said:
            optional = key[2] in {*COUNTS, *ESTIMATES} - {"pass_rate", "n_tasks", "errored"}
            assert not whole or optional, f"{where} lacks {key}"
            continue
        many = 1e6 if said[key].endswith(" of a million") else 1e3 if said[key].endswith(" of a thousand") else 1.0
        printed = numbers_in(said[key])[: len(numbers) or None]
        assert len(printed) == len(numbers), f"{where}: {key} is {numbers}, written {said[key]!r}"
        for one, number in zip(printed, numbers, strict=True):
            assert agree(one, many * number), f"{where}: {key} is {numbers}, written {said[key]!r}"
        checked += 1
    return checked


WRITERS = {
    "show": lambda folder: grids_of_text(spoken("show", folder)),
    "report.md": lambda folder: grids_of_markdown((folder / "report.md").read_text()),
    "report.html": lambda folder: grids_of_html((folder / "report.html").read_text()),
    "the dashboard": lambda folder: grids_of_html(" ".join(bodies(drawn("answer", folder)))),
}


def test_every_writer_has_the_figures_of_the_json(report):
    view = in_json("show", report)
    written = json.loads((report / "statistics.json").read_text())
    del written["evidence"]
    assert written == view
    true = true_figures(view)
    said = {name: figures_of(writer(report)) for name, writer in WRITERS.items()}
    for name, figures in said.items():
        here = {key: of for key, of in true.items() if key[0] != "heat" or name != "the dashboard"}
        assert check(figures, here, name, whole=name != "the dashboard" or len(view["contenders"]) <= 15) >= 3
    for (one, first), (other, second) in pairwise(said.items()):  # rounded alike, not only both near the truth
        for key in first.keys() & second.keys() & true.keys():
            cells = [re.sub(" other tasks$", "", said[key]) for said in (first, second)]
            assert cells[0] == cells[1], f"{key}: {cells[0]!r} in {one}, {cells[1]!r} in {other}"


def test_comparing_and_gating_two_finds_what_the_scoreboard_says(report):
    view = in_json("show", report)
    for pair in [c for c in view["comparisons"] if c["delta"] is not None][:2]:
        found = in_json("compare", report, pair["a"], pair["b"])
        if found["n_tasks"] == pair["n_tasks"]:  # the scoreboard ranks on the tasks that most share
            assert {name: found[name] for name in OF_A_PAIR} == {name: pair[name] for name in OF_A_PAIR}
        else:
            assert any("left out" in note for note in view["notes"])
        gated = in_json("gate", report, report, "--candidate-contender", pair["a"], "--baseline-contender", pair["b"])
        if gated["comparison"] and gated["comparison"]["n_tasks"] == found["n_tasks"]:
            apart = {name: (gated["comparison"][name], found[name]) for name in OF_A_PAIR
                     if gated["comparison"][name] != found[name]}  # fmt: skip
            assert not apart
        domains = {("domains", d["domain"], name): numbers for d in found["domains"]
                   for name, numbers in (differing(d) | {"shrunk": []}).items() if len(found["domains"]) > 1
                   if name != "shrunk" and (name != "interval" or d["low"] is not None)}  # fmt: skip
        check(
            figures_of(grids_of_text(spoken("compare", report, pair["a"], pair["b"])), ["domains"]), domains, "compare"
        )
        page = " ".join(bodies(drawn("head_to_head", report, a=pair["a"], b=pair["b"])))
        check(figures_of(grids_of_html(page), ["domains"]), domains, "the page of the two", whole=False)
        for text in (spoken("compare", report, pair["a"], pair["b"]), re.sub(r"<[^>]*>", " ", page)):
            (points,) = set(re.findall(r"difference +([^ ]+ points +[\[(][^\])]*[\])])", text))
            printed = numbers_in(points)
            assert all(map(agree, printed, [x for cell in ("delta", "interval") for x in differing(found)[cell]]))
            assert len(printed) == 3 or "no spread" in points


def test_the_advice_is_about_those_who_are_ranked_and_has_their_figures(report):
    view = in_json("show", report)
    scores = {one["name"]: one for one in view["contenders"]}
    try:
        advice = in_json("advise", report)
    except json.JSONDecodeError:
        pytest.skip("no advice")  # it says why in a line on standard error
    lost = any(one["errored"] + one["ungraded"] for one in view["contenders"])
    for option in advice["options"]:
        score = scores[option["contender"]]
        assert not score["apart"], "advised, and not ranked"
        if option["pass_rate"]["n_tasks"] != score["pass_rate"]["n_tasks"]:
            said = f"{option['pass_rate']['n_tasks']:,} tasks"  # those at which each option has a graded attempt
            assert lost
            assert any(said in note for note in advice["notes"])
            continue
        for name in ("pass_rate", "cost_per_pass_usd"):
            for part in ("value", "low", "high"):
                seen, here = score[name][part], option[name][part]
                assert here == (seen if seen is None else pytest.approx(seen, rel=1e-9)), (option["contender"], name)
    true = {("options", o["contender"], name): estimated(o[name], name) for o in advice["options"]
            for name in ("pass_rate", "cost_per_pass_usd")}  # fmt: skip
    check(figures_of(grids_of_text(spoken("advise", report))), true, "advise")
    for name in ("report.md", "report.html"):
        check(figures_of(WRITERS[name](report)), true, name)


SHOWN, OPEN = r"passes (more|fewer)", r"[Nn]o significant|do equally well|pass equally"


def test_no_sentence_contradicts_the_interval_beside_it(report):
    for pair in in_json("show", report)["comparisons"]:
        if pair["low"] is None:
            continue
        excluded, said = not pair["low"] <= 0.0 <= pair["high"], pair["sentence"]
        explained = re.search("interval|method|not shown|borderline", said)
        assert excluded == (pair["p_value"] <= 1.0 - pair["level"]) or explained, said
        if re.search(SHOWN, said):
            assert excluded or explained, said
        if re.search(OPEN, said):
            assert not excluded or explained, said


@pytest.mark.parametrize("wrong", ["72.9%", "72.8% [69.6, 75.8]", "72.8%", "-", "7.28% [69.6, 75.7]"])
def test_a_wrong_figure_is_found(wrong):
    true = {("scores", "a", "pass_rate"): [72.84, 69.61, 75.68]}
    assert check({("scores", "a", "pass_rate"): "72.8% [69.6, 75.7]"}, true, "x") == 1
    with pytest.raises(AssertionError, match="72"):
        check({("scores", "a", "pass_rate"): wrong}, true, "x")


def test_a_figure_that_is_changed_in_one_page_is_found(tmp_path):
    folder = small(tmp_path / "r")
    spoken("report", folder)
    true, page = true_figures(in_json("show", folder)), folder / "report.md"
    check(figures_of(WRITERS["report.md"](folder)), true, "report.md")
    text = page.read_text()
    figure = re.search(r"\d\d\.\d% \[", text)[0]
    page.write_text(text.replace(figure, f"{float(figure[:4]) + 0.1:.1f}% ["))
    with pytest.raises(AssertionError, match="pass_rate"):
        check(figures_of(WRITERS["report.md"](folder)), true, "report.md")
