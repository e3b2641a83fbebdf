"""Reads a text file, or some of its lines."""

import shlex
from collections.abc import Mapping
from typing import Any

from harness.core import Box, Result
from harness.system.box_tool import (
    MOST_TOLD,
    BoxTool,
    failure_of,
    number_of,
    path_of,
    readable,
    result_of,
    schema,
    shortened,
)

MOST_BYTES = 1_000_000  # that are looked at
IS_FILE = """
[ -e "$1" ] || { echo "There is no file $1." >&2; exit 1; }
[ -f "$1" ] || { echo "$1 is not a file." >&2; exit 1; }
"""
_SCRIPT = IS_FILE + 'sed -n "$2,$3p" -- "$1" | head -c "$4"'


class ReadFile(BoxTool):
    """As every tool."""

    name = "read_file"
    description = "Reads a text file, or its lines from start to end."
    parameters = schema(
        {"path": "The file; relative to the work folder, or absolute."},
        {
            "start": ("integer", "The first line, counted from 1."),
            "end": ("integer", "The last line."),
        },
    )

    def paths(self, arguments: Mapping[str, Any]) -> str:
        """It reads its file."""
        return f"cat {shlex.quote(str(arguments.get('path', '')))}"

    def perform(self, box: Box, arguments: Mapping[str, Any]) -> Result:
        """The text."""
        path, start, end = path_of(arguments), number_of(arguments, "start"), number_of(arguments, "end")
        lines = [str(int(start or 1)), str(int(end)) if end else "$"]
        done = box.run(["/bin/sh", "-c", _SCRIPT, "sh", path, *lines, str(MOST_BYTES)])
        text = readable(done.out) if done.code == 0 else failure_of(done)
        if done.code == 0 and not done.out:
            text = "[the file is empty]" if start is None else "[the file has no such lines]"
        if len(done.out) >= MOST_BYTES:
            text += f"\n[only {MOST_BYTES:,} bytes were read; name the lines]"
        if len(text) > MOST_TOLD:
            text = shortened(text) + "\n[name the lines to see what was left out]"
        return result_of(done, text, len(path.encode()))


TOOL = ReadFile()
