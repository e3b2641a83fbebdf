"""``python -m harness`` is ``ownbench``."""

from harness.cli import command

command()
