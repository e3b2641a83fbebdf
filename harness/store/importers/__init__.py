"""Results of other programs as reports, one file a format; ``ownbench import FORMAT`` finds them here by name."""

from harness.core import Registry, UsageError
from harness.store.importers.descriptor import Importer, ImportSummary, Option

LATER = (
    *("lm-eval", "inspect", "harbor", "benchflow", "promptfoo", "openai-evals"),
    *("terminal-bench", "tau-bench", "alpaca-eval", "helm", "openai-grader"),
)  # formats that are named in the documents and not built yet

IMPORTERS: Registry[Importer] = Registry(
    "format", __name__, lambda value: isinstance(value, Importer), group="ownbench.importers"
)


def importer(name: str) -> Importer:
    """The importer of a format. Raises UsageError: there is none; names the nearest."""
    if name in LATER and name not in IMPORTERS:
        raise UsageError(f"the format {name} is not available in this version; use {', '.join(IMPORTERS)}")
    refusal = IMPORTERS.refusal(name)
    if refusal is not None:
        raise UsageError(refusal)
    return IMPORTERS[name]
