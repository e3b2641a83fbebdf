"""Opens what attempts call, with nothing sent and nothing loaded."""

import asyncio
from collections import ChainMap
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.core import Clock, ModelSpec, Redactor, UsageError
from harness.experiment import Assembled, shared_identities
from harness.model import Caller, Limits, Model, backend_of, machines, missing_key, open_model
from harness.run.session import Shop, meter_of
from harness.run.stopping import Patience
from harness.store import Journal, Recalled, recorded_replies


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


def open_shop(
    assembled: Assembled,
    journal: Journal,
    recorded: Recalled,
    models: Mapping[str, Model],
    *,
    clock: Clock,
    redact: Redactor,
    started: float,
) -> Shop:
    """What the attempts of a run share, with the answers and the spending that are on record."""
    experiment = assembled.experiment
    limits = Limits(**experiment.limits.model_dump())
    patience = Patience(clock)
    busy = machines({name: model.spec for name, model in models.items()})
    return Shop(
        specs=assembled.specs,
        grader_of=assembled.grader_of,
        verifiers=assembled.verifiers,
        attempt_usd=experiment.budget.attempt_usd,
        callers={
            name: Caller(model, limits, patience, experiment.seed, redact=redact, busy=busy[name])
            for name, model in models.items()
        },
        journal=journal,
        replies=ChainMap({}, recorded.replies),  # type: ignore[arg-type]
        shared=shared_identities(assembled.systems),
        meter=meter_of(assembled, started),
        redact=redact,
        clock=patience,
        holds_earlier=bool(recorded.renamed) or any(o.prompt_digest is None for o in recorded.attempts.values()),
    )


def fast_loop() -> asyncio.AbstractEventLoop:
    """The event loop of uvloop where it is installed: thousands of calls a second cost half the time on it."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
    return loop
