"""Tables of other programs become reports, or are refused by row and column."""

import gzip
import json
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from harness.cli import main
from harness.core import EvidenceError, UsageError, UserFileError
from harness.store import Journal, import_table, load_task_table, parse_mapping, read_manifest, read_outcomes

MINIMAL = "contender,task,passed\na,t1,true\na,t2,0\nb,t1,PASSED\nb,t2,\n"


def csv(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text)
    return folder / name


def test_three_columns_are_enough(tmp_path: Path) -> None:
    done = import_table(csv(tmp_path, MINIMAL), tmp_path / "report")
    assert (done.rows_read, done.rows_written, done.n_tasks, done.contenders) == (4, 4, 2, ("a", "b"))
    rows = read_outcomes(tmp_path / "report").to_pylist()
    assert [r["status"] for r in rows] == ["passed", "failed", "passed", "ungraded"]
    assert [r["passed"] for r in rows] == [True, False, True, None]
    assert [r["cause"] for r in rows] == [None, "wrong", None, None]
    first = rows[0]
    assert (first["report"], first["suite"], first["contender_kind"], first["trial"]) == (
        "report",
        "table",
        "imported",
        0,
    )
    assert (first["cluster"], first["cost_usd"], first["calls"], first["skills_shown"]) == ("t1", None, None, [])
    assert (first["skills_opened"], first["skills_run"]) == (None, None)
    assert len({r["attempt_id"] for r in rows}) == 4
    manifest = read_manifest(tmp_path / "report")
    assert manifest is not None
    assert (manifest.complete, manifest.planned, manifest.suites[0].origin["source"]) == (True, 4, "table.csv")
    assert str(tmp_path) not in (tmp_path / "report" / "manifest.json").read_text()


def test_two_files_with_the_same_tasks_pair(tmp_path: Path) -> None:
    import_table(csv(tmp_path, MINIMAL, "main.csv"), tmp_path / "one")
    import_table(csv(tmp_path, MINIMAL.replace("a,", "z,"), "candidate.csv"), tmp_path / "two")
    one, two = (load_task_table(tmp_path / name) for name in ("one", "two"))
    assert one.task_digests == two.task_digests
    assert one.suite_digests == two.suite_digests
    text = "suite,contender,task,passed\ns1,a,t,1\ns2,a,t,0\n"
    import_table(csv(tmp_path, text), tmp_path / "three")
    assert len(set(load_task_table(tmp_path / "three").task_digests)) == 2


@pytest.mark.parametrize("ending", [".csv", ".csv.gz", ".tsv", ".parquet"])
def test_every_kind_of_file_gives_the_same(tmp_path: Path, ending: str) -> None:
    frame = pd.DataFrame(
        {"system": ["007", "b"], "id": ["1", "2"], "ok": [1, 0], "usd": [0.5, None], "other": ["x", "y"]}
    )
    path = tmp_path / f"table{ending}"
    if ending == ".parquet":
        frame.to_parquet(path)
    else:
        data = frame.to_csv(index=False, sep="\t" if "tsv" in ending else ",").encode()
        path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    mapping = parse_mapping(["contender=system", "task=id", "passed=ok", "cost_usd=usd"])
    done = import_table(path, tmp_path / "report", mapping, name="mine")
    assert done.left_out == ("other",)
    rows = read_outcomes(tmp_path / "report").to_pylist()
    assert [(r["contender"], r["task"], r["passed"], r["cost_usd"], r["report"]) for r in rows] == [
        ("007", "1", True, 0.5, "mine"),
        ("b", "2", False, None, "mine"),
    ]


