"""Judges answers: texts, numbers, labels and JSON, each grader pure and safe on hostile answers.

A grader is built by name from a suite's specification; what it cannot use is refused before anything is spent.
"""

from harness.grade.plain import normalised
from harness.grade.program import Program, programs_of, put_work
from harness.grade.rule import GRADERS, SlowReferenceError, SuiteGrader, grade, grader, ungraded
