"""The answer cache as a run uses it: which calls it may answer, what it keeps, and what was saved."""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING

from harness.core import Call, Cost, Reply, Role, plural
from harness.cost import AttemptMeter
from harness.experiment import Assembled, open_cache
from harness.model import backend_of

if TYPE_CHECKING:
    from harness.store import AnswerCache


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheUse:
    """What the answer cache did for one call of a run."""

    asked: int  # calls that it was asked to answer
    given: int  # of these, those that it answered
    saved_usd: float  # what those had cost, where that is known
    unknown: int  # of those given, those of unknown cost


class CachedAnswers:
    """The cache of one call of a run. Its keys are requests, which say all that can change an answer, and addresses.

    Two servers may give one name to two models: the address of a server counts here, as it does not within a report.
    """

    def __init__(self, assembled: Assembled, cache: "AnswerCache") -> None:
        self._cache = cache
        live = {name: spec for name, spec in assembled.specs.items() if not backend_of(spec).recorded}
        self._places = {name: (spec.base_url or "").rstrip("/") for name, spec in live.items()}
        self._asked = self._given = 0
        self._saved = AttemptMeter()
        self._elsewhere: dict[object, tuple[CacheUse, tuple[str, ...]]] = {}  # by worker of the run

    def get(self, model: str, digest: str) -> Reply | None:
        """The reply to a request that is kept."""
        if (key := self._key(model, digest)) is None:
            return None
        reply = self._cache.get(key)
        self._asked += 1
        self._given += reply is not None
        return reply

    def put(self, model: str, digest: str, role: Role, reply: Reply) -> None:
        """Keeps a reply. A probe looks at a server as it is now: it is never kept, and so never given."""
        if role is not Role.PROBE and (key := self._key(model, digest)) is not None:
            self._cache.put(key, reply)

    def forget(self, calls: Iterable[Call]) -> None:
        """Takes out what these were answered."""
        for call in calls:
            if (key := self._key(call.model, call.request_digest)) is not None:
                self._cache.forget(key)

    def save(self, cost: Cost) -> None:
        """Counts what a call would have cost."""
        self._saved.spend(cost)

    def hear(self, worker: object, use: CacheUse, notes: tuple[str, ...]) -> None:
        """What came of it so far in another process of the run."""
        self._elsewhere[worker] = use, notes

    @property
    def use(self) -> CacheUse:
        """What came of it so far."""
        saved = self._saved
        own = CacheUse(asked=self._asked, given=self._given, saved_usd=saved.spent_usd, unknown=saved.unknown)
        every = [own, *(use for use, _ in self._elsewhere.values())]
        return CacheUse(**{part.name: sum(getattr(use, part.name) for use in every) for part in fields(CacheUse)})

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user must know of the cache after the run."""
        told = (note for _, notes in self._elsewhere.values() for note in notes)
        return tuple(dict.fromkeys((*self._own_notes, *told)))

    @property
    def _own_notes(self) -> tuple[str, ...]:
        notes = [] if self._cache.is_there else ["it is not there, and nothing was taken from it"]
        if self._cache.damaged:
            notes.append(f"{plural(self._cache.damaged, 'answer')} in it cannot be read, and the model was asked")
        if self._cache.problem:
            notes.append(f"{self._cache.problem}; it was used no more, and the report has all answers")
        return tuple(f"answer cache {self._cache.path}: {note}" for note in notes)

    def _key(self, model: str, digest: str) -> bytes | None:
        if (place := self._places.get(model)) is None:
            return None
        return hashlib.sha256(f"{place} {digest}".encode()).digest()


@contextmanager
def cached_answers(assembled: Assembled, *, needed: bool = True) -> Iterator[CachedAnswers | None]:
    """The experiment's cache, opened. Raises UserFileError: it cannot be used; nothing was spent."""
    settings = assembled.experiment.cache
    if settings is None or assembled.cache is None or not needed:
        yield None
        return
    with open_cache(assembled.report, assembled.cache, read_only=settings.mode == "read_only") as cache:
        yield CachedAnswers(assembled, cache)
