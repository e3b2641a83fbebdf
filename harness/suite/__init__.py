"""Reads and checks ``suites/``: what stands in suite.yaml and its tasks becomes one frozen ``Suite``.

Nothing is spent before a suite has been read whole: whatever is wrong in it is said here, by file, line and remedy.
"""

from harness.suite.lint import Finding, lint_suite
from harness.suite.load import load_suite
from harness.suite.select import DomainSummary, SuiteSummary, describe, select

__all__ = ["DomainSummary", "Finding", "SuiteSummary", "describe", "lint_suite", "load_suite", "select"]
