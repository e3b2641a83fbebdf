"""The command ``ownbench``: one small module a verb, imported only when that verb is called."""

from harness.cli.entry import main
