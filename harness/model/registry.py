"""Which backends there are: the files of ``backends/``, and what installed packages add."""

from collections.abc import Mapping

from harness.core import ModelSpec, Registry, UsageError
from harness.model.backend import Backend, Lookup, Opening
from harness.model.faults import Redact
from harness.model.protocol import Model

BACKENDS: Registry[Backend] = Registry(
    "backend", "harness.model.backends", lambda value: isinstance(value, Backend), group="ownbench.backends"
)


def backend_of(spec: ModelSpec) -> Backend:
    """The backend of a model.

    Raises:
        UsageError: there is none of that name, or it is broken.
    """
    if (why := BACKENDS.refusal(spec.backend)) is not None:
        raise UsageError(f"model {spec.name!r}: {why}")
    return BACKENDS[spec.backend]


def open_model(
    spec: ModelSpec,
    *,
    redact: Redact,
    environment: Mapping[str, str],
    offline: bool = False,
    lookup: Lookup | None = None,
) -> Model:
    """The model that a spec names, behind its backend. Sends nothing and loads no weights; ``prepare`` does.

    Raises:
        UsageError: an unknown backend, a package that is missing, a spec that its backend cannot use, or offline and
            elsewhere.
    """
    backend = backend_of(spec)
    if backend.instead:
        raise UsageError(f"model {spec.name!r}: {backend.instead}")
    if (missing := backend.missing_package(spec)) is not None:
        raise UsageError(missing)
    if offline:
        backend.check_offline(spec)
    return backend.open(spec, Opening(redact=redact, environment=environment, lookup=lookup))
