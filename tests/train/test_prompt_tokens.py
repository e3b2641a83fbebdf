"""The prompt that is trained is, token by token, the one that the backend ``transformers`` sends at evaluation."""

from pathlib import Path

import pytest

from harness.core import Request
from harness.model import prompts_of
from harness.suite import load_suite
from harness.train.course import _ends, _room
from harness.train.examples import Example
from harness.train.rows import Encoder

ROOT = Path(__file__).parents[2]
BASES = ("worker", "generalist")
SUITES = sorted(path.parent.name for path in (ROOT / "suites").glob("*/suite.yaml"))

pytestmark = pytest.mark.local


@pytest.fixture(scope="module", params=BASES)
def base(request):
    return ROOT / "adapters" / "base" / request.param


@pytest.fixture(scope="module")
def encoder(base):
    prompts = prompts_of(base)
    return Encoder(prompts=prompts, ends=_ends(base, prompts), room=_room(base))


@pytest.mark.parametrize("suite", SUITES)
def test_of_every_task_of_every_suite(base, encoder, suite):
    from transformers import AutoTokenizer

    from harness.model.local_request import read_request

    found = load_suite(ROOT / "suites" / suite)
    plain = AutoTokenizer.from_pretrained(base)
    for task in found.tasks:
        messages = found.prompt.of(task)
        answer = str(task.metadata.get("full_answer") or task.reference)[:200]
        row = encoder.example(Example(prompt=messages, completion=answer, place=task.id))
        asked = row["labels"].count(-100)
        sent = read_request(Request(model="local", messages=messages), encoder.prompts, encoder.room, 16)[0].prompt
        assert row["input_ids"][:asked] == sent
        if all(message["role"] == "user" for message in messages):
            text = plain.apply_chat_template(list(messages), add_generation_prompt=True, tokenize=False)
            assert plain.encode(text, add_special_tokens=False) == sent
        taught = row["input_ids"][asked:]
        assert row["labels"][asked:] == taught
        assert taught[-1] in encoder.ends
        assert not encoder.ends & set(taught[:-1])
        assert plain.decode(taught[:-1]) == answer
