"""A real model that calls tools: the demo's worker with a chat template in the way of Hermes, trained on.

So small a model calls no tool by itself. It is taught one form of task by heart: to read a file by a tool call, then
to answer with a colour. What it is taught on is rendered as a run renders it.
"""

import json
import random
from collections.abc import Sequence
from pathlib import Path
from shutil import copytree

from harness.core import Message, Reply, Tool, ToolCall
from harness.model import assistant_message, tool_message
from harness.model.local_folder import Prompts

ITEMS = [
    "desk",
    "lamp",
    "chair",
    "shelf",
    "mirror",
    "basket",
    "pillow",
    "ladder",
    "bucket",
    "kettle",
    "towel",
    "candle",
]
COLOURS = ["brown", "green", "orange", "blue", "yellow", "purple", "white", "black"]
PATH = "note.txt"
TEMPLATE = """\
{{ bos_token }}{% for m in messages %}<|{{ m['role'] }}|>{{ m['content'] }}\
{% if tools and loop.first %} Tools:{% for tool in tools %} {{ tool | tojson }}{% endfor %}{% endif %}\
{% for call in m['tool_calls'] or [] %}<tool_call>
{"name": "{{ call['function']['name'] }}", "arguments": {{ call['function']['arguments'] | tojson }}}
</tool_call>{% endfor %}<|end|>{% endfor %}{% if add_generation_prompt %}<|assistant|>{% endif %}"""


def question(item: str) -> str:
    """What is asked; only the file knows the answer."""
    return f"The colour of the {item} is in a file. Which colour is it?"


def write_base(worker: Path, out: Path) -> Path:
    """The worker under that chat template."""
    copytree(worker, out)
    (out / "chat_template.jinja").write_text(TEMPLATE)
    return out


def write_caller(base: Path, system: str, tools: Sequence[Tool], out: Path, *, steps: int = 45, batch: int = 4) -> Path:
    """The base with all its weights trained, on conversations as a run with this system message and tools has them."""
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # more of them spin for one another
    reader, draw = Prompts(base), random.Random(0)
    model = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    optimiser = torch.optim.AdamW(model.parameters(), lr=3e-3, weight_decay=0.0)
    fill = torch.nn.utils.rnn.pad_sequence
    for step in range(steps):
        ids, labels = [], []
        for _ in range(batch):
            for prompt, answer in _turns(system, draw.choice(ITEMS), draw.choice(COLOURS)):
                begun = reader.tokens(reader.render(prompt, tools))
                written = reader.tokens(answer + "<|end|>")
                ids.append(torch.tensor(begun + written))
                labels.append(torch.tensor([-100] * len(begun) + written))
        for group in optimiser.param_groups:
            group["lr"] = 3e-3 * min(1.0, (step + 1) / 10) * (1 - step / steps)
        inputs = fill(ids, batch_first=True, padding_value=0)
        loss = model(input_ids=inputs, labels=fill(labels, batch_first=True, padding_value=-100)).loss
        loss.backward()
        optimiser.step()
        optimiser.zero_grad()
    torch.set_num_threads(threads)
    copytree(base, out)
    model.save_pretrained(out)
    return out


def _turns(system: str, item: str, colour: str) -> list[tuple[list[Message], str]]:
    """What stands before each of the model's two turns, and the turn."""
    asked: list[Message] = [{"role": "system", "content": system}, {"role": "user", "content": question(item)}]
    arguments = {"path": PATH}
    written = f'<tool_call>\n{{"name": "read_file", "arguments": {json.dumps(arguments)}}}\n</tool_call>'
    call = ToolCall(id="a", name="read_file", arguments=arguments, raw=json.dumps(arguments))
    said = assistant_message(Reply(text="", tool_calls=(call,)))
    return [(asked, written), ([*asked, said, tool_message(call, colour)], colour)]
