"""Which kind of option holds the cheapest one at the required quality, and in how many draws of the bills."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from harness.verdict.advice_reasons import Findings
from harness.verdict.arrays import Floats
from harness.verdict.economics import Assumptions, Bill
from harness.verdict.options import Candidate, Quality


class Ranked(NamedTuple):
    """What is ranked, in one order."""

    candidates: Sequence[Candidate]
    bills: Sequence[Bill]
    usd: Floats  # monthly dollars, a column an option: as they are, then a row a draw


def rank_options(options: Ranked, quality: Quality, margin: float, assumptions: Assumptions) -> Findings:
    """Every option's monthly bill, at the given amounts and drawn, and how often each is the cheapest good one.

    Each kind stands for itself by its cheapest option at the given amounts, so that more options of a kind are no more
    tries.
    """
    candidates, bills, usd = options
    shown, possible = quality.shown(margin), quality.possible(margin)
    whole = np.array([not bill.lacking for bill in bills])
    sorts = list(dict.fromkeys(c.kind for c in candidates))
    of = np.array([[c.kind == kind for c in candidates] for kind in sorts])

    def cheapest(able: Any) -> list[int | None]:
        """Of each kind the cheapest option of those that are able; of equally cheap ones the one that passes more."""
        order = np.lexsort((-quality.rates, np.array([float(f"{one:.9g}") for one in usd[0]])))
        return [next((int(i) for i in order if able[i] and here[i]), None) for here in of]

    def drawn(places: list[int | None]) -> Any:
        """The bills of these options, a column a kind; infinite where there is none."""
        return np.stack([np.full(len(usd) - 1, np.inf) if i is None else usd[1:, i] for i in places], axis=1)

    firsts, good = cheapest(possible), cheapest(shown & whole)
    least, proven, known = drawn(firsts), drawn(good), drawn(cheapest(possible & whole))
    bar = least.min(axis=1, keepdims=True)
    first = np.isfinite(least) & (least <= bar + 1e-12 * np.abs(bar))
    chance = first / np.maximum(first.sum(axis=1, keepdims=True), 1)  # ties share
    others = np.stack([np.delete(least, k, axis=1).min(axis=1, initial=np.inf) for k in range(len(sorts))], axis=1)
    mine = np.isfinite(least)
    sure = mine & ((known <= others) | ~np.isfinite(others))
    settled = mine & ((proven <= others) | ~np.isfinite(others))
    p = np.zeros(len(bills))
    for k, here in enumerate(of):
        asked = np.where(here & possible, usd[1:], np.inf)
        low = asked.min(axis=1, keepdims=True)
        top = np.isfinite(asked) & (asked <= low + 1e-12 * np.abs(low))
        p += (chance[:, [k]] * top / np.maximum(top.sum(axis=1, keepdims=True), 1)).mean(axis=0)
    means = [dict(zip(sorts, each.mean(axis=0).tolist(), strict=True)) for each in (chance, sure, settled)]
    cheap = {kind: i for kind, i in zip(sorts, firsts, strict=True) if i is not None}
    leads = cheap | {kind: i for kind, i in zip(sorts, good, strict=True) if i is not None}
    return Findings(
        bills=tuple(bills),
        usd=usd,
        quality=quality,
        probabilities=p,
        kinds=means[0],
        sure_kinds=means[1],
        settled=means[2],
        firsts=cheap,
        leads=leads,
        assumptions=assumptions,
        margin=margin,
    )
