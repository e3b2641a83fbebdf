"""The generalist begins as the worker with one layer more, which at first changes nothing."""

from pathlib import Path

import torch
from transformers import GenerationConfig, LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


def grow(source: Path, target: Path) -> None:
    """Writes ``source`` with an appended layer whose outputs are nought.

    Raises:
        ValueError: the grown model does not compute what the old one did.
    """
    torch.manual_seed(0)
    old = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32).eval()
    settings = old.config.to_dict() | {"num_hidden_layers": old.config.num_hidden_layers + 1}
    new = LlamaForCausalLM(LlamaConfig(**{k: v for k, v in settings.items() if k != "dtype"})).eval()
    known = dict(old.named_parameters())
    with torch.no_grad():
        for name, p in new.named_parameters():
            if name in known:
                p.copy_(known[name])
            elif name.endswith(("o_proj.weight", "down_proj.weight")):
                p.zero_()
        x = torch.randint(0, old.config.vocab_size, (2, 48))
        if not torch.allclose(old(x).logits, new(x).logits, atol=1e-4):
            raise ValueError(f"{source} does not grow without a change of what it computes")
    new.save_pretrained(target)
    PreTrainedTokenizerFast.from_pretrained(source).save_pretrained(target)


def export(source: Path, target: Path) -> None:
    """Writes a trained model as fp16 safetensors, with tokenizer, chat template and greedy decoding by default."""
    model = LlamaForCausalLM.from_pretrained(source, dtype=torch.float32)
    model.generation_config = GenerationConfig(
        bos_token_id=model.config.bos_token_id,
        eos_token_id=model.config.eos_token_id,
        pad_token_id=model.config.pad_token_id,
        do_sample=False,
        max_new_tokens=48,
    )
    model.half().save_pretrained(target)
    PreTrainedTokenizerFast.from_pretrained(source).save_pretrained(target)
