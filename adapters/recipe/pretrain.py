"""Pre-training of the worker and of the generalist, from random weights, in one or two processes.

``python pretrain.py PHASE OUT TOKENIZER [START]``; two processes: RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT set
(gloo; gradients are averaged).
"""

import json
import math
import os
import random
import sys
import time
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import torch
from batches import IGNORED, Encoder, Row, batches, padded
from muon import Muon
from torch.nn.functional import cross_entropy
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast


@dataclass(frozen=True, slots=True, kw_only=True)
class Phase:
    """One phase of pre-training."""

    steps: int
    starts: tuple[float, ...]
    """The share of the phase at which each stage begins, from ``first_stage`` on."""
    first_stage: int
    rate: float
    decay: float
    """The share of the phase in which the rate falls to nothing."""
    tokens: int
    """A step and process, padding included."""
    seed: int
    minutes: float = 120
    """If the phase lasts longer than this, its schedule is shortened to fit; the log says where it ended."""


PHASES = {
    "worker": Phase(steps=1300, starts=(0,), first_stage=0, rate=3e-3, decay=0.2, tokens=2500, seed=0),
    "generalist": Phase(
        steps=3600, starts=(0, 0.12, 0.35, 0.68), first_stage=1, rate=2.5e-3, decay=0.45, tokens=2600, seed=1
    ),
    "refine": Phase(
        steps=4500, starts=(0, 0.06, 0.2), first_stage=3, rate=1.2e-3, decay=0.7, tokens=2600, seed=8, minutes=80
    ),
}
HIDDEN, LAYERS, HEADS, FEED_FORWARD = 96, 3, 4, 256


def new_model(encoder: Encoder) -> LlamaForCausalLM:
    """A small Llama that begins where looking up is near.

    Queries equal keys and outputs undo values, so that a token first attends to its like and hands it on (after
    Trockman and Kolter 2023, mimetic initialisation). In the first layer three heads begin by looking one, two and
    three tokens back, from a constant that every embedding shares. Nothing is fixed: all of it goes on learning.
    """
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=(len(encoder.tokenizer) + 31) // 32 * 32,
            hidden_size=HIDDEN,
            num_hidden_layers=LAYERS,
            num_attention_heads=HEADS,
            num_key_value_heads=HEADS,
            intermediate_size=FEED_FORWARD,
            max_position_embeddings=1024,
            tie_word_embeddings=True,
            pad_token_id=encoder.special("<|pad|>"),
            bos_token_id=encoder.special("<|bos|>"),
            eos_token_id=encoder.special("<|end|>"),
            rms_norm_eps=1e-5,
        )
    )
    with torch.no_grad():
        model.model.embed_tokens.weight[:, 0] = 0.1
        for number, layer in enumerate(model.model.layers):
            attention = layer.self_attn
            value = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0]
            attention.v_proj.weight.copy_(value * 0.7)
            attention.o_proj.weight.copy_(value.T * 0.7)
            if number:
                query = torch.linalg.qr(torch.randn(HIDDEN, HIDDEN))[0]
                query[:, 0] = 0
                attention.q_proj.weight.copy_(query)
                attention.k_proj.weight.copy_(query)
            else:
                for head in range(3):
                    _look_back(attention, head, distance=head + 1)
    return model


