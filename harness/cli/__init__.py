"""The command ``ownbench``: its verbs, each imported only when it is called."""

from harness.cli.entry import command, main