def test_numbers_as_task_names_and_bom_and_semicolons(tmp_path: Path) -> None:
    frame = pd.DataFrame({"contender": ["a", "a"], "task": [1.0, 2.0], "passed": [True, False]})
    frame.to_parquet(tmp_path / "t.parquet")
    import_table(tmp_path / "t.parquet", tmp_path / "one")
    assert read_outcomes(tmp_path / "one")["task"].to_pylist() == ["1", "2"]
    import_table(csv(tmp_path, "\ufeffcontender;task;passed\r\na;t;1\r\n"), tmp_path / "two")
    assert read_outcomes(tmp_path / "two")["passed"].to_pylist() == [True]


def test_a_fractional_score_without_passed(tmp_path: Path) -> None:
    text = "contender,task,score\na,t1,0.25\na,t2,1\na,t3,0\na,t4,\n"
    done = import_table(csv(tmp_path, text), tmp_path / "report")
    rows = read_outcomes(tmp_path / "report").to_pylist()
    assert [(r["status"], r["cause"], r["passed"], r["score"]) for r in rows] == [
        ("failed", "partial", None, 0.25),
        ("passed", None, True, 1.0),
        ("failed", "wrong", False, 0.0),
        ("ungraded", None, None, None),
    ]
    assert any("the rate uses the score" in note for note in done.notes)
    assert load_task_table(tmp_path / "report").sums.tolist() == [[0.25, 1, 0, 0]]


def test_statuses_of_the_file_are_kept(tmp_path: Path) -> None:
    text = "contender,task,status,passed,cause\na,t1,errored,0,network\na,t2,passed,,\na,t3,Failed,,\na,t4,,1,\n"
    import_table(csv(tmp_path, text), tmp_path / "report")
    rows = read_outcomes(tmp_path / "report").to_pylist()
    assert [(r["status"], r["passed"], r["cause"]) for r in rows] == [
        ("errored", None, "network"),
        ("passed", True, None),
        ("failed", False, "wrong"),
        ("passed", True, None),
    ]


def test_passes_of_trials_become_attempts(tmp_path: Path) -> None:
    text = "contender,task,n,k,cost_usd\na,t1,3,2,0.5\na,t2,1,0,\nb,t1,3,3,1\n"
    mapping = {"passes": "k", "trials": "n"}
    done = import_table(csv(tmp_path, text), tmp_path / "report", mapping)
    table = load_task_table(tmp_path / "report")
    assert table.counts.tolist() == [[3, 1], [3, 0]]
    assert table.sums.tolist() == [[2, 0], [3, 0]]
    assert table.cost_sums[0, 0] == 1.5
    assert read_outcomes(tmp_path / "report")["trial"].to_pylist() == [0, 1, 2, 0, 0, 1, 2]
    assert "7 attempts" in done.notes[-1]
    assert {f.kind for f in done.flags} == {"trials", "missing"}
    with pytest.raises(UserFileError, match=r"line 2: found 4 passes of 3"):
        import_table(csv(tmp_path, text.replace("3,2", "3,4")), tmp_path / "x", mapping)
    with pytest.raises(UserFileError, match="go together"):
        import_table(csv(tmp_path, text), tmp_path / "x", {"passes": "k"})


def test_repeats_without_a_trial_column_are_trials(tmp_path: Path) -> None:
    done = import_table(csv(tmp_path, "contender,task,passed\na,t,1\na,t,0\na,t,1\n"), tmp_path / "report")
    assert read_outcomes(tmp_path / "report")["trial"].to_pylist() == [0, 1, 2]
    assert "2 rows repeat" in done.notes[0]


@pytest.mark.parametrize(
    ("column", "said"),
    [
        ("domain", "the task 't0' has the domain 'x' in line 2 and the domain 'y' in line 5; a task has one domain"),
        ("split", "the task 't0' has the split 'x' in line 2 and the split 'y' in line 5; a task has one split"),
        ("label_true", "has the true label 'x' in line 2 and the true label 'y' in line 5; a task has one true label"),
    ],
)
def test_two_rows_that_call_a_task_differently_are_refused(tmp_path: Path, column: str, said: str) -> None:
    head = f"contender,task,passed,{column}\n"
    with pytest.raises(EvidenceError, match=re.escape(said)):
        import_table(csv(tmp_path, head + "a,t0,1,x\na,t1,0,y\nb,t1,0,y\nb,t0,1,y\n"), tmp_path / "r")
    assert not (tmp_path / "r").exists()


