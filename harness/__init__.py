"""ownbench: own a tuned model, rent a frontier model with good skills, or mix the two - and how sure are we?

The names below are loaded when they are first used: ``import harness`` itself loads nothing heavy. ``harness.run`` and
``harness.stats`` are rooms; the first can also be called, ``harness.run("reports/demo")``.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness import run, stats
    from harness.adapter import load_adapter
    from harness.core import (
        Comparison,
        Estimate,
        EvidenceError,
        OwnbenchError,
        Suite,
        Task,
        UsageError,
        UserFileError,
    )
    from harness.experiment import load_experiment
    from harness.notebook import Report, open_report
    from harness.skill import lint_library, load_library
    from harness.store import import_table, parse_mapping
    from harness.suite import lint_suite, load_suite
    from harness.verdict import gate

__version__ = "0.1.0"

__all__ = [
    "Comparison",
    "Estimate",
    "EvidenceError",
    "OwnbenchError",
    "Report",
    "Suite",
    "Task",
    "UsageError",
    "UserFileError",
    "__version__",
    "gate",
    "import_table",
    "lint_library",
    "lint_suite",
    "load_adapter",
    "load_experiment",
    "load_library",
    "load_suite",
    "open_report",
    "parse_mapping",
    "run",
    "stats",
]

_HOMES = {
    "core": (
        "Comparison Estimate EvidenceError OwnbenchError Suite Task UsageError UserFileError"  # records and errors
    ),
    "notebook": "Report open_report",
    "adapter": "load_adapter",
    "skill": "lint_library load_library",
    "experiment": "load_experiment",
    "store": "import_table parse_mapping",
    "suite": "lint_suite load_suite",
    "verdict": "gate",
}
_HOME_OF = {name: room for room, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> Any:
    if name in {"run", "stats"}:
        return importlib.import_module(f"harness.{name}")
    if name in _HOME_OF:
        return getattr(importlib.import_module(f"harness.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'harness' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
