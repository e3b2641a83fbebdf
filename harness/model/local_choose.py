"""Which token each row of a batch writes next, and how sure the model was of it.

It stands in ``generate`` as the only processor of logits: it picks the token itself and leaves no other possible. So
one batch may mix limits, stop texts and sampling, and no step's logits are kept.
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.core import Cause, ModelError, nearest, seeded

_NEVER: Callable[[], bool] = lambda: False  # noqa: E731 - a default value


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How tokens are chosen. Greedy unless a temperature above 0 is given."""

    temperature: float = 0.0
    top_p: float = 1.0
    top_k: int | None = None
    max_tokens: int | None = None
    stop: tuple[str, ...] = ()
    seed: int | None = None


@dataclass(slots=True, kw_only=True)
class Row:
    """One request in a batch, and what has been written for it so far."""

    prompt: list[int]
    limit: int  # tokens that it may write
    sampling: Sampling
    identity: str = ""
    """The request's digest; random numbers come from it alone, so that they do not depend on the batch."""
    dropped: Callable[[], bool] = _NEVER  # true once nobody waits for the answer any more
    tokens: list[int] = field(default_factory=list)
    """What was written, the end token included where the model wrote one."""
    logprobs: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    finish_reason: str = ""
    text: str = ""
    first_token_s: float | None = None


def sampling_of(settings: Mapping[str, Any]) -> Sampling:
    """The settings of a request; one that is unknown or out of its range is a `ModelError` of cause ``request``."""
    known = Sampling.__dataclass_fields__
    given = {name: value for name, value in settings.items() if value is not None}
    for name in given:
        if name not in known:
            raise ModelError(Cause.REQUEST, f"sampling: a local model does not know {name!r}; {nearest(name, known)}")
    stop = given.get("stop", ())
    given["stop"] = (stop,) if isinstance(stop, str) else tuple(stop)
    ranges: dict[str, tuple[type | tuple[type, ...], Callable[[Any], bool], str]] = {
        "temperature": ((int, float), lambda v: v >= 0, "a number from 0"),
        "top_p": ((int, float), lambda v: 0 < v <= 1, "a number above 0, up to 1"),
        "top_k": (int, lambda v: v >= 1, "a whole number from 1"),
        "max_tokens": (int, lambda v: v >= 1, "a whole number from 1"),
        "stop": (tuple, lambda v: all(isinstance(s, str) and s for s in v), "texts that are not empty"),
        "seed": (int, lambda _: True, "a whole number"),
    }
    for name, value in given.items():
        kind, holds, needed = ranges[name]
        if isinstance(value, bool) or not isinstance(value, kind) or not holds(value):
            raise ModelError(Cause.REQUEST, f"sampling: {name} is {value!r}, needed {needed}")
    return Sampling(**given)


class Chooser:
    """Picks the next token of every row.

    Log-probabilities and margins are the model's own, before temperature and top-p, in double precision: a model that
    is sure of its answer differs from a surer one only in digits that single precision has not.
    """

    def __init__(self, rows: list[Row], ends: frozenset[int], decode: Callable[[list[int]], str]) -> None:
        self._rows, self._ends, self._decode = rows, ends, decode
        self._end = min(ends)
        self._started = time.perf_counter()
        self._chance = [seeded("sample", row.identity) for row in rows]

    def __call__(self, _input_ids: Any, logits: Any) -> Any:
        """Scores (rows x vocabulary) in which only the chosen tokens are possible; written down in the rows."""
        import torch

        likely = torch.log_softmax(logits.double(), dim=-1)
        best = likely.argmax(dim=-1)
        two = likely.topk(2, dim=-1).values.exp()
        chosen = best.tolist()
        for i, row in enumerate(self._rows):
            if row.finish_reason:
                chosen[i] = self._end
            elif row.sampling.temperature > 0:
                chosen[i] = _sampled(likely[i], row.sampling, self._chance[i].random())
        picks = torch.tensor(chosen, device=logits.device)[:, None]
        sure, gaps = likely.gather(1, picks)[:, 0].tolist(), (two[:, 0] - two[:, 1]).tolist()
        now = time.perf_counter() - self._started
        ended = []
        for i, row in enumerate(self._rows):
            if not row.finish_reason:
                self._write(row, chosen[i], sure[i], gaps[i], now)
            ended.append(bool(row.finish_reason))
        # a row that has ended writes the end token, so that generate stops once all have
        picks = torch.where(torch.tensor(ended, device=logits.device)[:, None], self._end, picks)
        return torch.full_like(logits, float("-inf")).scatter_(1, picks, 0.0)

    def _write(self, row: Row, token: int, logprob: float, margin: float, now: float) -> None:
        row.first_token_s = now if row.first_token_s is None else row.first_token_s
        row.tokens.append(token)
        row.logprobs.append(logprob)
        row.margins.append(margin)
        if token in self._ends or (row.sampling.stop and self._stopped(row)):
            row.finish_reason = "stop"
        elif len(row.tokens) >= row.limit:
            row.finish_reason = "length"
        elif row.dropped():
            row.finish_reason = "dropped"

    def _stopped(self, row: Row) -> bool:
        text = self._decode(row.tokens)
        return any(stop in text for stop in row.sampling.stop)


def finish(row: Row, ends: frozenset[int], decode: Callable[[list[int]], str]) -> None:
    """Sets the row's text: what it wrote, without the end token, up to the first stop text."""
    row.text = decode([token for token in row.tokens if token not in ends])
    cuts = [row.text.index(stop) for stop in row.sampling.stop if stop in row.text]
    row.text = row.text[: min(cuts)] if cuts else row.text


def _sampled(likely: Any, sampling: Sampling, chance: float) -> int:
    """The token at the point ``chance`` of the distribution, its tokens in falling order of probability.

    ``likely`` holds one row's log-probabilities. The distribution is sharpened by the temperature, then cut to the
    ``top_k`` likeliest, then to the fewest that together reach ``top_p`` (Holtzman et al. 2020, section 3.1).
    """
    import torch

    shares, order = torch.softmax(likely / sampling.temperature, dim=-1).sort(descending=True, stable=True)
    if sampling.top_k is not None:
        shares = shares[: sampling.top_k]
    sums = shares.cumsum(dim=-1)
    total = sums[-1].item()
    kept = int(torch.searchsorted(sums, sampling.top_p * total).item()) + 1
    sums = sums[:kept]
    place = int(torch.searchsorted(sums, chance * sums[-1].item(), right=True).item())
    return int(order[min(place, len(sums) - 1)].item())
