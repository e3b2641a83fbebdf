"""Reads and checks ``suites/`` whole, before anything is spent: suite.yaml and tasks become one frozen ``Suite``."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.suite.from_table import Columns, Draft, draft_suite
    from harness.suite.lint import INPUT_UNUSED, WITHOUT_NETWORK, Finding, lint_copies, lint_suite, unsplit, uses_task
    from harness.suite.load import load_suite, said_at
    from harness.suite.prompts import read_prompt, render
    from harness.suite.schema import MessageRow
    from harness.suite.selection import describe, in_two_suites, one_unit_each, select
    from harness.suite.source import data_set_rows
else:
    __getattr__, __dir__ = lazy_door(__name__)
