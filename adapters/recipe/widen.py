"""Models with narrower attention heads get heads of 32 places, which every backend knows.

The new model computes what the old one did. A rotary embedding turns pair ``i`` of a head by ``theta ** (-i / pairs)``.
With ``theta`` to the power of the ratio of widths, the first pairs of a wider head turn as those of the narrower one
did, and the pairs that are new begin with zeros. Queries are scaled, for attention divides by the root of the width.
"""

import math
from pathlib import Path

import torch
from torch import Tensor
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

WIDTH = 32


def widen(source: Path, target: Path) -> None:
    """Writes ``source`` with wider heads.

    Raises:
        ValueError: the new model does not compute what the old one did.
    """
    old = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    settings = old.config.to_dict()
    narrow, ratio = old.config.head_dim, WIDTH / old.config.head_dim
    theta = settings["rope_parameters"]["rope_theta"] ** ratio
    settings |= {"head_dim": WIDTH, "rope_parameters": {"rope_type": "default", "rope_theta": theta}}
    new = LlamaForCausalLM(LlamaConfig(**{key: value for key, value in settings.items() if key != "dtype"})).eval()
    known = dict(old.named_parameters())
    with torch.no_grad():
        for name, parameter in new.named_parameters():
            weight = known[name]
            if "q_proj" in name:
                weight = _wider(weight, narrow) * math.sqrt(ratio)
            elif "k_proj" in name or "v_proj" in name:
                weight = _wider(weight, narrow)
            elif "o_proj" in name:
                weight = _wider(weight.T, narrow).T
            parameter.copy_(weight)
        x = torch.randint(0, old.config.vocab_size, (4, 256), generator=torch.Generator().manual_seed(0))
        if not torch.allclose(old(x).logits, new(x).logits, atol=1e-3):
            raise ValueError(f"{source} does not grow wider without a change of what it computes")
    new.save_pretrained(target)
    PreTrainedTokenizerFast.from_pretrained(source).save_pretrained(target)


def _wider(weight: Tensor, narrow: int) -> Tensor:
    """(heads x narrow, n) as (heads x WIDTH, n): the halves of a head, which are turned as pairs, padded each."""
    halves = weight.reshape(-1, 2, narrow // 2, weight.shape[1])
    return torch.nn.functional.pad(halves, (0, 0, 0, (WIDTH - narrow) // 2)).reshape(-1, weight.shape[1])
