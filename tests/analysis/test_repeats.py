"""pass@k and pass^k through the scoreboard, against what tau-bench's authors print."""

from pathlib import Path

import pytest

from harness.analysis import scoreboard
from harness.store import import_table

SHARED = next((p / "shared" for p in Path(__file__).resolve().parents if (p / "shared" / "data").is_dir()), None)


@pytest.mark.shared
@pytest.mark.skipif(SHARED is None, reason="the shared data are not here")
def test_tau_bench_as_its_authors_print_it(tmp_path):
    source = SHARED / "data" / "tau_bench_gpt4o_airline.parquet"
    import_table(source, tmp_path / "r", {"contender": "system", "task": "task_id"})
    repeats = scoreboard(tmp_path / "r").as_json()["contenders"][0]["repeats"]
    assert [r["k"] for r in repeats] == [1, 2, 3, 4]
    assert [r["pass_hat_k"]["value"] for r in repeats] == pytest.approx([0.42, 0.273333, 0.22, 0.20], abs=5e-7)
    assert [r["pass_at_k"]["value"] for r in repeats] == pytest.approx([0.42, 0.566667, 0.66, 0.72], abs=5e-7)


def test_one_trial_a_task_has_no_repeats(tmp_path):
    (tmp_path / "t.csv").write_text("contender,task,passed\na,1,1\na,2,0\n")
    import_table(tmp_path / "t.csv", tmp_path / "r")
    assert scoreboard(tmp_path / "r").contenders[0].repeats == ()
