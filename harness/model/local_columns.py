"""Keys and values of a batch as columns, one a token, with some to spare: what a step adds moves nothing."""

from collections.abc import Sequence
from functools import cache
from typing import Any

_SPARE = 32  # columns that are made at once, so that not every step copies those before it


def empty(layers: int) -> Any:
    """A cache of transformers' that holds nothing yet."""
    from transformers.cache_utils import Cache

    return Cache(layers=[_layer()() for _ in range(layers)])


class Columns:
    """One layer's."""

    keys: Any
    values: Any
    is_initialized: bool
    whole: list[Any]
    first = end = 0  # the columns in use

    def hold(self, *pair: Any, more: int) -> None:
        """Takes copies of keys and values, with room for so many columns more."""
        used = pair[0].shape[2]
        self.make(pair, pair[0].shape[0], used + more)
        for room, one in zip(self.whole, pair, strict=True):
            room[:, :, :used] = one
        self.show(0, used)

    def gather(self, pieces: list[tuple[Any, list[int], int]], wide: int) -> None:
        """Takes of each layer the rows in these places, and their last columns, so many of them."""
        self.make((pieces[0][0].keys, pieces[0][0].values), sum(len(places) for _, places, _ in pieces), wide)
        self.show(0, wide)
        at = 0
        for layer, places, columns in pieces:
            for mine, one in ((self.keys, layer.keys), (self.values, layer.values)):
                mine[at : at + len(places), :, wide - columns :] = one[places, :, -columns:]
            at += len(places)

    def put(self, ended: list[int], layer: Any, places: list[int]) -> None:
        """Takes rows of a layer, which is no wider, into the places of others."""
        for mine, one in ((self.keys, layer.keys), (self.values, layer.values)):
            mine[ended, :, mine.shape[2] - one.shape[2] :] = one[places]

    def make(self, pair: Sequence[Any], rows: int, columns: int) -> None:
        """Room for so many rows, each of so many columns."""
        self.dtype, self.device, self.is_initialized = pair[0].dtype, pair[0].device, True
        self.whole = [one.new_zeros((rows, one.shape[1], columns + _SPARE, one.shape[3])) for one in pair]

    def show(self, first: int, end: int) -> None:
        """Sets which columns are in use."""
        self.first, self.end = first, end
        self.keys, self.values = (one[:, :, first:end] for one in self.whole)

    def update(self, key_states: Any, value_states: Any, *_: Any, **__: Any) -> tuple[Any, Any]:
        """Adds columns and gives all, as attention asks for them."""
        more = key_states.shape[2]
        if not self.is_initialized:
            self.hold(key_states[:, :, :0], value_states[:, :, :0], more=more)
        elif self.end + more > self.whole[0].shape[2]:
            self.hold(self.keys, self.values, more=more)
        end = self.end + more
        for room, new in zip(self.whole, (key_states, value_states), strict=True):
            room[:, :, self.end : end] = new
        self.show(self.first, end)
        return self.keys, self.values


@cache
def _layer() -> type:
    from transformers.cache_utils import DynamicLayer

    return type("ColumnLayer", (Columns, DynamicLayer), {})
