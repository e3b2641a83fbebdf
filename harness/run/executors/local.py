"""``--executor local``: attempts are made in this process."""

from collections.abc import Callable, Mapping, Sequence

from harness.experiment import Assembled, Attempt
from harness.model import Model
from harness.run.choosing import Choices, system_for
from harness.run.crew import Crew
from harness.run.session import Shop
from harness.run.stopping import Watch
from harness.run.trace import Listener, Observer, Progress


class LocalExecutor:
    """Who makes the attempts of one run, where that is this process."""

    notes: tuple[str, ...] = ()

    def __init__(self, assembled: Assembled, watch: Watch | None, observer: Observer | None) -> None:
        self._assembled, self._watch, self._observer = assembled, watch, observer

    def check(self, todo: Sequence[Attempt]) -> None:
        """Nothing is in the way."""

    async def open(self, models: Mapping[str, Model], tell: Callable[[str], None]) -> Mapping[str, Model]:  # noqa: ARG002
        """The models as they are."""
        return models

    def crew(self, shop: Shop, choices: Callable[[], Choices], tally: Progress, listener: Listener) -> Crew:
        """Whoever makes the attempts."""
        return Crew(
            shop, lambda a: system_for(self._assembled, choices(), a), tally, listener, self._watch, self._observer
        )

    async def close(self) -> None:
        """Nothing was begun."""
