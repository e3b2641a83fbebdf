"""Which backends there are, and what they say of a model before it is opened: its identity, and the key it lacks."""

from collections.abc import Mapping
from dataclasses import replace

from harness.core import ModelSpec, Registry, UsageError, as_json, digest_json
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


def identified(spec: ModelSpec) -> ModelSpec:
    """The spec with its digest: backend, model, revision, weights, template and sampling; not where it is served.

    Raises:
        UserFileError: a local model's folder lacks what a model needs.
    """
    backend = backend_of(spec)
    weights, template = backend.content(spec)
    named = spec.model if backend.named else ""
    changing = {key: value for key, value in spec.options.items() if key in backend.changing}
    digest = digest_json(
        [spec.backend, named, spec.revision, weights, template, as_json(spec.sampling), as_json(changing)]
    )
    return replace(spec, digest=digest, template_digest=template)


def missing_key(spec: ModelSpec, environment: Mapping[str, str]) -> str | None:
    """A sentence that names the environment variable whose key this model lacks or cannot send, else ``None``."""
    backend, name = backend_of(spec), spec.api_key_env
    usual = (name,) if name else backend.usual_keys(spec)
    if usual and not any(environment.get(variable, "").strip() for variable in usual):
        return f"model {spec.name}: the environment variable {usual[0]} is not set; set it to the key"
    for variable in [name] if name else backend.read_keys(spec, environment):
        key = environment[variable].strip() if name else environment[variable]  # another's code sends it as it is
        if not (key.isascii() and key.isprintable()):
            what = "a line break" if "\n" in key or "\r" in key else "a character that no key has"
            return f"model {spec.name}: the environment variable {variable} holds {what}; set it to the key alone"
    return None
