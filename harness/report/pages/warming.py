"""What is computed before anybody looks."""

import gc
from collections.abc import Sequence
from contextlib import suppress
from itertools import product
from pathlib import Path

from harness.core import OwnbenchError
from harness.report.chart_style import DAY, NIGHT
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.pages.escalation import usual_sweep
from harness.report.pages.loading import (
    advice_for,
    default_pair,
    domains_for,
    evidence_of,
    pairing_for,
    scoreboard_for,
    splits_of,
)
from harness.report.pages.parts import made
from harness.report.pages.task_state import places_of


def warm(reports: Sequence[Path]) -> None:
    """The figures of the first report's first page, then those that its other pages begin with.

    What is broken is told where it is shown.
    """
    with suppress(OwnbenchError):
        plain = evidence_of(reports[0])
        splits = splits_of(plain)
        first = evidence_of(reports[0], splits[0] if splits else None)
        view = scoreboard_for(first)
        for make, theme in product((pass_rate_figure, cost_figure), (DAY, NIGHT)):
            made(make, view, theme)
        advice_for(first)
        places_of(plain)
        a, b = default_pair(view)
        pairing_for(first, a, b, "mean", "excluded")
        domains_for(first, a, b)
        usual_sweep(first)
    # Streamlit collects garbage after every drawing, which takes longer than the drawing where a report is large: what
    # is kept to the end need not be looked at again.
    gc.collect()
    gc.freeze()
