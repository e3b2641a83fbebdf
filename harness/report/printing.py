"""What a verb found, on the terminal."""

from typing import Any, TextIO

from harness.report.console import print_blocks


def print_view(view: Any, file: TextIO | None = None) -> None:
    """Writes what a verb found to ``file``, standard output by default."""
    if type(view).__name__ == "Gate":  # which is printed without loading what the other views are made of
        from harness.report.gate_tables import gate_blocks as blocks_of
    else:
        from harness.report.answers import blocks_of
    print_blocks(blocks_of(view), file)
