"""What of a skill a shell line reads and runs, as far as its text tells."""

import fnmatch
import posixpath
import re
from collections.abc import Iterator, Mapping, Sequence

from harness.core import SKILLS, WORK, Exposure
from harness.sandbox import simple_commands

_RUNNERS = re.compile(r"(python|pypy|node|perl|ruby|bash|sh|dash|zsh|Rscript|awk|php|deno|bun)[\d.]*|source|\.")
_BEFORE = {"time", "env", "nohup", "exec", "nice", "command", "timeout", "xargs", "sudo", "stdbuf"}
_LOOKING = {"ls", "find", "tree", "stat", "test", "[", "cd", "pwd", "du", "file", "mkdir", "realpath", "which", "echo"}
_TEXT = {"perl": "-e", "node": "-e", "ruby": "-e"}  # after which a runner has a text and no file; others have -c
_ASSIGNED = re.compile(r"[A-Za-z_]\w*=")


def traces(line: str, skills: Mapping[str, Sequence[str]], here: str = WORK) -> list[tuple[str, Exposure]]:
    """Names of skills and how each is used: SKILL.md read, a file read, a script run. ``skills`` have their files."""
    found: dict[tuple[str, Exposure], None] = {}
    if not skills or SKILLS not in line:
        return []
    for command in simple_commands(line)[0]:
        words = _from_program(command)
        if words[:1] == ["cd"]:
            here = posixpath.normpath(posixpath.join(here, words[1] if len(words) > 1 else "/"))
            continue
        run, read = _run_and_read(words)
        for word in run:
            files = _files(word, here, skills)
            found |= {(name, Exposure.SCRIPT): None for name, file in files if file in skills[name]}
        for word in read:
            for name, file in _files(word, here, skills):
                how = Exposure.OPENED if file.lower() == "skill.md" else Exposure.FILE
                found[name, how] = None
    return list(found)


def _from_program(words: list[str]) -> list[str]:
    """The words from the program on that is run."""
    while words and (_ASSIGNED.match(words[0]) or words[0] in _BEFORE or words[0][:1].isdigit()):
        words = words[1:]
    return words


def _run_and_read(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """The words of a command that name a program to run, and those that may name what is read."""
    if not words or words[0] in _LOOKING:
        return [], []
    if not _RUNNERS.fullmatch(posixpath.basename(words[0])):
        return [words[0]], list(words[1:])
    text = _TEXT.get(posixpath.basename(words[0]), "-c")
    for place, word in enumerate(words[1:], 1):
        if word in {text, "-m"}:
            return [], list(words[place + 1 :])
        if not word.startswith("-"):
            return [word], list(words[place + 1 :])
    return [], []


def _files(word: str, here: str, skills: Mapping[str, Sequence[str]]) -> Iterator[tuple[str, str]]:
    """Files of skills that a word means, or that a program in it names."""
    named = re.findall(rf"(?<![\w./-]){SKILLS}/[\w./*?-]+", word) if SKILLS in word else []
    for text in named or [word]:
        path = posixpath.normpath(posixpath.join(here, text.lstrip("<>@=")))
        if not path.startswith(f"{SKILLS}/"):
            continue
        name, _, file = path.removeprefix(f"{SKILLS}/").partition("/")
        for skill in [name] if name in skills else fnmatch.filter(skills, name):
            every = ["SKILL.md", *skills[skill]]
            if not file or any(one.startswith(f"{file}/") for one in every):
                yield skill, file or "/"  # a folder of it, copied or searched
            else:
                yield from ((skill, one) for one in every if fnmatch.fnmatchcase(one, file))
