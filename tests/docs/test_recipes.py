"""Each recipe is done: its blocks are applied to a copy of the code, and the copy does what the page says."""

import json
import os
import shlex
import shutil
import subprocess
import sys

import pytest
from pages import DOCS, ROOT, blocks

RECIPES = {
    "add-a-grader.md": "begun: 0 errors, 1 warning",
    "add-a-backend.md": "50.0%",
    "add-an-arm.md": "[system] Skills:\n- call-routing: ",
    "add-a-signal.md": "mixed (hybrid): ",
    "add-a-rule.md": "FAILS       sources: 4 sources judged; at least 1,000 asked for",
}
"""Each page, and what the copy says in the end."""

ENDS = {"add-a-rule.md": 3}
ONE_FILE = ("add-a-grader.md", "add-a-backend.md", "add-an-arm.md", "add-a-signal.md")
"""Recipes that change one file of the program and one test."""
LISTED = {
    "add-a-grader.md": ("graders", "begins"),
    "add-a-backend.md": ("backends", "canned"),
    "add-an-arm.md": ("deliveries", "listed"),
    "add-a-signal.md": ("signals", "terse"),
}
"""Where ``ownbench doctor`` names what a recipe adds."""
MISSPELT = {
    "add-a-backend.md": ("models: {m: {backend: canne}}", "did you mean 'canned'"),
    "add-an-arm.md": ("contenders: {c: {model: m, skills: s, delivery: listd}}", "did you mean 'listed'"),
    "add-a-signal.md": ("contenders: {c: {worker: a, expert: b, escalate: {signal: tersy}}}", "did you mean 'terse'"),
}
"""A wrong word in an experiment, and the advice."""


def test_every_recipe_of_its_own_page_is_done():
    assert {page.name for page in DOCS.glob("add-a*.md")} == set(RECIPES)
    assert all(blocks(DOCS / name, "console") for name in RECIPES)


def apply(diff, text):
    """A diff without line numbers: what it keeps and takes out has to stand in the text once."""
    lines = diff.splitlines()
    before = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("+"))
    after = "".join(f"{line[1:]}\n" for line in lines if not line.startswith("-"))
    assert text.count(before) == 1, f"stands {text.count(before)} times:\n{before}"
    return text.replace(before, after)


def test_a_diff_is_applied_where_it_belongs():
    assert apply(" a\n-b\n+c\n", "x\na\nb\n") == "x\na\nc\n"
    with pytest.raises(AssertionError, match="stands 2 times"):
        apply(" a\n+c\n", "a\na\n")


def git(folder, *arguments):
    """The lines that git prints in a folder."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=True)
    return done.stdout.splitlines()


@pytest.mark.parametrize("name", RECIPES)
def test_a_recipe_does_what_it_says(name, tmp_path):
    for part in ("harness", "suites", "skills", "tests/grade", "tests/model", "tests/system"):
        shutil.copytree(ROOT / part, tmp_path / part)  # with what is compiled, which takes seconds a recipe
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    git(tmp_path, "init", "--quiet")
    (tmp_path / ".git" / "info" / "exclude").write_text("__pycache__/\n")
    git(tmp_path, "add", ".")
    git(tmp_path, "-c", "user.name=x", "-c", "user.email=x@x", "commit", "--quiet", "-m", "as it was")
    for page in (DOCS / "import-results.md", DOCS / "suites.md", DOCS / name):
        for block in blocks(page):
            target = block.word("file")
            if target is None:
                continue
            path = tmp_path / target
            if block.language == "diff":
                path.write_text(apply(block.text, path.read_text()))
            else:
                assert page.name != name or not path.exists(), f"{block.where}: {target} is there already"
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text)
    git(tmp_path, "add", "harness", "tests")
    changed = [line.split("|")[0].split()[-1] for line in git(tmp_path, "diff", "--stat=200", "--cached")[:-1]]
    if name in ONE_FILE:
        assert [path.partition("/")[0] for path in changed] == ["harness", "tests"], changed
    lines = [line for block in blocks(DOCS / name, "console") for line in block.text.strip().splitlines()]
    assert lines
    environment = {**os.environ, "PYTHONPATH": str(tmp_path), "COLUMNS": "200"}
    said = ""
    for line in lines:
        program, *arguments = shlex.split(line)
        assert program == "python"
        done = subprocess.run(
            [sys.executable, *arguments], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        said += done.stdout
        wanted = ENDS.get(name, 0) if line == lines[-1] else 0
        assert done.returncode == wanted, f"{line}: {done.returncode}: {done.stdout}{done.stderr}"
    assert RECIPES[name] in said, said
    if name in LISTED:
        _is_known(name, tmp_path, environment)
    written = [block.word("file") for block in blocks(DOCS / name) if (block.word("file") or "").endswith(".py")]
    written = [path for path in written if not path.startswith("tests/")]
    for check in (["check"], ["format", "--check"]) if written else ():
        command = [sys.executable, "-m", "ruff", *check, *written]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout


def _is_known(name, folder, environment):
    """What was added is named by `doctor`, in the schema of its file, and by the error for a word that is almost it."""

    def ownbench(*arguments):
        command = [sys.executable, "-m", "harness", *arguments]
        return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)

    kind, word = LISTED[name]
    assert word in json.loads(ownbench("doctor", "--json").stdout)[kind]
    if kind == "backends":
        assert "CannedEntry" in json.loads(ownbench("schema", "experiment").stdout)["$defs"]
    if name in MISSPELT:
        written, advice = MISSPELT[name]
        (folder / "reports" / "wrong").mkdir(parents=True)
        model = "{backend: openai, model: m, base_url: 'http://h/v1'}"
        rest = {"models": f"models: {{m: {model}}}", "contenders": "contenders: {c: {model: m}}"}
        rest[written.partition(":")[0]] = written
        text = "\n".join(["name: wrong", "suites: [suites/tickets]", *rest.values()])
        (folder / "reports" / "wrong" / "experiment.yaml").write_text(text)
        said = ownbench("check", "reports/wrong").stderr
        assert said.count("\n") == 1
        assert advice in said
