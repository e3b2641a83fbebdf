"""A batch whose rows come and go: a row that has ended makes room for one that waits.

What was read is kept as keys and values, a column a token; rows are padded on their left. A beginning that several
prompts share is read once and copied to all of them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from harness.model.local_choose import Row, choose, finish
from harness.model.local_columns import empty
from harness.model.local_prefix import Prefix

_ENDED = 2  # rows that have ended and that no other replaced are taken out when they are one in so many


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """Whose answers are written: a model with one adapter, or none."""

    ask: Callable[..., Any]  # the model: takes input_ids, attention_mask and what else it knows; gives logits
    takes: frozenset[str]  # of the arguments that not every model has, those that this one has
    layers: int  # that keep keys and values
    device: str
    ends: frozenset[int]
    decode: Callable[..., str]


class Batch:
    """The rows of one voice that are written together, a token a step."""

    def __init__(self, voice: Voice) -> None:
        self.rows: list[Row] = []  # some may have ended
        self._voice = voice
        self._held: Any = None
        self._mask: Any = None

    @property
    def width(self) -> int:
        """Columns of the widest row."""
        return 0 if self._mask is None else int(self._mask.shape[1])

    @property
    def living(self) -> int:
        """Rows that have not ended."""
        return sum(not row.finish_reason for row in self.rows)

    def join(self, rows: Sequence[Row], prefix: Prefix | None = None) -> None:
        """Reads the prompts of further rows, all of which go on from ``prefix``, and writes the first token of each."""
        import torch

        begun = 0 if prefix is None else len(prefix.tokens)
        rest = [row.prompt[begun:] for row in rows]
        wide = max(map(len, rest))
        ids = torch.tensor([[0] * (wide - len(one)) + one for one in rest], device=self._voice.device)
        seen = [[1] * begun + [0] * (wide - len(one)) + [1] * len(one) for one in rest]
        mask, held = torch.tensor(seen, device=self._voice.device), empty(self._voice.layers)
        with torch.inference_mode():
            if prefix is not None:
                for layer, pair in zip(held.layers, prefix.layers, strict=True):
                    layer.hold(*(one.expand(len(rows), -1, -1, -1) for one in pair), more=wide)
            choose(rows, forward(self._voice, ids, mask, held), self._voice.ends, self._voice.decode)
            if not self._replaced(held, mask, rows):
                self._merge([self._kept(), (held, mask, list(rows), _going(rows))])

    def step(self) -> None:
        """Writes the next token of each row."""
        import torch

        ids = torch.tensor([row.tokens[-1:] for row in self.rows], device=self._voice.device)
        with torch.inference_mode():
            self._mask = torch.nn.functional.pad(self._mask, (0, 1), value=1)
            logits, going = forward(self._voice, ids, self._mask, self._held), _going(self.rows)
            chosen = logits if len(going) == len(self.rows) else logits[going]
            choose([self.rows[i] for i in going], chosen, self._voice.ends, self._voice.decode)
            if (len(self.rows) - len(_going(self.rows))) * _ENDED >= len(self.rows):
                self._merge([self._kept()])

    def finished(self, row: Row) -> Row:
        """The row, its texts set."""
        finish(row, self._voice.ends, self._voice.decode)
        return row

    def _replaced(self, held: Any, mask: Any, rows: Sequence[Row]) -> bool:
        """Whether further rows could be put into the places of rows that have ended, so that no other is moved."""
        import torch

        fresh, ended = _going(rows), [i for i, row in enumerate(self.rows) if row.finish_reason]
        if not len(ended) >= len(fresh) > 0 or mask.shape[1] > self.width:
            return False
        for place, i in zip(ended, fresh, strict=False):
            self.rows[place] = rows[i]
        ended = ended[: len(fresh)]
        self._mask[ended] = torch.nn.functional.pad(mask[fresh], (self.width - mask.shape[1], 0))
        unused = int(self._mask[_going(self.rows)].any(dim=0).int().argmax())
        self._mask = self._mask[:, unused:]
        for layer, new in zip(self._held.layers, held.layers, strict=True):
            layer.put(ended, new, fresh)
            layer.show(layer.first + unused, layer.end)
        return True

    def _kept(self) -> "_Part":
        return self._held, self._mask, self.rows, _going(self.rows)

    def _merge(self, parts: "list[_Part]") -> None:
        """Makes one batch of what is left of each part, without columns that none of its rows uses."""
        import torch

        found = [part for part in parts if part[3]]
        self.rows = [rows[i] for _, _, rows, places in found for i in places]
        if not found:
            self._held = self._mask = None
        elif len(found) == 1 and len(found[0][3]) == len(found[0][2]):
            self._held, self._mask = found[0][:2]
        else:
            masks = [mask[places] for _, mask, _, places in found]
            masks = [mask[:, int(mask.any(dim=0).int().argmax()) :] for mask in masks]
            wide = max(mask.shape[1] for mask in masks)
            self._mask = torch.cat([torch.nn.functional.pad(mask, (wide - mask.shape[1], 0)) for mask in masks])
            self._held = empty(self._voice.layers)
            for number, layer in enumerate(self._held.layers):
                pieces = [(part[0].layers[number], part[3], m.shape[1]) for part, m in zip(found, masks, strict=True)]
                layer.gather(pieces, wide)


_Part = tuple[Any, Any, Sequence[Row], list[int]]  # keys and values, the mask, rows, and the places of those that go on


def _going(rows: Sequence[Row]) -> list[int]:
    return [i for i, row in enumerate(rows) if not row.finish_reason]


def forward(voice: Voice, ids: Any, mask: Any, held: Any) -> Any:
    """Logits after the last of the tokens in ``ids``, which ``mask`` counts with all those held, and then are held."""
    more: dict[str, Any] = {}
    if "position_ids" in voice.takes:
        more["position_ids"] = (mask.cumsum(dim=1) - 1).clamp(min=0)[:, -ids.shape[1] :]
    if "logits_to_keep" in voice.takes:
        more["logits_to_keep"] = 1
    return voice.ask(input_ids=ids, attention_mask=mask, past_key_values=held, use_cache=True, **more).logits[:, -1]


class Whole(Batch):
    """For a model whose keys and values are not plain columns: each batch is written to its end by ``generate``."""

    def __init__(self, voice: Voice, generate: Callable[[list[Row]], None]) -> None:
        super().__init__(voice)
        self._generate = generate

    def join(self, rows: Sequence[Row], prefix: Prefix | None = None) -> None:  # noqa: ARG002 - it has none
        """Writes every row to its end."""
        self._generate(list(rows))
