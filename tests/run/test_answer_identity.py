"""Whatever can change an answer makes another key of the answer cache, and what cannot does not."""

import shutil
from dataclasses import fields, replace
from pathlib import Path
from types import SimpleNamespace

import live
import pytest

from harness.core import Reply, Request, Role, Tool
from harness.experiment import parse_experiment
from harness.experiment.reading import model_spec
from harness.model import BACKENDS, ModelEntry
from harness.run.cached import CachedAnswers

ADAPTERS = Path(__file__).parents[2] / "adapters"
WHOLE = Request(
    model="m",
    messages=({"role": "user", "content": "q"},),
    sampling={"temperature": 0.5, "max_tokens": 5},
    tools=(Tool(name="look", description="up", parameters={"type": "object"}),),
    adapter="adapters/a",
    adapter_digest="a",
    scope="one",
    task="t",
    contender="c",
)
OTHERS = {
    "model": ["n"],
    "messages": [
        (),
        ({"role": "user", "content": "q "},),
        ({"role": "system", "content": "q"},),
        ({"role": "system", "content": "s"}, {"role": "user", "content": "q"}),
        ({"role": "user", "content": "q", "name": "n"},),
    ],
    "sampling": [
        {},
        {"temperature": 0.5},
        {"temperature": 0.0, "max_tokens": 5},
        {"temperature": 0.5, "max_tokens": 6},
        {"temperature": 0.5, "max_tokens": 5, "seed": 1},
        {"temperature": 0.5, "max_tokens": 5, "response_format": {"type": "json_object"}},
    ],
    "tools": [
        (),
        (Tool(name="see", description="up", parameters={"type": "object"}),),
        (Tool(name="look", description="down", parameters={"type": "object"}),),
        (Tool(name="look", description="up", parameters={"type": "object", "required": ["x"]}),),
    ],
    "adapter_digest": [None, "b"],
    "logprobs": [True],
    "trial": [1],
    "draw": [1],
    "letters": [("A", "B")],
    "scope": ["two"],
    "task": ["u"],
}
"""Of each field of a request other values, every one of which may bring another answer."""
PLACES = {"adapter": "elsewhere/a", "contender": "renamed"}


class Held(dict):
    """A cache in memory."""

    put, forget = dict.__setitem__, dict.pop


def cached(spec, held):
    return CachedAnswers(SimpleNamespace(specs={spec.name: spec}), held)


@pytest.fixture(scope="module")
def spec(tmp_path_factory):
    return spec_of({"backend": "openai", "model": "m", "base_url": "http://h/v1"}, tmp_path_factory.mktemp("r"))


def spec_of(model, folder, name="m"):
    experiment = {"name": "x", "suites": ["s"], "models": {name: model}, "contenders": {"c": {"model": name}}}
    path = folder / "experiment.yaml"
    return model_spec(name, parse_experiment(experiment, path).models[name], folder)


def test_every_field_of_a_request_is_told_apart(spec):
    assert {field.name for field in fields(Request)} == OTHERS.keys() | PLACES.keys()
    held = Held()
    answers = cached(spec, held)
    answers.put("m", WHOLE.digest, Role.ANSWER, Reply(text="whole"))
    for name, others in OTHERS.items():
        for other in others:
            request = replace(WHOLE, **{name: other})
            assert answers.get("m", request.digest) is None, name
            answers.put("m", request.digest, Role.ANSWER, Reply(text=f"{name} {other}"))
    assert len(held) == 1 + sum(map(len, OTHERS.values()))
    for name, other in PLACES.items():
        assert answers.get("m", replace(WHOLE, **{name: other}).digest).text == "whole"


