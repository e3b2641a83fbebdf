"""What is wrong with a local model's settings and files is said before torch is imported, by file and field."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core import ModelSpec, UserFileError
from harness.model import identified
from harness.model.local_folder import wrong_setting

ADAPTERS = Path(__file__).parents[2] / "adapters"
WORKER = ADAPTERS / "base" / "worker"
Change = Callable[[Path], object]


def spec(folder: Path | str = WORKER, **keys: Any) -> ModelSpec:
    return ModelSpec(name="w", backend="transformers", model=str(folder), **keys)


def config(**keys: Any) -> Change:
    """Sets keys of the configuration."""

    def change(folder: Path) -> None:
        file = folder / "config.json"
        file.write_text(json.dumps(json.loads(file.read_text()) | keys))

    return change


def text(name: str, content: str) -> Change:
    return lambda folder: (folder / name).write_text(content)


def data(change: Callable[[bytes], bytes]) -> Change:
    def act(folder: Path) -> None:
        file = folder / "model.safetensors"
        file.write_bytes(change(file.read_bytes()))

    return act


@pytest.mark.parametrize(
    ("option", "value"),
    [
        *(("device", word) for word in ("gpu", "meta", "CUDA", "cuda:", "cuda:x", "cuda:-1", "cuda:07", "auto", "", 0)),
        *(("dtype", word) for word in ("float99", "int8", "torch.float16", "half", "F16")),
        *((name, value) for name in ("threads", "batch_size") for value in (0, -1, 10**9, True, 1.5, "4")),
        *(("tools", True), ("stream", True), ("batchsize", 4)),
    ],
)
def test_a_setting_that_cannot_be_is_named(option: str, value: object) -> None:
    found = wrong_setting(spec(options={option: value}))
    assert found is not None
    assert found[0] == option


@pytest.mark.parametrize(
    "options",
    [
        *({"device": word} for word in ("cpu", "cuda", "cuda:0", "cuda:15", "mps", "mps:0", "xpu", None)),
        *({"dtype": word} for word in ("auto", "bfloat16", "float16", "float32", "float64")),
        *({"threads": number} for number in (1, 64, 1024)),
        {"tools": False},
    ],
)
def test_a_setting_that_can_be_is_left_to_torch(options: dict[str, object]) -> None:
    assert wrong_setting(spec(options=options)) is None


def test_a_sampling_setting_of_other_backends_is_named() -> None:
    found = wrong_setting(spec(sampling={"frequency_penalty": 1}))
    assert found is not None
    assert found[0] == "sampling"
    assert "'frequency_penalty'" in found[1]


BROKEN: list[tuple[Change, str]] = [
    (data(lambda held: held[:5000]), r"model\.safetensors: .*cut short"),
    (data(lambda held: held[:4]), r"model\.safetensors: not a safetensors file"),
    (data(lambda held: held + b"more"), r"model\.safetensors: at byte \d+ of its data, bytes belong to no tensor"),
    (text("config.json", '{"a":'), r"config\.json: not valid JSON"),
    (text("config.json", "[]"), r"config\.json: found no mapping"),
    (lambda folder: (folder / "config.json").unlink(), r"config\.json: there is no such file"),
    (text("tokenizer.json", '{"a'), r"tokenizer\.json: not valid JSON"),
    (text("tokenizer.json", "{}"), r"tokenizer\.json: model: "),
    (text("tokenizer.json", '{"model": {}}'), r"tokenizer\.json: added_tokens: "),
    (text("tokenizer_config.json", "{"), r"tokenizer_config\.json: not valid JSON"),
    (text("generation_config.json", "{"), r"generation_config\.json: not valid JSON"),
    (text("generation_config.json", '{"eos_token_id": "x"}'), r"generation_config\.json: eos_token_id: found 'x'"),
    (text("generation_config.json", '{"eos_token_id": [2, "x"]}'), r"eos_token_id: found \[2, 'x'\]"),
    (text("generation_config.json", '{"max_new_tokens": "9"}'), r"max_new_tokens: found '9'"),
    (data(lambda held: held.replace(b'"F16"', b'"ZZZ"', 1)), r"model\.safetensors: \S+: .*header describes this"),
    (data(lambda held: held.replace(b'{"format":"pt"}', b'["format","pt"]', 1)), r"__metadata__: found no texts"),
    (lambda folder: (folder / "tokenizer.json").unlink(), "holds no tokenizer"),
    (config(vocab_size=100), r"config\.json: vocab_size and hidden_size are 100 and 96, .* is \[2400, 96\]"),
    (config(num_hidden_layers=1), r"config\.json: num_hidden_layers: found 1, and the weights have 3 layers"),
    (text("adapter_config.json", "{}"), r"adapter_config\.json: .*a model and an adapter"),
]


@pytest.mark.parametrize(("change", "said"), BROKEN)
def test_a_broken_folder_names_its_file(tmp_path: Path, change: Change, said: str) -> None:
    folder = tmp_path / "w"
    shutil.copytree(WORKER, folder)
    assert identified(spec(folder)).digest
    change(folder)
    with pytest.raises(UserFileError, match=said) as caught:
        identified(spec(folder))
    assert "\n" not in str(caught.value)


def test_layers_that_only_speed_a_model_up_are_no_fault(tmp_path: Path) -> None:
    folder = tmp_path / "w"
    shutil.copytree(WORKER, folder)
    config(num_hidden_layers=2, num_nextn_predict_layers=1)(folder)
    assert identified(spec(folder)).digest


def test_an_adapter_is_no_base() -> None:
    with pytest.raises(UserFileError, match=r"part-codes: this is an adapter, not a base; give .* its base"):
        identified(spec(ADAPTERS / "part-codes"))


def test_nothing_of_this_imports_torch() -> None:
    code = (
        "import sys; from harness.core import ModelSpec; from harness.model import identified;"
        "from harness.model.local_folder import wrong_setting;"
        f"spec = ModelSpec(name='w', backend='transformers', model={str(WORKER)!r});"
        "identified(spec); wrong_setting(spec); print(sorted({'torch', 'transformers'} & set(sys.modules)))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "[]\n"
