"""What must reach no file of a run."""

import os

from harness.core import Redactor
from harness.experiment import Assembled
from harness.model import backend_of


def redactor_of(assembled: Assembled) -> Redactor:
    """What takes every model's secrets out of a text."""
    specs = assembled.specs.values()
    return Redactor(tuple(secret for spec in specs for secret in backend_of(spec).secrets(spec, os.environ)))
