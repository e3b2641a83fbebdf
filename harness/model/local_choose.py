"""Which token each row of a batch writes next, and how sure the model was of it."""

import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.core import Cause, ModelError, nearest, seeded
from harness.model.entry import needed_of

SAMPLING: dict[str, Any] = {"temperature": 0.0, "top_p": 1.0, "stop": ()}
SAMPLING |= dict.fromkeys(("top_k", "max_tokens", "seed"))
"""How tokens are chosen, and what holds where nothing is said: greedily."""
_COLDEST = 1e-300  # below, a processor may take a number for 0


@dataclass(slots=True, kw_only=True)
class Row:
    """One request in a batch, and what has been written for it so far."""

    prompt: list[int] = field(default_factory=list)
    limit: int = 0  # tokens that it may write
    sampling: Mapping[str, Any] = field(default_factory=lambda: SAMPLING)
    identity: str = ""
    """The request's digest; random numbers come from it alone, so that they do not depend on the batch."""
    letters: Mapping[str, Sequence[int]] = field(default_factory=dict)  # the tokens of each answer that is asked about
    sure_of: dict[str, float] = field(default_factory=dict)  # of each the probability that it is the first token
    dropped: Callable[[], bool] = field(default=lambda: False)  # true once nobody waits for the answer any more
    tokens: list[int] = field(default_factory=list)  # the end token included where the model wrote one
    logprobs: list[float] = field(default_factory=list)
    margins: list[float] = field(default_factory=list)
    finish_reason: str = ""
    text: str = ""
    raw: str = ""  # the text with its special tokens, the end token among them
    chance: random.Random | None = None  # set with the first token that is sampled
    began: float = 0.0  # on the clock of `time.perf_counter`, as it joined its batch
    ended: float = 0.0  # as its last token was written
    seconds: float = 0.0  # of the machine: its share of every step that it was part of
    first_token_s: float | None = None


def sampling_of(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of a request; one that is unknown or out of its range is a `ModelError` of cause ``request``."""
    given = {name: value for name, value in settings.items() if value is not None}
    for name, value in given.items():
        if name not in SAMPLING:
            problem = f"sampling: a local model does not know {name!r}; {nearest(name, SAMPLING)}"
            raise ModelError(Cause.REQUEST, problem)
        needed = needed_of("max_tokens" if name == "top_k" else name, value)
        if name == "stop" and not needed and "" in ([value] if isinstance(value, str) else value):
            needed = "texts that are not empty"
        if needed:
            raise ModelError(Cause.REQUEST, f"sampling: {name} is {value!r}, needed {needed}")
    if isinstance(stop := given.get("stop"), str):
        given["stop"] = (stop,)
    return SAMPLING | given


def choose(rows: Sequence[Row], logits: Any, ends: frozenset[int], decode: Callable[[list[int]], str]) -> None:
    """Writes into every row its next token; ``logits`` are rows x vocabulary.

    Log-probabilities and margins are the model's own, before temperature and top-p, in double precision: a model that
    is sure of its answer differs from a surer one only in digits that single precision has not.
    """
    import torch

    exact = logits.double()
    whole, two = exact.logsumexp(dim=-1), exact.topk(2, dim=-1).values
    sure = two - whole[:, None]
    told = torch.cat([sure, sure.exp(), exact.argmax(dim=-1, keepdim=True)], dim=1).tolist()
    now = time.perf_counter()
    for i, (row, (most, _, first, second, best)) in enumerate(zip(rows, told, strict=True)):
        token, logprob = int(best), most
        if row.sampling["temperature"] > 0:
            if row.chance is None:
                row.chance = seeded("sample", row.identity)
            token = _sampled(exact[i] - whole[i], row.sampling, row.chance.random())
            logprob = float(exact[i, token] - whole[i])
        if row.first_token_s is None:
            row.first_token_s = now - row.began
            shares = {letter: (exact[i, [*tokens]] - whole[i]).exp().sum() for letter, tokens in row.letters.items()}
            row.sure_of = {letter: float(share) for letter, share in shares.items()}
        row.tokens.append(token)
        row.logprobs.append(logprob)
        row.margins.append(first - second)
        row.finish_reason = _why_it_ends(row, ends, decode)
        row.ended = now


def _why_it_ends(row: Row, ends: frozenset[int], decode: Callable[[list[int]], str]) -> str:
    text = decode(row.tokens) if row.sampling["stop"] else ""
    if row.tokens[-1] in ends or any(stop in text for stop in row.sampling["stop"]):
        return "stop"
    return "length" if len(row.tokens) >= row.limit else "dropped" if row.dropped() else ""


def finish(row: Row, ends: frozenset[int], decode: Callable[..., str]) -> None:
    """Sets the row's texts: what it wrote up to the first stop text; ``text`` is without end and special tokens."""
    row.text = _cut(decode([token for token in row.tokens if token not in ends]), row.sampling["stop"])
    row.raw = _cut(decode(row.tokens, special=True), row.sampling["stop"])


def _cut(text: str, stops: Sequence[str]) -> str:
    return text[: min((text.index(stop) for stop in stops if stop in text), default=None)]


def _sampled(likely: Any, sampling: Mapping[str, Any], chance: float) -> int:
    """The token at the point ``chance`` of the distribution, its tokens in falling order of probability.

    ``likely`` holds one row's log-probabilities. The distribution is sharpened by the temperature, then cut to the
    ``top_k`` likeliest, then to the fewest that together reach ``top_p`` (Holtzman et al. 2020, section 3.1).
    """
    import torch

    heat = max(sampling["temperature"], _COLDEST)
    sharp = (likely - likely.max()) / heat  # the likeliest is at 0, however cold it is
    shares, order = torch.softmax(sharp, dim=-1).sort(descending=True, stable=True)
    sums = shares[: sampling["top_k"]].cumsum(dim=-1)
    kept = int(torch.searchsorted(sums, sampling["top_p"] * sums[-1].item()).item()) + 1
    sums = sums[:kept]
    place = int(torch.searchsorted(sums, chance * sums[-1].item(), right=True).item())
    return int(order[min(place, len(sums) - 1)].item())
