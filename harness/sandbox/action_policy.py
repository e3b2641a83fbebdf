"""Which uses of a tool are allowed, and by which rule: the experiment's lists, then what opened skills say they use."""

import re
from collections.abc import Iterable, Iterator, Mapping

from harness.core import Action
from harness.sandbox.options import ActionRules

READING_SKILLS = frozenset({"open_skill", "read_skill_file"})  # not held to ``allow``: they touch no box
OTHER_NAMES = {"bash": "bash", "shell": "bash", "read": "read_file", "write": "write_file", "edit": "edit_file"}
"""What skills, written for other programs, call the tools; in lower case."""
DEFAULT = "default"  # the rule where no list says anything


def named(pattern: str) -> tuple[str, str | None]:
    """The tool of ``bash``, ``Bash`` or ``Bash(git:*)``, and the beginning of the commands that are meant."""
    name, _, inside = pattern.strip().partition("(")
    begin = inside.removesuffix(")").removesuffix("*").removesuffix(":").strip()
    return OTHER_NAMES.get(name.lower(), name), begin or None


def decide(rules: ActionRules, action: Action, opened: Mapping[str, Iterable[str]]) -> tuple[bool, str]:
    """Whether an action is allowed, and the rule; ``opened`` are the skills read so far, with their allowed-tools."""
    if (found := next((p for p in rules.deny if _meant(p, action, any_of=True)), None)) is not None:
        return False, f"sandbox.actions.deny: {found}"
    rule = DEFAULT
    if rules.allow is not None and action.tool not in READING_SKILLS:
        listed = next((pattern for pattern in rules.allow if _meant(pattern, action)), None)
        if listed is None:
            return False, "sandbox.actions.allow"
        rule = f"sandbox.actions.allow: {listed}"
    told = {name: tuple(patterns) for name, patterns in opened.items() if patterns}
    for name, patterns in told.items():
        if (found := next((p for p in patterns if _meant(p, action)), None)) is not None:
            return True, f"allowed-tools of {name}: {found}"
    if told and rules.allowed_tools == "enforce" and action.tool not in READING_SKILLS:
        return False, f"allowed-tools of {', '.join(told)}"
    return True, rule


def forbidden(rules: ActionRules, tool: str) -> str | None:
    """The rule that forbids every use of a tool; ``None`` where some use is allowed."""
    if (found := next((p for p in rules.deny if named(p) == (tool, None)), None)) is not None:
        return f"sandbox.actions.deny: {found}"
    if rules.allow is None or tool in READING_SKILLS or any(named(pattern)[0] == tool for pattern in rules.allow):
        return None
    return "sandbox.actions.allow"


def _meant(pattern: str, action: Action, *, any_of: bool = False) -> bool:
    """Whether a pattern is about an action: with a beginning, about every command of its line, or ``any_of`` them."""
    tool, begin = named(pattern)
    if tool != action.tool or begin is None:
        return tool == action.tool
    line = str(action.arguments.get("command", ""))
    found = [_begins(command, begin) for command in _commands(line)]
    return any(found) if any_of else bool(found) and all(found) and not _NESTED.search(line)


_BETWEEN = re.compile(r"[;&|\n()`]+|\$\(")
_NESTED = re.compile(r"[`<>]|\$\(")  # commands within commands and redirections: what they do, their beginning hides


def _commands(line: str) -> Iterator[str]:
    return (command for part in _BETWEEN.split(line) if (command := " ".join(part.split())))


def _begins(command: str, begin: str) -> bool:
    return command == begin or command.startswith((f"{begin} ", f"{begin}/") if not begin.endswith("/") else begin)
