"""Answers from a recorded report: no model, no key, no network, and the same answers.

An answer is found by its request's digest, which holds the digest of the model that was recorded; ``options:
{replay_of: DIGEST}`` gives another. Sampling, tools, scope and trial have to be as recorded; a miss is an error.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from harness.core import Cause, ModelError, ModelSpec, Reply, Request, UsageError
from harness.model.backend import Backend, Lookup, Opening
from harness.model.entry import ModelEntry
from harness.userfile import Text


class ReplayEntry(ModelEntry):
    """A model of the backend ``replay``."""

    report: Text  # the report whose recorded answers are given again


class ReplayBackend(Backend):
    """What the recorded model could, and what it was, stand in the spec's options."""

    name = "replay"
    entry = ReplayEntry
    recorded = True
    named = False

    def open(self, spec: ModelSpec, given: Opening) -> "ReplayModel":
        """A model that looks its answers up."""
        return ReplayModel(spec, given.lookup)

    def capabilities(self, spec: ModelSpec) -> frozenset[str]:
        """Those on record."""
        return frozenset(spec.options.get("capabilities", ()))


BACKEND = ReplayBackend()


class ReplayModel:
    """A model whose answers were recorded."""

    def __init__(self, spec: ModelSpec, lookup: Lookup | None = None) -> None:
        if lookup is None:
            raise UsageError(f"model {spec.name!r}: there is no recorded report to replay; name one")
        self.spec = spec
        self._lookup = lookup
        self._replay_of = str(spec.options.get("replay_of") or "")

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Nothing is needed: adapters' answers were recorded too."""

    async def answer(self, request: Request) -> Reply:
        """The recorded reply, its usage and latency as recorded. Raises ModelError: ``replay``, it is not on record."""
        asked = replace(request, model=self._replay_of) if self._replay_of else request
        digest = asked.digest
        reply = self._lookup(digest) or self._lookup(asked.earlier_digest)
        if reply is None:
            raise ModelError(
                Cause.REPLAY,
                f"no recorded answer to request {digest[:12]} of model {self.spec.name!r}: its prompt, sampling, tools,"
                " adapter, contender or trial differ from what was recorded; restore them, or run the model itself",
            )
        return reply

    async def close(self) -> None:
        """Nothing is held."""
