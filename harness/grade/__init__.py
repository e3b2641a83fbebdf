"""Judges answers: rules for texts, numbers, labels and JSON; judges that are models; and combinations of graders.

A grader is built by name from a suite's specification; what it cannot use is refused before anything is spent.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.grade.combined import Weighted
    from harness.grade.judge import JUDGE_SCOPE, ByJudge, Judge, ReplyForm, check_template
    from harness.grade.plain import normalised
    from harness.grade.program import Program, programs_of, put_work
    from harness.grade.rule import GRADERS, Rule, SlowReferenceError, SuiteGrader, grade, grader, ungraded
else:
    __getattr__, __dir__ = lazy_door(__name__)