SERVED = {"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:1/v1"}
LOCAL = {"backend": "transformers", "path": str(ADAPTERS / "base" / "worker")}
ENGINE = {"backend": "vllm", "path": LOCAL["path"]}
HOSTED = {"backend": "litellm", "model": "openai/m"}
CHANGING = {
    "backend": [(SERVED, "litellm")],
    "model": [(SERVED, "n"), (HOSTED, "openai/n")],
    "revision": [(SERVED, "2"), (LOCAL, "2")],
    "sampling": [(SERVED, {"temperature": 1.0}), (LOCAL, {"max_tokens": 3})],
    "base_url": [(SERVED, "http://127.0.0.1:2/v1"), (SERVED, "https://127.0.0.1:1/v1"), (HOSTED, "http://h/v1")],
    "reasoning": [(SERVED, "keep"), (LOCAL, "keep")],
    "tools": [(SERVED, False)],
    "path": [(LOCAL, str(ADAPTERS / "base" / "generalist"))],
    "dtype": [(LOCAL, "bfloat16")],
    "options": [(ENGINE, {"quantization": "fp8"}), (ENGINE, {"max_model_len": 256})],
}
UNCHANGING = {
    "price": [(SERVED, {"input_usd_per_million": 1.0})],
    "gpu_hour_usd": [(LOCAL, 2.0)],
    "context_tokens": [(SERVED, 100)],
    "api_key_env": [(SERVED, "A_KEY")],
    "stream": [(SERVED, True)],
    "batch_size": [(LOCAL, 2)],
    "threads": [(LOCAL, 1)],
    "device": [(LOCAL, "cpu")],
    "licence": [(SERVED, "Apache-2.0"), (LOCAL, "CC0-1.0")],
    "available_until": [(SERVED, "2027-01-06")],
    "tuned": [(SERVED, str(ADAPTERS / "claim-check" / "card.yaml"))],
}
"""Keys of a model, whole models, and another value of the key in them."""


def test_every_key_of_a_model_is_known_to_change_answers_or_not_to():
    live_ones = [b for b in BACKENDS.values() if not b.recorded]
    keys = set(ModelEntry.model_fields).union(*(backend.entry.model_fields for backend in live_ones))
    assert keys == CHANGING.keys() | UNCHANGING.keys()


@pytest.mark.parametrize("key", [*CHANGING, *UNCHANGING])
def test_what_of_a_model_can_change_an_answer_is_told_apart(tmp_path, key):
    for model, value in [*CHANGING.get(key, ()), *UNCHANGING.get(key, ())]:
        held, one, other = Held(), spec_of(model, tmp_path), spec_of({**model, key: value}, tmp_path, "renamed")
        digests = [replace(WHOLE, model=spec.digest, sampling=spec.sampling).digest for spec in (one, other)]
        cached(one, held).put("m", digests[0], Role.ANSWER, Reply(text="a"))
        assert (cached(other, held).get("renamed", digests[1]) is not None) == (key in UNCHANGING)


def test_a_local_model_is_known_by_its_weights_wherever_they_lie(tmp_path):
    moved = tmp_path / "moved"
    shutil.copytree(LOCAL["path"], moved)
    assert spec_of(LOCAL, tmp_path).digest == spec_of({**LOCAL, "path": str(moved)}, tmp_path).digest
    weights = next(moved.glob("*.safetensors"))
    data = bytearray(weights.read_bytes())
    data[-1] ^= 1
    weights.write_bytes(data)
    assert spec_of(LOCAL, tmp_path).digest != spec_of({**LOCAL, "path": str(moved)}, tmp_path).digest


def test_probes_and_recorded_answers_are_not_kept(tmp_path, capfd):
    with live.Server() as served:
        first = live.write_experiment(tmp_path / "a", models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", first, "--quiet")[0] == 0
    replayed = {"m": {"backend": "replay", "report": str(first)}}
    keys = {"cache": {"path": "answers"}, "contenders": {"c-m": {"model": "m"}}}
    second = live.write_experiment(tmp_path / "b", models=replayed, **keys)
    code, _, err = live.inside(capfd, "run", second, "--quiet")
    assert code == 0
    assert "answer cache" not in err
    held = Held()
    answers = cached(spec_of(SERVED, tmp_path), held)
    answers.put("m", WHOLE.digest, Role.PROBE, Reply(text="x"))
    assert not held