@pytest.mark.parametrize(("column", "called"), [("contender_kind", "kind"), ("contender_digest", "digest")])
def test_two_rows_that_call_a_contender_differently_are_refused(tmp_path: Path, column: str, called: str) -> None:
    rows = f"contender,task,passed,{column}\na,t0,1,model\nb,t0,0,adapter\na,t1,1,adapter\nb,t1,1,adapter\n"
    said = f"the contender 'a' has the {called} 'model' in line 2 and the {called} 'adapter' in line 4"
    with pytest.raises(EvidenceError, match=re.escape(said)):
        import_table(csv(tmp_path, rows), tmp_path / "r")


def test_a_row_without_a_domain_has_that_of_its_task(tmp_path: Path) -> None:
    rows = "contender,task,passed,domain\na,t0,1,\na,t1,0,\nb,t0,1,mail\nb,t1,1,\n"
    done = import_table(csv(tmp_path, rows), tmp_path / "r")
    assert read_outcomes(tmp_path / "r")["domain"].to_pylist() == ["mail", "table", "mail", "table"]
    assert "domain: empty in 1 row, taken from other rows of the same task" in done.notes


@pytest.mark.parametrize("cells", [("x0", "y0"), ("", "y0"), ("x0", "")])
def test_a_task_in_two_clusters_is_refused(tmp_path: Path, cells: tuple[str, str]) -> None:
    def table(a: str, b: str) -> Path:
        path = tmp_path / "t.csv"
        rows = [f"a,t0,{a},1", "a,t1,x0,0", f"b,t0,{b},1", "b,t1,x0,0"]
        path.write_text("contender,task,cluster,passed\n" + "\n".join(rows) + "\n")
        return path

    one, other = (cell or "t0" for cell in cells)
    said = f"t.csv: the task 't0' has the cluster '{one}' in line 2 and the cluster '{other}' in line 4; a task has one"
    with pytest.raises(EvidenceError, match=re.escape(said)):
        import_table(table(*cells), tmp_path / "r")
    assert not (tmp_path / "r").exists()
    assert import_table(table("x0", "x0"), tmp_path / "r").n_tasks == 2


def test_exact_repeats_are_dropped_and_contradictions_refused(tmp_path: Path) -> None:
    text = "contender,task,trial,passed,cost_usd\na,t,0,1,\na,t,1,0,2\na,t,0,1,\na,u,0,1,3\n"
    done = import_table(csv(tmp_path, text), tmp_path / "report")
    assert (done.rows_written, done.duplicates) == (3, 1)
    with pytest.raises(EvidenceError, match=r"line 2 and line 4 .*'t', trial 0, and differ in status"):
        import_table(csv(tmp_path, text.replace("a,t,0,1,\na,u", "a,t,0,0,\na,u")), tmp_path / "x")
    with pytest.raises(EvidenceError, match="differ in cost_usd"):
        import_table(csv(tmp_path, text.replace("a,t,0,1,\na,u", "a,t,0,1,9\na,u")), tmp_path / "x")
    assert not (tmp_path / "x").exists()


def test_traps_are_flagged(tmp_path: Path) -> None:
    text = "contender,task,trial,passed,score\na,t,0,1,0\na,t,1,1,1\na,u,0,0,0\nb,t,0,1,1\n"
    done = import_table(csv(tmp_path, text), tmp_path / "report")
    assert {f.kind for f in done.flags} == {"contradictions", "trials", "missing"}


