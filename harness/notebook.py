"""The verbs of the command line for notebooks: open a report, look at it, compare its contenders."""

import io
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import Manifest, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from harness.analysis import Scoreboard
    from harness.verdict import SweepGoal


class Report:
    """A report's recorded evidence. Reading it needs no model, no key and no network."""

    def __init__(self, folder: Path | str, *, split: str | None = None) -> None:
        self.folder = Path(folder)
        self.split = split
        if not self.folder.is_dir():
            raise UsageError(f"{self.folder}: there is no such report")

    @cached_property
    def outcomes(self) -> "pd.DataFrame":
        """The outcome table, one row an attempt, all splits. Raises EvidenceError where it is missing or broken."""
        from harness.store import read_outcomes

        frame: pd.DataFrame = read_outcomes(self.folder).to_pandas()
        return frame

    @property
    def manifest(self) -> Manifest | None:
        """What the report was made from."""
        from harness.store import read_manifest

        return read_manifest(self.folder)

    @property
    def contenders(self) -> tuple[str, ...]:
        """Names, in the report's order."""
        from harness.analysis import load_evidence

        return load_evidence(self.folder, self.split)[0].contenders

    @property
    def suites(self) -> tuple[str, ...]:
        """Names of the suites that the outcomes come from."""
        return tuple(dict.fromkeys(self.outcomes["suite"]))

    def scoreboard(self, *, level: float = 0.95) -> "Board":
        """Every contender's pass rate, cost and latency, with intervals."""
        from harness.analysis import scoreboard

        return Board(scoreboard(self.folder, split=self.split, level=level))

    def compare(self, a: str, b: str) -> "Pair":
        """The paired comparison of two contenders; ``delta`` is the pass rate of ``a`` less that of ``b``."""
        from harness.analysis import pair

        return Pair(pair(self.folder, a, b, split=self.split))

    def sweep(self, worker: str, expert: str, goal: "SweepGoal | None" = None) -> "Printed":
        """Every threshold from ``worker`` to ``expert`` replayed, and the honest figure of the chosen one."""
        from harness.verdict import sweep

        return Printed(sweep(self.folder, worker, expert, goal, split=self.split))

    def __repr__(self) -> str:
        return f"Report({str(self.folder)!r})"


class Printed:
    """A view that prints as its tables; ``view`` holds the figures."""

    def __init__(self, view: Any) -> None:
        self.view = view

    def to_json(self) -> Mapping[str, object]:
        """As the command's ``--json``."""
        found: Mapping[str, object] = self.view.as_json()
        return found

    def __str__(self) -> str:
        from harness.report import print_view

        text = io.StringIO()
        print_view(self.view, text)
        return text.getvalue()

    __repr__ = __str__


class Board(Printed):
    """A scoreboard, as ``statistics.json``."""

    view: "Scoreboard"

    def to_pandas(self) -> "pd.DataFrame":
        """One row a contender: each estimate as three columns, its value, ``_low`` and ``_high``."""
        import pandas as pd

        rows = []
        for contender in self.view.as_json()["contenders"]:
            row: dict[str, object] = {}
            for key, value in contender.items():
                if isinstance(value, dict) and "value" in value:
                    row |= {key: value["value"], f"{key}_low": value["low"], f"{key}_high": value["high"]}
                elif not isinstance(value, (dict, list)):
                    row[key] = value
            rows.append(row)
        return pd.DataFrame(rows)


class Pair(Printed):
    """A comparison, one sentence and a table; the figures are its attributes, as in the record."""

    def __getattr__(self, name: str) -> object:
        if name.startswith("_") or name == "view":
            raise AttributeError(name)
        return getattr(self.view.comparison, name)


def open_report(folder: Path | str, *, split: str | None = None) -> Report:
    """The report in ``folder``, to look at. Raises UsageError where there is no such folder."""
    return Report(folder, split=split)
