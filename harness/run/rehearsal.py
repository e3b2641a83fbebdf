"""A part of a contender played again from the journal, to choose a threshold."""

from collections.abc import Awaitable, Callable

from harness.core import Action, Answer, Cause, Grade, ModelError, Reply, Request, Result, Role
from harness.run.acting import Asking
from harness.run.session import AttemptSession


class Rehearsal(AttemptSession):
    """A session in which nothing is recorded or sent: it replays what the journal holds, to choose a threshold."""

    async def call(self, model: str, request: Request, role: Role) -> Reply:  # noqa: ARG002
        """The recorded answer; a `ModelError` where there is none."""
        request = self.whole(model, request)
        reply = self._shop.recorded(request, request.digest)
        if reply is None:
            raise ModelError(Cause.REPLAY, f"the model {model} has no recorded answer to this request")
        Asking(request.digest, request.scope).begin()
        return reply

    async def act(self, action: Action, perform: Callable[[], Awaitable[Result]]) -> Result:
        """What the model was told. Raises ModelError: that is not on record."""
        if action.wrong:
            return await perform()
        told = self._shop.told.get(Asking.now().next_action(action))
        if told is None:
            raise ModelError(Cause.REPLAY, f"what came of {action.tool} is not on record")
        return Result(text=told)

    async def grade(self, answer: Answer, verifier: str | None = None) -> Grade:
        """As of every session; the work is that of the attempt of the part which gave the answer."""
        assembled = self._shop.assembled
        for attempt in assembled.attempts if assembled.graders[self.task.digest].needs_box else ():
            if (attempt.contender, attempt.task.digest, attempt.trial) == (answer.served_by, self.task.digest, 0):
                self.trace.attempt = attempt.id
        return await super().grade(answer, verifier)
