"""Who may end a run before all is done. The running half looks at no statistics: it hands over outcomes and is told."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Protocol

from harness.core import Outcome
from harness.experiment import Attempt


class Watch(Protocol):
    """What is asked while one contender is run. The order depends on no outcome; the answers may."""

    @property
    def contender(self) -> str:
        """The only one that is run, with the dev attempts that it waits for."""
        ...

    @property
    def at_once(self) -> int:
        """No more of the contender's attempts than this are in flight."""
        ...

    def order(self, attempts: Sequence[Attempt]) -> list[Attempt]:
        """Which of the contender's attempts are to be made, in their order."""
        ...

    def start(self, recorded: Iterable[Outcome], others: Iterable[Outcome] = ()) -> str | None:
        """Begins anew from the outcomes of earlier calls; why nothing more is to be made, where that is so.

        Args:
            recorded: those of attempts that are planned.
            others: those that an earlier form of the experiment made.

        Raises:
            UsageError: they were made under another rule, or under none.
        """
        ...

    def settled(self, outcome: Outcome) -> str | None:
        """Told of every finished attempt; why no further one should begin, where that is so."""
        ...

    def record(self) -> Mapping[str, Any]:
        """The rule and what it came to, as the manifest keeps it; ``contender`` and ``contender_digest`` among it."""
        ...
