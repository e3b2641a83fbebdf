"""Replaces one place of a file by another text."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.core import Box, Result
from harness.system.box_tool import BoxTool, failure_of, path_of, result_of, schema, text_of
from harness.system.tools.read_file import IS_FILE
from harness.system.tools.write_file import WRITE

MOST_BYTES = 4_000_000  # of a file that is edited


class EditFile(BoxTool):
    """As every tool."""

    name = "edit_file"
    description = "Replaces a text in a file by another. The text must stand there exactly once."
    parameters = schema(
        {
            "path": "The file; relative to the work folder, or absolute.",
            "old": "What stands there, exactly, with as much around it that it is the only such place.",
            "new": "What is to stand there instead.",
        }
    )

    def paths(self, arguments: Mapping[str, Any]) -> str:  # noqa: ARG002
        """It shows nothing of what it reads."""
        return ""

    def perform(self, box: Box, arguments: Mapping[str, Any]) -> Result:
        """That it was replaced, or how often the text stands there."""
        path, old = path_of(arguments), text_of(arguments, "old").encode()
        new = text_of(arguments, "new", empty=True).encode()
        given = len(old) + len(new)
        done = box.run(["/bin/sh", "-c", f'{IS_FILE}cat -- "$1"', "sh", path], cap=MOST_BYTES)
        if done.code != 0 or done.cut:
            too_large = done.cut or done.cause == "output"
            text = f"A file of more than {MOST_BYTES:,} bytes is not edited." if too_large else failure_of(done)
            return result_of(replace(done, code=done.code or 1), text, given)
        if (count := done.out.count(old)) != 1:
            found = f"The text stands there {count:,} times; give more of what is around it." if count else _ABSENT
            return result_of(replace(done, code=1), found, given)
        done = box.run(["/bin/sh", "-c", WRITE, "sh", path], stdin=done.out.replace(old, new))
        return result_of(done, "Replaced." if done.code == 0 else failure_of(done), given)


_ABSENT = "The text does not stand in the file; look at it again, and give it exactly, spaces and line breaks too."

TOOL = EditFile()