def test_scales_that_are_not_ours_are_left_out_and_said(tmp_path: Path) -> None:
    text = "contender,task,passed,score,confidence\na,t,1,87,0.5\nb,t,0,12,-3\n"
    done = import_table(csv(tmp_path, text), tmp_path / "report")
    rows = read_outcomes(tmp_path / "report").to_pylist()
    assert [(r["score"], r["confidence"]) for r in rows] == [(None, 0.5), (None, None)]
    assert any("12 to 87" in note for note in done.notes)
    assert any("confidence of b" in note for note in done.notes)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("system,task,passed\na,t,1\n", "no column contender"),
        ("contender,task\na,t\n", "no column passed or score"),
        ("contender,task,passed\na,t,maybe\n", "line 2, passed: found 'maybe'"),
        ("contender,task,passed\na,t,1\na,u,0.5\n", "line 3, passed: found '0.5'"),
        ("contender,task,score\na,t,87\n", "line 2, score: found 87"),
        ("contender,task,passed\na,,1\n", "line 2: the task is empty"),
        ("contender,task,passed,cost_usd\na,t,1,-2\n", "line 2, cost_usd: found -2"),
        ("contender,task,passed,cost_usd\na,t,1,free\n", "line 2, cost_usd: found 'free'"),
        ("contender,task,passed,latency_s\na,t,1,inf\n", "line 2, latency_s: found inf"),
        ("contender,task,passed,input_tokens\na,t,1,1.5\n", "line 2, input_tokens: found 1.5"),
        ("contender,task,passed,trial\na,t,1,\n", "line 2: the trial is empty"),
        ("contender,task,passed,trial\na,t,1,-1\n", "line 2, trial: found -1"),
        ("contender,task,status\na,t,pased\n", "did you mean 'passed'"),
        ("contender,task,passed,contender_kind\na,t,1,hybird\n", "did you mean 'hybrid'"),
        ("contender,task,task,passed\na,t,t,1\n", "'task' is there twice"),
        ("contender,task,passed\n", "no rows"),
        ("", "not a readable table"),
        ("contender,task,passed\na,t,1,0\na,u,1\n", "line 2: found 4 cells where the header has 3 columns"),
        ("contender,task,passed\na,u,1\na,t,1,0\n", "line 3: found 4 cells where the header has 3 columns"),
        ('contender,task,passed\n"a,t,1\n', "line 2: not a readable table"),
    ],
)
def test_a_cell_that_does_not_fit_is_refused(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UserFileError) as caught:
        import_table(csv(tmp_path, text), tmp_path / "report")
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "report").exists()


def test_mistakes_in_the_mapping(tmp_path: Path) -> None:
    path = csv(tmp_path, "system,task_id,passed\na,t,1\n")
    with pytest.raises(UsageError, match="did you mean 'contender'"):
        import_table(path, tmp_path / "r", {"contendr": "system", "task": "task_id"})
    with pytest.raises(UserFileError, match="did you mean 'system'"):
        import_table(path, tmp_path / "r", {"contender": "sytem", "task": "task_id"})
    with pytest.raises(UsageError, match="mapped twice"):
        parse_mapping(["task=a", "task=b"])
    for pair in ("task", "=a", "task="):
        with pytest.raises(UsageError, match="ours=theirs"):
            parse_mapping([pair])


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    csv(tmp_path, MINIMAL)
    with pytest.raises(UserFileError, match=r"did you mean 'table\.csv'"):
        import_table(tmp_path / "tabel.csv", tmp_path / "r")
    with pytest.raises(UserFileError, match=r"what kind of table this is.*save a sheet as CSV"):
        import_table(csv(tmp_path, MINIMAL, "t.xlsx"), tmp_path / "r")
    (tmp_path / "t.parquet").write_text("no")
    with pytest.raises(UserFileError, match="not a Parquet file"):
        import_table(tmp_path / "t.parquet", tmp_path / "r")
    (tmp_path / "b.csv").write_bytes(b"contender,task,passed\n\xff,t,1\n")
    with pytest.raises(UserFileError, match="not UTF-8"):
        import_table(tmp_path / "b.csv", tmp_path / "r")
    (tmp_path / "g.csv.gz").write_text("no")
    with pytest.raises(UserFileError, match="not a whole gzip file: it does not begin as one"):
        import_table(tmp_path / "g.csv.gz", tmp_path / "r")


