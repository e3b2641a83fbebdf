"""Writes a file."""

from collections.abc import Mapping
from typing import Any

from harness.core import Box, Result
from harness.system.box_tool import BoxTool, failure_of, path_of, result_of, schema, text_of

WRITE = """
[ ! -d "$1" ] || { echo "$1 is a folder." >&2; exit 1; }
mkdir -p -- "$(dirname -- "$1")" && cat > "$1" || exit 1
[ "$(head -c 2 -- "$1")" != "#!" ] || chmod +x -- "$1"
"""


class WriteFile(BoxTool):
    """As every tool."""

    name = "write_file"
    description = "Writes a file, its folders too; what was in it before is gone."
    parameters = schema(
        {"path": "The file; relative to the work folder, or absolute.", "content": "All that it is to hold."}
    )

    def paths(self, arguments: Mapping[str, Any]) -> str:  # noqa: ARG002
        """It reads nothing."""
        return ""

    def perform(self, box: Box, arguments: Mapping[str, Any]) -> Result:
        """That it was written."""
        path, content = path_of(arguments), text_of(arguments, "content", empty=True).encode()
        done = box.run(["/bin/sh", "-c", WRITE, "sh", path], stdin=content)
        text = f"Written: {len(content):,} bytes." if done.code == 0 else failure_of(done)
        return result_of(done, text, len(content))


TOOL = WriteFile()
