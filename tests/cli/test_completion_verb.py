"""The shell's completion, asked as its script asks."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.cli import main


@pytest.fixture
def ask(tmp_path):
    demo = tmp_path / "reports" / "demo"
    demo.mkdir(parents=True)
    contenders = [{"name": "tuned"}, {"name": "trial"}, {"name": "other"}]
    whole = {"schema": 2, "report": "demo", "created_at": "2026-01-01T00:00:00+00:00", "contenders": contenders}
    (demo / "manifest.json").write_text(json.dumps(whole))
    (demo / "experiment.yaml").write_text("name: demo\n")

    def asked(line):
        out = tmp_path / "said"
        how = {"COMP_LINE": line, "COMP_POINT": str(len(line)), "_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n",
               "_ARGCOMPLETE_STDOUT_FILENAME": str(out)}  # fmt: skip
        program = Path(sys.executable).parent / "ownbench"
        done = subprocess.run(
            [program], cwd=tmp_path, env=os.environ | how, capture_output=True, text=True, timeout=60, check=False
        )
        assert (done.returncode, done.stdout) == (0, "")
        return out.read_text().split()

    return asked


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("ownbench comp", ["compare", "completion"]),
        ("ownbench show demo --fail", ["--failures"]),
        ("ownbench show d", ["demo"]),
        ("ownbench show reports/demo --failures t", ["trial", "tuned"]),
        ("ownbench skill imp", ["improve"]),
        ("ownbench nothing x", []),
    ],
)
def test_a_line_goes_on_with_commands_options_reports_and_contenders(ask, line, said):
    assert ask(line) == said


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_is_for_that_shell(shell, capsys):
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert "ownbench" in script
    if shell == "bash":
        assert subprocess.run(["bash", "-n"], input=script, text=True, timeout=20, check=False).returncode == 0


def test_another_shell_is_refused_in_one_line(capsys):
    with pytest.raises(SystemExit):
        main(["completion", "tcsh"])
    assert "known: bash, fish, zsh" in capsys.readouterr().err
