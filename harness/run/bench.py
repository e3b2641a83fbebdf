"""The judges of a run: each calls its model within limits of its own, and has dollars of its own."""

import asyncio
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import fields

from harness.core import Cause, Cost, ModelError, Redactor, Role
from harness.cost import BusyTime
from harness.experiment import Assembled
from harness.model import Caller, Endpoints, Limits, Model
from harness.store import read_calls_journal

CONTENDERS = "contenders"  # who share the run's own limits at an endpoint


class Bench:
    """By a judge's name: who calls for it, and what it has spent."""

    def __init__(
        self,
        assembled: Assembled,
        models: Mapping[str, Model],
        endpoints: Endpoints,
        redact: Redactor,
        busy: Mapping[str, BusyTime | None],
    ) -> None:
        judges = {name: assembled.experiment.judges[name] for name in assembled.judges}
        seed, known = assembled.experiment.seed, {field.name for field in fields(Limits)}
        self.callers: dict[str, Caller] = {}
        for name, judge in judges.items():
            if (model := models.get(judge.model)) is not None:
                own = Limits(**{key: value for key, value in judge if key in known})
                party = endpoints.of(model.spec).party(f"judge {name}", own, beside=CONTENDERS)
                self.callers[name] = Caller(
                    model, own, endpoints.clock, seed, redact=redact, busy=busy[judge.model], party=party
                )
        self._places = {name: asyncio.Semaphore(judge.concurrency) for name, judge in judges.items()}
        self._budgets = {name: judge.budget_usd for name, judge in judges.items() if judge.budget_usd is not None}
        verifying = any(by.judges for by in assembled.verifiers.values())
        roles = {Role.JUDGE, Role.SELECTOR} if verifying else {Role.JUDGE}
        spent = defaultdict[str, float](float)  # by model: the journal knows no judge by name
        for call in read_calls_journal(assembled.report) if self._budgets else ():
            if call.role in roles and not call.cache_hit:
                spent[call.model] += call.cost.usd or 0.0
        self._spent = {name: spent[judge.model] for name, judge in judges.items()}
        self.elsewhere: Mapping[str, float] = {}  # by judge: what other workers of the run have spent

    @property
    def spent(self) -> dict[str, float]:
        """By judge, dollars of this process and of runs before."""
        return dict(self._spent)

    def begin_from(self, spent: Mapping[str, float]) -> None:
        """What was spent before: the journal may hold what other workers spend meanwhile."""
        self._spent |= spent

    def place(self, name: str) -> asyncio.Semaphore:
        """One of the places for a judge's calls."""
        return self._places[name]

    def spend(self, name: str, cost: Cost) -> None:
        """Adds what a call cost that was made."""
        self._spent[name] += cost.usd or 0.0

    def spent_up(self, name: str) -> str | None:
        """Why a judge is asked no more; what is in flight then is still paid."""
        limit = self._budgets.get(name)
        spent = self._spent[name] + self.elsewhere.get(name, 0.0)
        if limit is None or spent < limit:
            return None
        return f"${spent:.4f} of ${limit:g} are spent (judges.{name}.budget_usd)"


def not_yet(cause: Cause, text: str) -> ModelError:
    """The error of a call that is to be made in a later run."""
    error = ModelError(cause, text)
    error.not_yet = True
    return error