def test_results_are_not_overwritten_unasked(tmp_path: Path) -> None:
    path = csv(tmp_path, MINIMAL)
    import_table(path, tmp_path / "report")
    with pytest.raises(UsageError, match="has results already"):
        import_table(path, tmp_path / "report")
    import_table(path, tmp_path / "report", overwrite=True)
    with Journal(tmp_path / "run"), pytest.raises(UsageError, match="journal of a run"):
        import_table(path, tmp_path / "run", overwrite=True)


def test_our_own_table_comes_back_as_it_was(tmp_path: Path) -> None:
    text = "contender,task,passed,trial,domain,split,cost_usd,escalated,skills_used,started_at,run\n"
    text += "a,t,1,0,d,test,0.5,true,x;y,2026-01-02T03:04:05Z,3\na,t,0,1,d,test,,false,,,exp-7\n"
    import_table(csv(tmp_path, text), tmp_path / "one", name="n")
    import_table(tmp_path / "one" / "outcomes.parquet", tmp_path / "two", name="n")
    one, two = (read_outcomes(tmp_path / name).to_pylist() for name in ("one", "two"))
    assert one == two
    assert (one[0]["skills_used"], one[0]["escalated"], one[0]["started_at"].year) == (["x", "y"], True, 2026)
    assert [row["run"] for row in one] == [3, None]  # another thing of that name is no call of a run


def data(name: str) -> Path:
    path = Path(__file__).parents[4] / "shared" / "data" / f"{name}.parquet"
    if not path.is_file():
        pytest.skip("the shared data are not here")
    return path


IDS = {"contender": "system", "task": "task_id"}


@pytest.mark.shared
def test_routerbench_mini_gives_the_printed_rates(tmp_path: Path) -> None:
    mapping = {**IDS, "cost_usd": "cost_cny", "confidence": "routing_score"}
    done = import_table(data("routerbench_mini"), tmp_path / "r", mapping)
    assert (done.rows_written, done.n_tasks, len(done.contenders), done.flags) == (8000, 800, 10, ())
    table = load_task_table(tmp_path / "r")
    printed = {  # by its authors: pass rate, mean cost
        "always_cheap": (0.6825, 0.00029186),
        "always_strong": (0.7275, 0.00079930),
        "task_aware": (0.72125, 0.00068789),
        "learned_combined": (0.72, 0.00078259),
        "reflection": (0.72, 0.00067258),
    }
    for name, (rate, cost) in printed.items():
        assert (table.sums / table.counts)[table.index(name)].mean() == rate
        assert table.cost_sums[table.index(name)].mean() == pytest.approx(cost, abs=6e-9)
    a, b = (
        (table.sums / table.counts)[table.index("always_strong")],
        (table.sums / table.counts)[table.index("always_cheap")],
    )
    assert (int(((a == 1) & (b == 0)).sum()), int(((a == 0) & (b == 1)).sum())) == (64, 28)
    assert np.isfinite(table.confidences[table.index("reflection")]).all()
    assert float(np.quantile(table.attempts_of("always_strong").numbers("latency_s"), 0.5)) == pytest.approx(
        1.23312, abs=1e-3
    )


@pytest.mark.shared
def test_tau_bench_gives_the_printed_rate(tmp_path: Path) -> None:
    import_table(data("tau_bench_gpt4o_airline"), tmp_path / "r", IDS)
    table = load_task_table(tmp_path / "r")
    assert table.counts.tolist() == [[4] * 50]
    assert (table.sums / table.counts).mean() == pytest.approx(0.42)


