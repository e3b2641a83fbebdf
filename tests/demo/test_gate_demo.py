"""The gate finds the damaged adapter of the embedded demo, from a real run of real weights."""

import json
import shutil
from pathlib import Path

import pytest

from harness.cli import main

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.local
def test_a_damaged_adapter_is_blocked(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(ROOT)  # where the experiment's suites and adapters stand
    report = tmp_path / "gate-demo"
    report.mkdir()
    shutil.copy(ROOT / "reports" / "gate-demo" / "experiment.yaml", report)
    assert main(["run", str(report)]) == 0
    capsys.readouterr()
    code = main(["gate", str(report), str(report), "--candidate-contender", "damaged", "--json"])
    record = json.loads(capsys.readouterr().out)
    assert (code, record["decision"]) == (1, "BLOCK")
    changed = {one["what"]: one["candidate"] for one in record["changed"]}
    assert set(changed) == {"name", "adapter order-extraction"}
    assert changed["adapter order-extraction"].startswith("adapters/order-extraction-damaged ")
