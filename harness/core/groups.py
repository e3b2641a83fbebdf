"""What belongs together because a third thing ties them."""

from collections.abc import Hashable
from typing import Generic, TypeVar

T = TypeVar("T", bound=Hashable)


class Groups(Generic[T]):
    """Items that are joined pair by pair; a group is known by one of its items, that of the pair's first."""

    def __init__(self) -> None:
        self._above: dict[T, T] = {}

    def __bool__(self) -> bool:
        return bool(self._above)

    def of(self, item: T) -> T:
        """The item by which the group of ``item`` is known: itself, where nothing was joined to it."""
        top = item
        while (above := self._above.get(top, top)) != top:
            top = above
        while item != top:  # the next look is short
            self._above[item], item = top, self._above[item]
        return top

    def join(self, one: T, other: T) -> None:
        """Makes one group of both items' groups."""
        first, second = self.of(one), self.of(other)
        if first != second:
            self._above[second] = first
