"""Judges answers: texts, numbers, labels and JSON, each grader pure and safe on hostile answers.

A grader is built by name from a suite's specification; what it cannot use is refused before anything is spent.
"""

from harness.grade.normalise import Normalisation, normalised
from harness.grade.registry import GRADERS, grade, grader, known_graders
from harness.grade.rule import SlowReferenceError
