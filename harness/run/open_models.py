"""Opens models, with nothing sent and nothing loaded."""

from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core import ModelSpec, Redactor, UsageError
from harness.model import Model, backend_of, missing_key, open_model
from harness.store import recorded_replies


def open_models(
    specs: Mapping[str, ModelSpec],
    names: Iterable[str],
    environment: Mapping[str, str],
    redact: Redactor,
    *,
    offline: bool = False,
) -> dict[str, Model]:
    """The models of these names.

    Raises:
        UsageError: a key or a package is missing.
    """
    opened = {}
    for name in sorted(names):
        spec = specs[name]
        if (missing := missing_key(spec, environment)) is not None:
            raise UsageError(missing)
        lookup = recorded_replies(Path(spec.options["report"])).get if backend_of(spec).recorded else None
        opened[name] = open_model(spec, redact=redact, environment=environment, offline=offline, lookup=lookup)
    return opened
