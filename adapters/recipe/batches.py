"""From conversations to tensors: loss on the assistant's tokens only, batches of like length."""

import random
from dataclasses import dataclass, field

import torch
from conversations import STAGES, conversation
from transformers import PreTrainedTokenizerFast

IGNORED = -100
LONGEST = 832
"""Conversations beyond this are dropped; the models hold 1,024 positions."""

Row = tuple[list[int], list[int]]
"""Tokens, and the targets."""


@dataclass(slots=True)
class Encoder:
    """The tokenizer with a memory, for texts that come again and again."""

    tokenizer: PreTrainedTokenizerFast
    _known: dict[str, list[int]] = field(default_factory=dict)

    def ids(self, text: str) -> list[int]:
        """The tokens of one text."""
        if text not in self._known:
            if len(self._known) > 200_000:
                self._known.clear()
            self._known[text] = self.tokenizer.backend_tokenizer.encode(text, add_special_tokens=False).ids
        return self._known[text]

    def cost(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self.ids(text))

    def special(self, token: str) -> int:
        """The id of a special token."""
        return int(self.tokenizer.convert_tokens_to_ids(token))

    def row(self, turns: list[tuple[str, str]]) -> Row:
        """A conversation in the chat template's form, and its targets."""
        x, y = [self.special("<|bos|>")], [IGNORED]
        for role, text in turns:
            ids = [*self.ids(text), self.special("<|end|>")]
            x += [self.special(f"<|{role}|>"), *ids]
            y += [IGNORED, *(ids if role == "assistant" else [IGNORED] * len(ids))]
        return x, y


def repeated(r: random.Random, encoder: Encoder, length: int) -> Row:
    """A random string said over and over: the densest lesson in copying what followed before."""
    period = r.randint(3, 24)
    string = [r.randrange(264, len(encoder.tokenizer)) for _ in range(period)]
    body = (string * (length // period + 2))[:length]
    return [encoder.special("<|bos|>"), *body], [IGNORED] * (period + 1) + body[period:]


def batches(r: random.Random, now: int, first: int, encoder: Encoder, tokens: int) -> list[list[Row]]:
    """About eight batches of at most ``tokens`` with padding, of rows of like length, in random order.

    Three quarters of the rows are of stage ``now``; the rest of any stage from ``first`` on but the hardest, so that
    what came before is kept and what comes next is begun. A phase of the first stage alone has only that.
    """
    rows, total = [], 0
    while total < 8 * tokens:
        stage = STAGES[now] if first == 0 or r.random() < 0.75 else r.choice(STAGES[first:-1])
        if r.random() < stage.induction:
            row = repeated(r, encoder, stage.tokens)
        else:
            row = encoder.row(conversation(r, stage, encoder.cost))
        if len(row[0]) <= LONGEST:
            rows.append(row)
            total += len(row[0])
    rows.sort(key=lambda row: len(row[0]))
    cut: list[list[Row]] = [[]]
    for row in rows:
        if cut[-1] and len(row[0]) * (len(cut[-1]) + 1) > tokens:
            cut.append([])
        cut[-1].append(row)
    return r.sample(cut, len(cut))


def padded(rows: list[Row], pad: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Inputs and targets as rectangles."""
    width = max(len(x) for x, _ in rows)
    inputs = torch.full((len(rows), width), pad)
    targets = torch.full((len(rows), width), IGNORED)
    for i, (x, y) in enumerate(rows):
        inputs[i, : len(x)], targets[i, : len(y)] = torch.tensor(x), torch.tensor(y)
    return inputs, targets
