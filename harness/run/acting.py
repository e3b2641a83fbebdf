"""Actions as they are known again: by the call that asked for them and their place in it; and their records."""

from contextvars import ContextVar
from dataclasses import dataclass

from harness.core import Acted, Action, Result, as_json, digest_json
from harness.run.trace import values

Key = tuple[str, int]  # the digest of the call that asked for an action, and which of its actions it is


@dataclass(slots=True)
class Asking:
    """The call that a conversation made last."""

    digest: str
    scope: str  # as of its request
    actions: int = 0  # that it has asked for so far
    wrong: int = 0  # that it has asked for besides, and that nothing could do

    @staticmethod
    def now() -> "Asking":
        """The one of the conversation that runs."""
        return _last.get() or Asking("", "")

    def begin(self) -> None:
        """What is done from now on, this call has asked for."""
        _last.set(self)

    def next_action(self, action: Action) -> Key:
        """How the next action is known."""
        if action.wrong:
            self.wrong += 1
            return self.digest, -self.wrong
        self.actions += 1
        return self.digest, self.actions - 1


_last: ContextVar[Asking | None] = ContextVar("_last", default=None)


def refused(rule: str) -> Result:
    """What comes of an action that the policy forbids."""
    return Result(text=f"Not allowed by the rules of this experiment ({rule}).", allowed=False, rule=rule)


def recorded(attempt: str, action: Action, result: Result, key: Key, *, differs: bool) -> Acted:
    """The record of an action."""
    return Acted(
        attempt_id=attempt,
        **values(action, "turn", "tool"),
        arguments_digest=digest_json(as_json(action.arguments)),
        **values(result, "allowed", "rule", "exit_code", "cause", "seconds", "bytes_in", "bytes_out"),
        differs=differs,
        request_digest=key[0],
        place=key[1],
    )
