"""``ownbench adapter``: what it prints, and that it names what a run would refuse."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from harness.adapter import base_digest
from harness.cli import main

ADAPTERS = Path(__file__).parents[2] / "adapters"
WORKER, SOUND = ADAPTERS / "base" / "worker", ADAPTERS / "claim-check"


def test_show_prints_the_digest_of_a_base_for_the_card(capsys: Any) -> None:
    """Of another base too: it is asked for when a card is written."""
    other = ADAPTERS / "base" / "generalist"
    assert main(["adapter", "show", str(SOUND), "--base", str(other)]) == 0
    assert f"base_digest: {base_digest(other)} (of " in capsys.readouterr().out
    assert main(["adapter", "show", str(SOUND), "--base", str(WORKER), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["base"] == {"path": str(WORKER), "base_digest": found["base_digest"]}


@pytest.mark.local
def test_check_says_what_a_run_would_say(tmp_path: Path, capsys: Any) -> None:
    assert main(["adapter", "check", str(SOUND), "--base", str(WORKER)]) == 0
    assert capsys.readouterr().out.endswith("fits its base\n")
    part = tmp_path / "part"
    shutil.copytree(SOUND, part)
    config = json.loads((part / "adapter_config.json").read_text())
    (part / "adapter_config.json").write_text(json.dumps(config | {"target_modules": ["q_proj"]}))
    assert main(["adapter", "check", str(part), "--base", str(WORKER)]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.count("\n") == 1
    assert "36 of its 42 tensors are unexpected and would not be used" in err