def _look_back(attention: torch.nn.Module, head: int, distance: int, strength: float = 1.1) -> None:
    """Sets one head to attend ``distance`` tokens back, by the three fastest of the rotary frequencies."""
    size = HIDDEN // HEADS
    for i in range(3):
        row, angle = head * size + i, distance * 10000.0 ** (-2 * i / size)
        attention.k_proj.weight[row, 0] = strength
        attention.q_proj.weight[row, 0] = strength * math.cos(angle)
        attention.q_proj.weight[row + size // 2, 0] = -strength * math.sin(angle)


def pretrain(phase: Phase, out: Path, tokenizer: str, start: str | None) -> None:
    """Trains one phase and writes the model, its tokenizer and a log of every fiftieth step to ``out``."""
    rank, world = int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
    torch.set_num_threads(1)
    torch.manual_seed(phase.seed)
    r = random.Random(1000 + phase.seed + 7777 * rank)
    encoder = Encoder(PreTrainedTokenizerFast.from_pretrained(tokenizer))
    model = LlamaForCausalLM.from_pretrained(start, dtype=torch.float32) if start else new_model(encoder)
    hidden = [p for n, p in model.named_parameters() if p.ndim == 2 and "embed" not in n]
    other = [p for n, p in model.named_parameters() if p.ndim != 2 or "embed" in n]
    optimizers = [Muon(hidden, phase.rate), torch.optim.AdamW(other, lr=phase.rate, betas=(0.9, 0.95), weight_decay=0)]
    parameters = list(model.parameters())
    if world > 1:
        torch.distributed.init_process_group("gloo")
        for p in parameters:
            torch.distributed.broadcast(p.data, 0)
    out.mkdir(parents=True, exist_ok=True)
    log, began, waiting, loss_sum, right, seen = Log(out, rank), time.time(), [], 0.0, defaultdict(list), 0
    step, done = 0, 0.0
    while done < 1:
        stage = phase.first_stage + max(i for i, x in enumerate(phase.starts) if done >= x)
        rate = phase.rate * min(1, (step + 1) / 60) * min(1, max(0.02, (1 - done) / phase.decay))
        for group in (g for o in optimizers for g in o.param_groups):
            group["lr"] = rate
        if not waiting or waiting[0] != stage:
            waiting = [stage, *batches(r, stage, phase.first_stage, encoder, phase.tokens)]
        rows: list[Row] = waiting.pop()
        if len(waiting) == 1:
            waiting = []
        inputs, targets = padded(rows, encoder.special("<|pad|>"))
        states = model.model(input_ids=inputs[:, :-1]).last_hidden_state
        wanted = targets[:, 1:] != IGNORED
        logits = model.lm_head(states[wanted])
        loss = cross_entropy(logits.float(), targets[:, 1:][wanted])
        loss.backward()
        step += 1
        done = max(step / phase.steps, (time.time() - began) / 60 / phase.minutes)
        done = _average(parameters, done, rank, world)
        torch.nn.utils.clip_grad_norm_(parameters, 1.0)
        for optimizer in optimizers:
            optimizer.step()
        model.zero_grad(set_to_none=True)
        seen, loss_sum = seen + inputs.numel() * world, loss_sum + loss.item()
        _count(right, rows, wanted, logits.argmax(-1) == targets[:, 1:][wanted], encoder)
        if step % 50 == 0:
            shares = {kind: round(sum(hits) / len(hits), 2) for kind, hits in sorted(right.items())}
            log.write(step=step, done=round(done, 3), stage=stage, loss=round(loss_sum / 50, 3), rate=round(rate, 5),
                      minutes=round((time.time() - began) / 60, 2), cpu_minutes=round(time.process_time() / 60, 2),
                      million_tokens=round(seen / 1e6, 2), right=shares)  # fmt: skip
            right, loss_sum = defaultdict(list), 0.0
        if rank == 0 and (step % 200 == 0 or done >= 1):
            model.save_pretrained(out)
            encoder.tokenizer.save_pretrained(out)


class Log:
    """A line of JSON every fifty steps, on standard output and in ``train.log.jsonl``, of the first process only."""

    def __init__(self, out: Path, rank: int):
        self.path = out / "train.log.jsonl" if rank == 0 else None
        if self.path:
            self.path.write_text("", encoding="utf-8")

    def write(self, **line: object) -> None:
        """One line."""
        if self.path:
            with self.path.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
            print(json.dumps(line), flush=True)


def _average(parameters: list[torch.nn.Parameter], done: float, rank: int, world: int) -> float:
    """Gradients averaged over the processes; what the first of them says is done holds for all."""
    if world == 1:
        return done
    own = torch.tensor([done if rank == 0 else 0.0])
    flat = torch.cat([*(p.grad.flatten() for p in parameters), own])
    torch.distributed.all_reduce(flat)
    place = 0
    for p in parameters:
        p.grad.copy_(flat[place : place + p.numel()].view_as(p) / world)
        place += p.numel()
    return float(flat[-1])


def _count(
    right: dict[str, list[bool]], rows: list[Row], wanted: torch.Tensor, hits: torch.Tensor, encoder: Encoder
) -> None:
    """Whole answers that were right, by kind: an opening, the first answer after a tool's text, any other."""
    grid = torch.ones_like(wanted)
    grid[wanted] = hits
    opened, tool, assistant = encoder.ids("OPEN")[0], encoder.special("<|tool|>"), encoder.special("<|assistant|>")
    for number, (x, y) in enumerate(rows):
        i, before = 1, 0
        while i < len(y):
            if x[i] in (tool, assistant) and x[i - 1] == encoder.special("<|end|>"):
                fresh, before = (before == tool), x[i]
                if x[i] == assistant:
                    j = i + 1
                    while j < len(y) and y[j] != IGNORED:
                        j += 1
                    kind = "open" if y[i + 1] == opened else "after tool" if fresh else "other"
                    right[kind].append(bool(grid[number, i : j - 1].all()))
                    i = j
                    continue
            i += 1


if __name__ == "__main__":
    phase_name, out_folder, tokenizer_folder, *rest = sys.argv[1:]
    pretrain(PHASES[phase_name], Path(out_folder), tokenizer_folder, rest[0] if rest else None)
    if math.isclose(float(os.environ.get("WORLD_SIZE", "1")), 2.0):
        torch.distributed.destroy_process_group()
