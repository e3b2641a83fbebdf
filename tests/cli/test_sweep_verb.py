"""``sweep`` as a user calls it, and on real outcomes whose figures others computed (statistics.md)."""

import json
from pathlib import Path

import pytest

from harness.cli import main

KEYS = [
    "worker", "expert", "signal", "n_tasks", "objective", "curve", "controls", "chosen", "auroc", "aiq",
    "beats_controls", "sentence",
]  # fmt: skip
REFLECTION = ["--worker", "always_cheap", "--expert", "always_strong", "--confidence-from", "reflection"]
UTILITY = ["--objective", "utility", "--cost-weight", "40"]


@pytest.fixture
def report(tmp_path, capsys):
    """Forty tasks: the worker knows most of what it does not know, the expert is right but for one in ten."""
    lines = ["contender,task,passed,confidence,cost_usd,latency_s"]
    for i in range(40):
        lines.append(f"W,t{i},{int(i % 4 != 0)},{0.2 + 0.01 * i if i % 4 == 0 else 0.5 + 0.01 * i},0.001,0.5")
        lines.append(f"E,t{i},{int(i % 10 != 0)},,0.01,2")
    (tmp_path / "t.csv").write_text("\n".join(lines) + "\n")
    assert main(["import", "table", str(tmp_path / "t.csv"), str(tmp_path / "r")]) == 0
    capsys.readouterr()
    return tmp_path / "r"


def test_the_page_and_the_json_have_the_same_finding(report, capsys):
    call = ["sweep", str(report), "--worker", "W", "--expert", "E", "--objective", "utility", "--cost-weight", "5"]
    assert main(call) == 0
    page, err = capsys.readouterr()
    assert err == ""
    for words in ("chosen, on unseen tasks", "random, as often", "(always)", " *", "AUROC", "over the cost range"):
        assert words in page
    assert main([*call, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [key for key in found if key in KEYS] == KEYS
    assert found["sentence"] in page
    assert (found["worker"], found["expert"], found["signal"], found["n_tasks"]) == ("W", "E", "confidence", 40)
    assert set(found["controls"]) == {"never", "always", "random", "oracle"}
    assert {"threshold", "escalated", "pass_rate", "cost_per_task_usd", "utility"} <= set(found["curve"][0])
    assert {"threshold", "apparent", "crossfit"} <= set(found["chosen"])
    never, always = found["curve"][0], found["curve"][-1]
    assert (never["escalated"], always["escalated"], always["threshold"]) == (0.0, 1.0, None)
    assert never["cost_per_task_usd"]["value"] == pytest.approx(0.001)
    assert always["cost_per_task_usd"]["value"] == pytest.approx(0.011)  # the worker is charged as well
    assert always["latency_s"]["value"] == pytest.approx(2.5)
    assert [point["escalated"] for point in found["curve"]] == sorted(p["escalated"] for p in found["curve"])
    assert max(p["utility"] for p in found["curve"]) == pytest.approx(found["chosen"]["apparent"])


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["--worker", "W", "--expert", "X"], 2, "no contender 'X'"),
        (["--worker", "W", "--expert", "W"], 2, "itself"),
        (["--worker", "W", "--expert", "E", "--objective", "utility"], 2, "--cost-weight"),
        (["--worker", "W", "--expert", "E", "--signal", "sureness"], 2, "unknown signal"),
        (["--worker", "E", "--expert", "W"], 4, "no attempt of 'E' has the signal confidence"),
        (["--worker", "W", "--expert", "E", "--check-live", "E"], 2, "is no hybrid"),
        (["--worker", "W", "--expert", "E", "--split", "dev"], 2, "dev"),
    ],
)
def test_errors_are_one_line_and_an_exit_code(report, capsys, arguments, code, words):
    assert main(["sweep", str(report), *arguments, "--json"]) == code
    out, err = capsys.readouterr()
    assert (out, err.count("\n")) == ("", 1)
    assert words in err


@pytest.mark.shared
def test_routerbench_reflection(tmp_path, capsys):
    data = next((f.parent / "shared" / "data" for f in Path(__file__).resolve().parents
                 if (f.parent / "shared" / "data").is_dir()), None)  # fmt: skip
    if data is None:
        pytest.skip("no shared data beside the checkout")
    maps = ("contender=system", "task=task_id", "cost_usd=cost_cny", "confidence=routing_score")
    mapped = [word for pair in maps for word in ("--map", pair)]
    assert main(["import", "table", str(data / "routerbench_mini.parquet"), str(tmp_path / "r"), *mapped]) == 0
    capsys.readouterr()
    assert main(["sweep", str(tmp_path / "r"), *REFLECTION, *UTILITY, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["chosen"]["apparent"] == pytest.approx(0.693324, abs=5e-7)
    assert found["chosen"]["threshold"] == pytest.approx(0.7207, abs=5e-5)
    assert found["controls"]["never"]["utility"] == pytest.approx(0.670826, abs=5e-7)
    assert found["controls"]["always"]["utility"] == pytest.approx(0.683854, abs=5e-7)
    half = 1.959964 * 0.019441
    assert found["auroc"]["value"] == pytest.approx(0.599770, abs=5e-7)
    assert [found["auroc"]["low"], found["auroc"]["high"]] == pytest.approx([0.59977 - half, 0.59977 + half], abs=2e-6)
    assert found["calibration"]["ece"] == pytest.approx(0.038717, abs=5e-7)
    assert found["calibration"]["brier"] == pytest.approx(0.210878, abs=5e-7)
    assert found["chosen"]["crossfit"]["value"] == pytest.approx(0.6894, abs=0.002)  # 5,000 dealings: .68944, sd .0023
    always = next(rival for rival in found["rivals"] if rival["control"] == "always")
    assert always["difference"]["low"] < 0 < always["difference"]["high"]
    assert found["beats_controls"] is False
    assert "does not beat always escalating" in found["sentence"]
