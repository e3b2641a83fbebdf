"""The benchmark's random kills, a few of them: by hand it takes two hundred."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "kill.py"


@pytest.mark.parametrize("executor", ["local", pytest.param("processes", marks=pytest.mark.slow)])
def test_ten_runs_killed_at_random_lose_and_double_nothing(executor):
    command = [sys.executable, str(SCRIPT), "--kills", "10", "--seed", "11", "--executor", executor]
    done = subprocess.run(command, capture_output=True, text=True, timeout=290, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    said = done.stdout.splitlines()[-1]
    assert said.startswith("10 kills")
    assert "nothing lost, nothing doubled" in said
