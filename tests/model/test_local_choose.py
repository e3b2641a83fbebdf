"""Sampling by enumeration: over a fine grid of chances, tokens come out by the shares that arithmetic gives."""

from collections import Counter

import pytest

from harness.model.local_choose import SAMPLING, _sampled

pytestmark = pytest.mark.local


@pytest.mark.parametrize(
    ("sampling", "shares"),
    [
        ({"temperature": 1.0}, {2: 0.5, 0: 0.3, 3: 0.15, 1: 0.05}),
        ({"temperature": 1.0, "top_p": 0.7}, {2: 0.625, 0: 0.375}),
        ({"temperature": 1.0, "top_k": 1}, {2: 1.0}),
        ({"temperature": 1e-300}, {2: 1.0}),
        ({"temperature": 5e-324}, {2: 1.0}),
        ({"temperature": 1e308}, {0: 0.25, 1: 0.25, 2: 0.25, 3: 0.25}),
        ({"temperature": 0.5}, {2: 0.25 / 0.365, 0: 0.09 / 0.365, 3: 0.0225 / 0.365, 1: 0.0025 / 0.365}),
    ],
)
def test_tokens_come_out_by_their_shares(sampling: dict[str, float], shares: dict[int, float]) -> None:
    import torch

    likely = torch.tensor([0.3, 0.05, 0.5, 0.15], dtype=torch.float64).log()
    counts = Counter(_sampled(likely, SAMPLING | sampling, (i + 0.5) / 2000) for i in range(2000))
    assert {token: n / 2000 for token, n in counts.items()} == pytest.approx(shares, abs=1e-3)
