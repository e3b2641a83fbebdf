"""``import table``, then ``domains`` on real outcomes: figures that others computed (statistics.md)."""

import json
from pathlib import Path

import pytest

from harness.cli import main

MAPPED = ["--map", "contender=system", "--map", "task=task_id"]


@pytest.fixture(scope="module")
def shared_data():
    for folder in Path(__file__).resolve().parents:
        if (folder.parent / "shared" / "data").is_dir():
            return folder.parent / "shared" / "data"
    pytest.skip("no shared data beside the checkout")


def found(capsys, report, *contenders):
    capsys.readouterr()
    assert main(["domains", str(report), *contenders, "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    return json.loads(out)


@pytest.mark.shared
def test_routellm(shared_data, tmp_path, capsys):
    import pandas as pd

    frame = pd.read_parquet(shared_data / "routellm_mmlu_gsm8k.parquet")
    frame[frame.source == "routellm_mmlu"].to_parquet(tmp_path / "mmlu.parquet")
    assert main(["import", "table", str(tmp_path / "mmlu.parquet"), str(tmp_path / "r"), *MAPPED]) == 0
    record = found(capsys, tmp_path / "r", "gpt-4-1106-preview", "mistralai/Mixtral-8x7B-Instruct-v0.1")
    assert (record["q"], record["df"]) == (pytest.approx(655.329, abs=1e-3), 56)
    assert record["i2"] == pytest.approx(0.914547, abs=1e-6)
    assert record["tau2"]["value"] == pytest.approx(0.00716412, abs=1e-8)
    assert record["prediction"] == pytest.approx([-0.0652, 0.2775], abs=0.005)  # with tau plugged in
    assert record["regressed"] == ["mmlu/high_school_mathematics"]


@pytest.mark.shared
def test_routerbench(shared_data, tmp_path, capsys):
    assert main(["import", "table", str(shared_data / "routerbench_mini.parquet"), str(tmp_path / "r"), *MAPPED]) == 0
    record = found(capsys, tmp_path / "r", "always_strong", "always_cheap")
    assert (record["q"], record["df"]) == (pytest.approx(7.080589, abs=5e-7), 8)
    assert record["tau2"]["value"] == 0
    assert main(["domains", str(tmp_path / "r")]) == 2  # ten contenders and no reference: which two?


@pytest.mark.shared
def test_tau_bench(shared_data, tmp_path, capsys):
    table = shared_data / "tau_bench_gpt4o_airline.parquet"
    assert main(["import", "table", str(table), str(tmp_path / "r"), *MAPPED]) == 0
    record = found(capsys, tmp_path / "r")
    assert record["variance"]["trial"] == pytest.approx(0.1466667, abs=1e-7)
    assert record["variance"]["task"] == pytest.approx((0.5453061 - 0.1466667) / 4, abs=1e-7)