@pytest.mark.shared
def test_routellm_gives_the_printed_rates_and_the_bad_domain(tmp_path: Path) -> None:
    import_table(data("routellm_mmlu_gsm8k"), tmp_path / "r", IDS)
    table = load_task_table(tmp_path / "r")
    gpt, mixtral = (
        (table.sums / table.counts)[table.index("gpt-4-1106-preview")],
        (table.sums / table.counts)[1 - table.index("gpt-4-1106-preview")],
    )
    names = np.array(table.domain_names)[table.domains]
    math = names == "gsm8k"
    assert round(float(gpt[math].mean()), 4) == 0.8567
    assert round(float(gpt[~math].mean()), 4) == 0.8058
    bad = np.char.endswith(names, "high_school_mathematics")
    assert int(bad.sum()) == 270
    assert (int((gpt[bad] > mixtral[bad]).sum()), int((gpt[bad] < mixtral[bad]).sum())) == (5, 83)


@pytest.mark.shared
def test_livecodebench_is_imported_with_its_clusters(tmp_path: Path) -> None:
    done = import_table(data("livecodebench"), tmp_path / "r", {**IDS, "cluster": "task_group"})
    assert (done.rows_written, done.n_tasks, len(done.contenders)) == (85381, 3918, 76)
    assert [f.kind for f in done.flags] == ["missing"]
    assert any("fractional" in note for note in done.notes)


def test_how_skills_were_used_is_known_where_the_table_says_so(tmp_path: Path) -> None:
    text = "contender,task,passed,skills_used,skills_opened,skills_run\na,t1,1,x;y,x,y\na,t2,0,,,\n"
    import_table(csv(tmp_path, text), tmp_path / "report")
    rows = read_outcomes(tmp_path / "report").to_pylist()
    told = [(row["skills_used"], row["skills_opened"], row["skills_read"], row["skills_run"]) for row in rows]
    assert told == [(["x", "y"], ["x"], None, ["y"]), ([], [], None, [])]


def test_rows_that_teach_are_in_no_figure(tmp_path: Path) -> None:
    taught = "contender,task,passed,split\na,t1,1,train\na,t2,0,{}\n"
    with pytest.raises(UserFileError, match=r"split: every row has the split train, .*teach and judge nothing"):
        import_table(csv(tmp_path, taught.format("Train")), tmp_path / "report")
    assert not (tmp_path / "report").exists()
    done = import_table(csv(tmp_path, taught.format("test")), tmp_path / "report")
    assert "1 row of the split train: no figure is made of them" in done.notes
    assert load_task_table(tmp_path / "report", "all").tasks == ("t2",)


def test_a_cost_that_is_missing_in_some_rows_is_told_with_whom(tmp_path: Path) -> None:
    rows = "contender,task,passed,cost_usd\na,t0,1,nan\na,t1,0,1\nb,t0,1,2\nb,t1,1,\nc,t0,1,3\n"
    done = import_table(csv(tmp_path, rows), tmp_path / "r")
    assert "cost_usd: unknown in 2 rows (a 1 and b 1); a contender's cost per task needs them all" in done.notes
    none = "contender,task,passed,cost_usd\na,t0,1,\nb,t0,0,\n"
    assert not import_table(csv(tmp_path, none), tmp_path / "none").notes


def test_what_was_read_is_written_as_json_and_nothing_else(tmp_path: Path, capsys) -> None:
    path = csv(tmp_path, "contender,task,passed,more\na,t0,yes,x\nb,t0,no,y\n")
    assert main(["import", "table", str(path), str(tmp_path / "r"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["rows_read"], found["n_tasks"], found["contenders"]) == (2, 1, ["a", "b"])
    assert found["left_out"] == ["more"]
    assert found["notes"] == ["passed: read 'yes' (1 row) as a pass and 'no' (1 row) as a failure"]
    assert found["flags"] == []


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match="this is a folder; give a file of it that ends in"):
        import_table(tmp_path, tmp_path / "r")
