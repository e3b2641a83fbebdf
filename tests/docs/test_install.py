"""The lines that install something, run as printed, and the action in a repository that holds no copy of us."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
PRINTED = [
    (name, line)
    for name in ("README.md", "docs/dashboard.md")
    for line in re.findall(r"`(\.venv/bin/\S+ [^`]*install -e [^`]*)`", (ROOT / name).read_text())
]
LOCKS = ("constraints.txt", "versions.txt")


def pins(name):
    return dict(re.findall(r"^([\w.-]+)(?:\[[\w,-]+\])?==([^\s\\]+)", (ROOT / name).read_text(), flags=re.MULTILINE))


def test_both_files_pin_the_same_versions_and_name_no_host():
    assert pins("constraints.txt") == pins("versions.txt")
    text = (ROOT / "versions.txt").read_text()
    assert "--hash" not in text
    assert "[" not in text
    assert not any("://" in (ROOT / name).read_text() for name in LOCKS)


def test_pip_is_given_the_file_without_hashes_everywhere():
    for path in [ROOT / "README.md", ROOT / "action.yml", *ROOT.glob("docs/*.md")]:
        for line in path.read_text().splitlines():
            assert "-m pip install" not in line or "constraints.txt" not in line, f"{path.name}: {line}"


@pytest.fixture
def clone(tmp_path):
    """What a user gets of this checkout's files, with an empty environment in it."""
    folder = tmp_path / "clone"
    files = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=True).stdout.decode()
    for name in (n for n in files.split("\0") if n.startswith("harness/") or (n and "/" not in n)):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes((ROOT / name).read_bytes())
    subprocess.run([sys.executable, "-m", "venv", folder / ".venv"], check=True)
    return folder


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(("page", "line"), PRINTED)
def test_a_printed_line_installs(clone, page, line):
    bin_ = clone / ".venv" / "bin"
    if "bin/uv" in line:
        subprocess.run(
            [bin_ / "python", "-m", "pip", "install", "-q", "uv", "-c", "versions.txt"], check=True, cwd=clone
        )
    env = {k: v for k, v in os.environ.items() if k not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(["bash", "-c", line], check=False, cwd=clone, env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    told = subprocess.run([bin_ / "ownbench", "doctor"], cwd=clone, env=env, capture_output=True, text=True, check=True)
    assert "not installed" in told.stdout  # one extra was asked for, and not all of them
    wanted = "litellm: ready" if "[api]" in line else "streamlit: 1."
    assert wanted in told.stdout


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_action_in_an_empty_repository(clone, tmp_path):
    """Files that a pull request adds under the names of modules are not run, and the gate blocks what it has to."""
    repository = tmp_path / "repository"
    repository.mkdir()
    subprocess.run(["git", "init", "-q", repository], check=True)
    for name in ("pip", "json", "harness", "ownbench", "sitecustomize", "hatchling"):
        (repository / f"{name}.py").write_text("import pathlib\npathlib.Path('hit').touch()\n")
    (repository / "r.csv").write_text(
        "contender,task,passed\n" + "".join(f"old,t{i},1\nnew,t{i},{i % 3 // 2}\n" for i in range(300))
    )
    output = tmp_path / "output"
    output.touch()
    action = yaml.safe_load((ROOT / "action.yml").read_text())
    given = {name: one.get("default", "") for name, one in action["inputs"].items()}
    given |= {"baseline": "r", "candidate": "r", "baseline-contender": "old", "candidate-contender": "new"}
    env = os.environ | {"GITHUB_OUTPUT": str(output), "PATH": f"{clone / '.venv' / 'bin'}:{os.environ['PATH']}"}
    env.pop("PYTHONPATH", None)
    codes = {}
    for step in action["runs"]["steps"]:
        filled = {
            name: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], text).replace(
                "${{ github.action_path }}", str(clone)
            )
            for name, text in step["env"].items()
        }
        shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
        done = subprocess.run(shell, check=False, cwd=repository, env=env | filled, capture_output=True, text=True)
        codes[step["name"]] = done.returncode
        if step["name"] == "Install":
            assert done.returncode == 0, done.stderr[-500:]
            subprocess.run(["ownbench", "import", "table", "r.csv", "r"], cwd=repository, env=env, check=True)
    assert codes == {"Install": 0, "Gate": 1}
    assert output.read_text().splitlines() == ["decision=BLOCK", "exit-code=1"]
    assert not (repository / "hit").exists()
