"""Training: data that is read, drawn from suites and reports, and held apart from what judges; and what learns of it.

dev chooses, test judges, train teaches.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.train.examples import Example, Preference, read_examples, read_preferences, suite_examples
else:
    __getattr__, __dir__ = lazy_door(__name__)
