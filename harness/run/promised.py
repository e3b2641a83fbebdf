"""Whether a model sends the log-probabilities that signals are made of: its first answers show it."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import partial
from types import MappingProxyType

from harness.core import Reply, Request, listed
from harness.experiment import Assembled
from harness.model import LOGPROBS, Caller
from harness.store import read_calls_journal

_NONE: Mapping[str, Caller] = MappingProxyType({})
FIRST = 3  # answers without any, with none before them: one odd answer takes no run with it


class Promised:
    """What contenders need of models, and which models have sent it."""

    def __init__(
        self, assembled: Assembled, began: datetime | None = None, callers: Mapping[str, Caller] = _NONE
    ) -> None:
        """``began``: when the run did; ``callers`` are told by it whether their model has answered since."""
        self.began = began or datetime.now(UTC)
        for model, caller in callers.items():
            caller.answered = partial(self.has_answered, model)
        self._report, self._needed = assembled.report, dict[str, list[str]]()
        self._sent: set[str] = set()
        self._without = Counter[str]()  # answers by model
        self.lacking: dict[str, str] = {}  # models that send none, and the sentence
        for name, by_suite in assembled.systems.items():
            own = (need for system in by_suite.values() for need in system.needs if need.capability == LOGPROBS)
            for model in dict.fromkeys(need.model for need in own):
                self._needed.setdefault(model, []).append(name)

    def needs(self, model: str) -> bool:
        """Whether a signal is made of a model's log-probabilities."""
        return model in self._needed

    def has_answered(self, model: str) -> bool:
        """Whether a model has answered in this call of the run, whichever worker asked."""
        calls = (call for call in read_calls_journal(self._report) if call.model == model and call.error is None)
        return any(call.started_at is not None and call.started_at >= self.began for call in calls)

    def broken(self, model: str, request: Request, reply: Reply, *, first: int = FIRST) -> str | None:
        """Why nothing more should be asked of a model, where so many of its answers had none and none had any."""
        if not request.logprobs or model in self._sent or model not in self._needed:
            return None
        if reply.signals:
            self._sent.add(model)
        if reply.signals or not reply.text.strip() or reply.finish_reason == "tool_calls":
            return None
        self._without[model] += 1
        if self._without[model] < first:
            return None
        earlier = (call for call in read_calls_journal(self._report) if call.model == model)
        if any(call.signals for call in earlier):
            self._sent.add(model)
            return None
        names = self._needed[model]
        fields = f"contenders.{names[0]}.escalate.signal" + (" and others" if len(names) > 1 else "")
        whose = f"which the signal of {listed(names, 5)} is made of"
        return f"its server sends no log-probabilities, {whose}; name another signal or worker ({fields})"
