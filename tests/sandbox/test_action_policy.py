"""Which uses of a tool are allowed, and by which rule."""

import time

import pytest

from harness.core import Action
from harness.sandbox import ActionRules, decide, forbidden, named


def bash(command):
    return Action(tool="bash", arguments={"command": command})


def rules(**keys):
    return ActionRules.model_validate(keys)


@pytest.mark.parametrize(
    ("pattern", "tool", "begin"),
    [
        ("bash", "bash", None),
        ("Bash", "bash", None),
        ("Read", "read_file", None),
        ("Bash(git:*)", "bash", "git"),
        ("bash(git push:*)", "bash", "git push"),
        ("Bash(npm run test)", "bash", "npm run test"),
        ("Bash(*)", "bash", None),
        ("WebFetch", "WebFetch", None),
    ],
)
def test_tools_are_known_by_the_names_that_skills_give_them(pattern, tool, begin):
    assert named(pattern) == (tool, begin)


@pytest.mark.parametrize(
    "line",
    ["git status", "git  status --short", "git", "git diff && git log", "git log | git shortlog", "git log\ngit diff"],
)
def test_a_beginning_allows_lines_of_which_every_command_begins_so(line):
    assert decide(rules(allow=["bash(git:*)"]), bash(line), {}) == (True, "sandbox.actions.allow: bash(git:*)")


@pytest.mark.parametrize(
    "line",
    [
        "gitk",
        "ls",
        "git status; rm -rf .",
        "git status && ls",
        "git status | sh",
        "git status & ls",
        "git status\nls",
        "git $(ls)",
        "git `ls`",
        'git commit -m "$(ls)"',
        "git log > /w/x",
        "git log <(ls)",
        "(ls; git log)",
        "ls; git log",
        "git 'unclosed",
        "",
        "git " + "x" * 200_000,
    ],
)
def test_and_nothing_that_stands_beside_or_within_them(line):
    began = time.monotonic()
    assert decide(rules(allow=["bash(git:*)"]), bash(line), {}) == (False, "sandbox.actions.allow")
    assert time.monotonic() - began < 1


@pytest.mark.parametrize("line", ["pip install x", "ls; pip install x", "ls && (pip x)", "true|pip", "echo `pip x`"])
def test_a_beginning_forbids_lines_of_which_any_command_begins_so(line):
    assert decide(rules(deny=["bash(pip:*)"]), bash(line), {}) == (False, "sandbox.actions.deny: bash(pip:*)")


def test_what_is_denied_is_denied_whatever_else_allows_it():
    both = rules(allow=["bash"], deny=["bash"])
    assert decide(both, bash("ls"), {"s": ["Bash"]}) == (False, "sandbox.actions.deny: bash")
    assert decide(rules(deny=["bash(pip:*)"]), bash("ls"), {}) == (True, "default")
    assert decide(rules(deny=["open_skill"]), Action(tool="open_skill"), {})[0] is False


def test_a_list_of_what_is_allowed_shuts_out_the_rest_but_no_reading_of_skills():
    only = rules(allow=["read_file"])
    assert decide(only, bash("ls"), {"s": ["Bash"]}) == (False, "sandbox.actions.allow")  # no skill widens it
    assert decide(only, Action(tool="open_skill"), {}) == (True, "default")
    assert decide(rules(allow=[]), Action(tool="read_file"), {}) == (False, "sandbox.actions.allow")


def test_what_opened_skills_say_is_told_and_takes_nothing_away():
    opened = {"a": (), "b": ("Read", "Bash(python3:*)")}
    assert decide(rules(), bash("python3 x.py"), opened) == (True, "allowed-tools of b: Bash(python3:*)")
    assert decide(rules(), bash("ls"), opened) == (True, "default")
    held = rules(allowed_tools="enforce")
    assert decide(held, bash("python3 x.py"), opened) == (True, "allowed-tools of b: Bash(python3:*)")
    assert decide(held, bash("ls"), opened) == (False, "allowed-tools of b")
    assert decide(held, bash("ls"), {"a": ()}) == (True, "default")  # one that names none holds nobody
    assert decide(held, Action(tool="open_skill"), opened) == (True, "default")


def test_a_tool_is_forbidden_whole_or_not():
    assert forbidden(rules(deny=["bash"]), "bash") == "sandbox.actions.deny: bash"
    assert forbidden(rules(deny=["bash(pip:*)"]), "bash") is None
    assert forbidden(rules(allow=["Read"]), "bash") == "sandbox.actions.allow"
    assert forbidden(rules(allow=["bash(git:*)"]), "bash") is None
    assert forbidden(rules(allow=[]), "open_skill") is None
