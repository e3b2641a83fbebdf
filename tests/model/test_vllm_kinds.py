"""Values that an option of vLLM's engine cannot have, and a cache that does not fit."""

import importlib.util
import math
from pathlib import Path

import pytest

from harness.core import ModelSpec
from harness.model.vllm_kinds import WHOLE, engine_kinds, values_of, wrong_value
from harness.model.vllm_start import not_started, refused


@pytest.fixture
def kinds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A package vllm that states the kind of each option as the real one does."""
    package = tmp_path / "kinds" / "vllm"
    (package / "engine").mkdir(parents=True)
    (package / "config").mkdir()
    (package / "__init__.py").write_text("raise ImportError('it is only looked at')")
    (package / "config" / "model.py").write_text(
        'RunnerType = Literal["none", "embed"]\nOption: TypeAlias = Literal[\n    "auto",  # [1]\n    RunnerType,\n]\n'
        'Odd = Literal["a", Elsewhere]\n' + f"Many = Literal[{', '.join(repr(f'way{n}') for n in range(20))}]\n"
    )
    options = {
        "eager": "bool", "caching": "bool | None", "steps": "int", "sizes": "list[int] | None", "share": "float",
        "folder": "str | None", "runner": "Option", "odd": "Odd", "many": "Many | None", "kv": "KVConfig | None",
        "quantization": "QuantizationMethods | str | None", "quoted": "'dict[str, Any] | None'",
        "executor": "str | type[Executor] | None", "level": "LevelEnum", "torch": "str | torch.dtype",
    }  # fmt: skip
    lines = [f"    {name}: {kind} = None" for name, kind in options.items()]
    (package / "engine" / "arg_utils.py").write_text("\n".join(["class EngineArgs:", *lines, "    _own: int = 1\n"]))
    monkeypatch.syspath_prepend(str(tmp_path / "kinds"))
    for held in (engine_kinds, values_of):
        held.cache_clear()
    yield
    for held in (engine_kinds, values_of):
        held.cache_clear()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("eager", "yes", "found 'yes', needed true or false"),
        ("eager", 1, "found 1, needed true or false"),
        ("eager", None, "found no value, needed true or false, or leave it out"),
        ("caching", None, None),
        ("steps", 2.0, "found 2.0, needed a whole number"),
        ("steps", True, "found True, needed a whole number"),
        ("steps", math.inf, "found inf, needed a whole number"),
        ("sizes", 4, "found 4, needed a list"),
        ("sizes", [4], None),
        ("share", 1, None),
        ("share", math.nan, "found nan, needed a finite number"),
        ("share", "0.5", "found '0.5', needed a finite number"),
        ("folder", {}, "found {}, needed a text"),
        ("folder", "", "found an empty text; leave it out"),
        ("runner", "embed", None),
        ("runner", "embeds", "found 'embeds', needed one of auto, none, embed"),
        ("runner", 3, "found 3, needed one of auto, none, embed"),
        ("odd", "whatever", None),  # a name in it is not known: only vLLM can tell
        ("many", "way21", "found 'way21', did you mean 'way2'?"),
        ("kv", 3, "found 3, needed a mapping"),
        ("quantization", 4, "found 4, needed a text"),
        ("quoted", [], "found [], needed a mapping"),
        ("executor", 4, "found 4, needed a text"),
        ("torch", 4, "found 4, needed a text"),
        ("level", "x", None),
        ("level", math.nan, "found nan, needed a finite number"),
    ],
)
def test_a_value_of_another_kind_than_the_engine_states_is_told_at_once(kinds, name, value, said):
    assert wrong_value(name, value) == said


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="needs vLLM in this environment: docs/vllm.md")
def test_the_bounds_are_of_options_that_the_installed_engine_has():
    stated = engine_kinds()
    assert set(WHOLE) <= set(stated)
    assert not [name for name in WHOLE if "int" not in stated[name]]
    assert str(wrong_value("dtype", "float64")).startswith("found 'float64', needed one of auto, half, float16")


SHORT = (
    "the cache of keys and values has no room for one answer as long as the model can read; "
    "give kv_cache_memory_bytes more, or "
)
LESS = "this machine has less memory free; give it less, or end what else runs here"


@pytest.mark.parametrize(
    ("options", "said", "told"),
    [
        (
            {"kv_cache_memory_bytes": 1 << 20},
            "ValueError: To serve at least one request with the model's max seq len (1024), (0.0 GiB",
            f"kv_cache_memory_bytes: found 1,048,576, and {SHORT}state a smaller max_model_len",
        ),
        (
            {"max_model_len": 512},
            "ValueError: No available memory for the cache blocks. Try increasing",
            f"max_model_len: {SHORT}lower max_model_len",
        ),
        (
            {"gpu_memory_utilization": 0.99},
            "ValueError: Free memory on device cuda:0 (1.0/9.0 GiB) on startup is less than desired GPU memory",
            f"gpu_memory_utilization: found 0.99, and {LESS}",
        ),
    ],
)
def test_a_cache_that_does_not_fit_names_the_option(options, said, told):
    spec = ModelSpec(name="kimi", backend="vllm", model="/m", options=options)
    assert str(not_started(spec, said)) == f"experiment.yaml: models.kimi.options.{told}"


def test_another_reason_is_told_as_vllm_tells_it():
    spec = ModelSpec(name="kimi", backend="vllm", model="/m", options={"kv_cache_memory_bytes": 1 << 20})
    assert str(not_started(spec, "ValueError: else")) == "/m: vLLM's engine did not start (ValueError: else)"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("max_num_batched_tokens (5) must be at least max_num_seqs (32)", "max_num_batched_tokens: found 5, which"),
        (
            "nope: Unexpected keyword argument",
            "compilation_config: found {'nope': 1}, which vLLM refuses (ValueError: nope",
        ),
    ],
)
def test_an_option_that_only_vllm_can_refuse_is_named(said, told):
    options = {"max_num_seqs": 32, "compilation_config": {"nope": 1}, "max_num_batched_tokens": 5}
    spec = ModelSpec(name="kimi", backend="vllm", model="/m", options=options)
    assert str(refused(spec, ValueError(said), options)).startswith(f"experiment.yaml: models.kimi.options.{told}")
