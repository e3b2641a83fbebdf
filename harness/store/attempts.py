"""Single attempts kept beside their sums, for what is no sum: latencies, labels, causes, a sweep's thresholds."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np
    import pyarrow as pa

    Array = np.ndarray[tuple[int, ...], np.dtype[Any]]

REALS = ("seconds", "values", "costs", "confidences")
ATTEMPT_FIELDS = ("contenders", "tasks", "trials", *REALS, "escalated", "true", "predicted", "causes")


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempts:
    """The graded attempts of all contenders, one entry each, in the file's order."""

    contenders: "Array"
    """Positions in the table's ``contenders``."""
    tasks: "Array"
    """Positions in the table's ``tasks``."""
    trials: "Array"
    seconds: "Array"
    """NaN where the latency is unknown; the three below likewise."""
    values: "Array"
    """Passed as 0 or 1, else the score."""
    costs: "Array"
    confidences: "Array"
    escalated: "Array"
    """1, 0, or -1 where unknown."""
    labels: tuple[str, ...]
    """Names of labels; the codes below point into it."""
    true: "Array"
    """-1 where the task has no label."""
    predicted: "Array"
    """-1 where the answer held no label."""
    cause_names: tuple[str, ...]
    causes: "Array"
    """Codes of ``cause_names``; -1 where none is recorded."""

    COLUMNS: ClassVar = {
        "latency_s": "seconds",
        "cost_usd": "costs",
        "confidence": "confidences",
        "label_true": "true",
        "label_predicted": "predicted",
        "cause": "causes",
    }
    """Columns of the file that are here, and where."""

    def table(self, columns: "Sequence[str]") -> "pa.Table":
        """``task_index``, ``trial_index`` and some of `COLUMNS`, as the file has them."""
        import pyarrow as pa

        found = {"task_index": pa.array(self.tasks, pa.int64()), "trial_index": pa.array(self.trials, pa.int64())}
        for name in dict.fromkeys(columns):
            values = getattr(self, self.COLUMNS[name])
            if values.dtype.kind == "f":
                found[name] = pa.array(values, from_pandas=True)  # NaN is null
            else:
                words = pa.array(self.cause_names if name == "cause" else self.labels, pa.string())
                found[name] = words.take(pa.array(values, mask=values < 0))
        return pa.table(found)

    def of(self, contender: int) -> "Attempts":
        """Those of one contender."""
        here = (self.contenders == contender).nonzero()[0]
        return replace(self, **{name: getattr(self, name)[here] for name in ATTEMPT_FIELDS})
