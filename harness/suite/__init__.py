"""Reads and checks ``suites/``: what stands in suite.yaml and its tasks becomes one frozen ``Suite``.

Nothing is spent before a suite has been read whole: whatever is wrong in it is said here, by file, line and remedy.
"""

from harness.suite.from_table import Columns, Draft, draft_suite
from harness.suite.lint import INPUT_UNUSED, Finding, lint_copies, lint_suite, unsplit, uses_task
from harness.suite.load import load_suite, read_prompt, render
from harness.suite.selection import describe, in_two_suites, one_unit_each, select
from harness.suite.source import data_set_rows
