"""Which uses of a tool are allowed, and by which rule: the experiment's lists, then what opened skills say they use."""

import re
import shlex
from collections.abc import Iterable, Mapping

from harness.core import Action
from harness.sandbox.options import ActionRules

READING_SKILLS = frozenset({"open_skill", "read_skill_file"})  # not held to ``allow``: they touch no box
OTHER_NAMES = {"bash": "bash", "shell": "bash", "read": "read_file", "write": "write_file", "edit": "edit_file"}
"""What skills, written for other programs, call the tools; in lower case."""
LONGEST = 20_000  # signs of a line that is looked into
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
    commands, plain = simple_commands(line)
    found = [_begins(" ".join(command), begin) for command in commands]
    return any(found) if any_of else bool(found) and all(found) and plain


def simple_commands(line: str) -> tuple[list[list[str]], bool]:
    """The commands of a shell line as words; and whether that is all it does: no command in another, no redirection."""
    if len(line) > LONGEST:
        return [], False
    plain = "`" not in line and "$(" not in line
    try:
        apart = line.replace("\n", " ; ").replace("`", " ; ").replace("$(", " ; (")
        shell = shlex.shlex(apart, posix=True, punctuation_chars=True)
        shell.whitespace_split, shell.commenters = True, ""
        words = list(shell)
    except ValueError:  # a quotation that does not end
        words, plain = re.split(r"\s+|([;&|()`]+)", line), False
    commands: list[list[str]] = [[]]
    for word in words:
        if word and not word.strip("();<>|&`$"):
            plain = plain and not set(word) & set("<>()")
            commands.append([])
        elif word:
            commands[-1].append(word)
    return [command for command in commands if command], plain


def _begins(command: str, begin: str) -> bool:
    return command == begin or command.startswith((f"{begin} ", f"{begin}/") if not begin.endswith("/") else begin)
