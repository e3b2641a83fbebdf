"""The demo's generalist reads a damaged copy of a skill; a scripted author mends it, and proposes what helps nobody."""

import json
import shutil
from pathlib import Path

import live
import pytest
import rooms
import yaml
from live import Server

ROOT = Path(__file__).resolve().parents[2]


def damaged(folder):
    """A copy of the skill without most of the rows of its table, and those rows."""
    shutil.copytree(ROOT / "skills/ticket-routing", folder)
    lines = (folder / "SKILL.md").read_text().splitlines()
    rows = [line for line in lines[lines.index("| --- | --- |") + 1 :] if line.startswith("| ")]
    lost = rows[4:]
    (folder / "SKILL.md").write_text("\n".join(line for line in lines if line not in lost) + "\n")
    return lost


@pytest.mark.slow
@pytest.mark.local
def test_a_planted_good_edit_is_accepted_and_noise_refused(tmp_path, monkeypatch, capfd):
    shutil.copytree(ROOT / "suites/ticket-routing", tmp_path / "suites/ticket-routing")
    file = tmp_path / "suites/ticket-routing/tasks.jsonl"
    rows = rooms.lines(file)
    splits = ["train", "dev", "test"]
    file.write_text("".join(json.dumps(row | {"split": splits[n % 3]}) + "\n" for n, row in enumerate(rows)))
    lost = damaged(tmp_path / "skills/ticket-routing")
    noise = {"edits": [{"op": "add", "after": "- Do not explain.", "new": "- Be kind."}]}
    good = {"edits": [{"op": "add", "after": "| --- | --- |", "new": "\n".join(lost)}]}
    worse = {"edits": [{"op": "delete", "old": "2. Look it up in the table."}]}
    monkeypatch.chdir(tmp_path)
    with Server(rooms.Author(noise, good, worse)) as served:
        models = {
            "generalist": {
                "backend": "transformers",
                "path": str(ROOT / "adapters/base/generalist"),
                "sampling": {"temperature": 0, "max_tokens": 48},
                "gpu_hour_usd": 2.5,
            },
            "frontier": live.served_model(served, model="author"),
        }
        Path("models.yaml").write_text(yaml.safe_dump({"models": models}))
        words = ("skill", "improve", "ticket-routing", "--suite", "ticket-routing", "--model", "generalist")
        words += ("--author", "frontier", "--tries", 3, "--batch", 15, "--budget", 2, "--quiet", "--json")
        code, out, err = live.inside(capfd, *words)
    assert code == 0, err
    found = json.loads(out)
    assert [made["accepted"] for made in found["tries"]] == [False, True, False]
    assert found["tries"][1]["dev"]["p"] < 0.001
    (look,) = found["looks"]
    assert look["low"] > 0.1
    assert 0 < found["author_usd"] < found["spent_usd"] < 2
