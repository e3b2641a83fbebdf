"""Runs a shell line."""

from collections.abc import Mapping
from typing import Any

from harness.core import Box, Done, Result
from harness.system.box_tool import (
    BoxTool,
    WrongArgumentError,
    number_of,
    readable,
    result_of,
    schema,
    shortened,
    text_of,
)

LONGEST_S = 600.0
MOST_BYTES = 100_000  # of a command; the kernel takes no argument that is much longer
_SHELL = 'if command -v bash >/dev/null 2>&1; then exec bash -c "$1"; else exec sh -c "$1"; fi'


class Bash(BoxTool):
    """As every tool."""

    name = "bash"
    description = (
        "Runs a shell line in the work folder and tells what it wrote and its exit code. Each line starts anew: the "
        "folder and variables that one sets are not kept, files are. What runs in the background ends with it."
    )
    parameters = schema(
        {"command": "The shell line."}, {"timeout_s": ("number", "Seconds that it may take; 60 by default.")}
    )

    def perform(self, box: Box, arguments: Mapping[str, Any]) -> Result:
        """What the command wrote."""
        command, asked = text_of(arguments, "command"), number_of(arguments, "timeout_s") or box.limits.seconds
        size = len(command.encode())
        if size > MOST_BYTES or "\0" in command:
            raise WrongArgumentError(f"A command has at most {MOST_BYTES:,} bytes; write a file with it, and run that.")
        limit = min(asked, LONGEST_S)
        done = box.run(["/bin/sh", "-c", _SHELL, "sh", command], timeout=limit)
        return result_of(done, shortened(_told(done, limit)), size)


def _told(done: Done, limit: float) -> str:
    parts = [readable(done.out).rstrip()]
    if error := readable(done.err).rstrip():
        parts.append(f"[standard error]\n{error}")
    if done.cut:
        parts.append("[it wrote more, which was not kept]")
    if done.cause:
        after = f" after {limit:g} s" if done.cause == "timeout" else ""
        parts.append(f"[stopped{after}: {_CAUSES.get(done.cause, done.cause)}]")
    elif done.code:
        parts.append(f"[exit code {done.code}]")
    return "\n".join(part for part in parts if part) or "[no output]"


_CAUSES = {
    "timeout": "it took too long",
    "memory": "it used too much memory",
    "pids": "it started too many processes",
    "disk": "it made too many files",
    "output": "it wrote too much",
}

TOOL = Bash()
