"""What shows of a local model before torch is imported: settings that it does not take, and files that are broken."""

import contextlib
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness.adapter import Shapes, base_shapes, tokenizer_files
from harness.core import ModelError, ModelSpec, UserFileError, nearest
from harness.model.local_choose import sampling_of
from harness.userfile import read_text

OPTIONS = {"batch_size": 32, "batch_tokens": 16384, "threads": None, "device": None, "dtype": None, "reasoning": None}
"""Every option of a local model, and what it is where nothing is said."""
_DTYPES = ("float32", "float64", "bfloat16", "float16", "auto")
_DEVICE = re.compile(r"cpu|(?:cuda|mps|xpu)(?::(?:0|[1-9]\d?))?")
_MOST = {"batch_size": 1_000_000, "batch_tokens": 1_000_000_000, "threads": 1024}
_FILES = ("generation_config.json", "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json",
          "added_tokens.json")  # fmt: skip
_VOCABULARIES = (".model", ".tiktoken", "tokenizer.json", "tekken.json", "vocab.json", "vocab.txt")
_BY_BYTES = ("ByT5", "MyT5", "Canine", "Perceiver")  # tokenizers that have no vocabulary
_LARGEST = 256_000_000
_EMBEDDING = "model.embed_tokens.weight"
_LAYER = re.compile(r"model\.layers\.(\d{1,9})\.")


def wrong_setting(spec: ModelSpec) -> tuple[str, str] | None:
    """The first setting of a local model that cannot be, and what is wrong with it; ``None`` where all can."""
    for name, value in spec.options.items():
        if name not in OPTIONS and value is not False:  # what is not asked for, such as tools, is not missed
            return name, f"a local model has no such option; {nearest(name, OPTIONS)}"
        if name in _MOST and value is not None and (type(value) is not int or not 1 <= value <= _MOST[name]):
            return name, f"found {value!r}, needed a whole number from 1 to {_MOST[name]:,}"
    device, dtype = spec.options.get("device"), spec.options.get("dtype")
    if device is not None and not (isinstance(device, str) and _DEVICE.fullmatch(device)):
        known = "cpu, cuda, cuda:N, mps or xpu"
        return "device", f"found {device!r}, needed {known}; leave it out to take a GPU where there is one"
    if dtype is not None and dtype not in _DTYPES:
        return "dtype", f"found {dtype!r}, needed one of {', '.join(_DTYPES)}"
    try:
        sampling_of(spec.sampling)
    except ModelError as error:
        return "sampling", str(error).removeprefix("sampling: ")
    return None


def check_folder(folder: Path, *, field: str = "") -> None:
    """Returns when a model's folder holds weights, a configuration and a tokenizer that go together and can be read.

    Raises UserFileError: names the file that is missing, broken or cut short, or that goes with other weights.
    """
    if not folder.is_dir():
        raise UserFileError(folder, "there is no such model folder", field=field)
    shapes = base_shapes(folder)
    if (strayed := folder / "adapter_config.json").is_file():
        problem = "this folder holds a model and an adapter, and transformers would load the adapter"
        raise UserFileError(strayed, problem, advice="move the adapter to a folder of its own")
    config = _mapping(folder / "config.json", "copy the model's config.json next to its weights")
    check_tokenizer(folder)
    if (file := folder / "generation_config.json").is_file():
        told = _mapping(file)
        ends, longest = told.get("eos_token_id"), told.get("max_new_tokens")
        numbers = ends if isinstance(ends, list) else [ends]
        if ends is not None and not (numbers and all(type(end) is int for end in numbers)):
            raise UserFileError(file, f"found {ends!r}, needed a token's number, or a list", field="eos_token_id")
        if longest is not None and (type(longest) is not int or longest < 1):
            raise UserFileError(file, f"found {longest!r}, needed a whole number from 1", field="max_new_tokens")
    _check_shapes(folder / "config.json", config, shapes)


def check_tokenizer(folder: Path) -> None:
    """Returns when a folder's files for texts and tokens can be read. Raises UserFileError: it names one."""
    held = {name: _mapping(folder / name) for name in _FILES if (folder / name).is_file()}
    kind = str(held.get("tokenizer_config.json", {}).get("tokenizer_class"))
    vocabulary = any(file.name.endswith(_VOCABULARIES) for file in tokenizer_files(folder))
    if not vocabulary and not kind.startswith(_BY_BYTES):
        advice = "copy the model's tokenizer files next to its weights"
        raise UserFileError(folder, "holds no tokenizer (tokenizer.json or tokenizer.model)", advice=advice)
    for key, shape in (("model", dict), ("added_tokens", list)):
        if "tokenizer.json" in held and not isinstance(held["tokenizer.json"].get(key), shape):
            problem = "not readable" if key in held["tokenizer.json"] else "this is no tokenizer: it has no such key"
            raise UserFileError(folder / "tokenizer.json", problem, field=key, advice="copy it again")


def unloadable(base: Path, error: Exception) -> UserFileError:
    """What to say of a base that transformers does not load: mostly, what its configuration says of it."""
    from importlib.metadata import version

    place, by = base / "config.json", f"transformers {version('transformers')}"
    kind, said = json.loads(place.read_text(encoding="utf-8")).get("model_type"), " ".join(str(error).split())
    if "out of memory" in said.lower() or "not enough memory" in said.lower():
        return UserFileError(base, "the model does not fit into this machine's memory", advice="take a smaller dtype")
    if isinstance(kind, str) and ("does not recognize this architecture" in said or "onfiguration class" in said):
        problem = f"found {kind!r}, of which {by} makes no language model"
        return UserFileError(place, problem, field="model_type", advice="update transformers, or take another base")
    if type(error).__name__ == "SafetensorError":
        return UserFileError(base, f"its weights cannot be read ({said[:200]})", advice="copy them again")
    if kind is None:
        return UserFileError(place, "is missing", field="model_type", advice="copy the model's config.json again")
    if isinstance(error, ImportError):
        return UserFileError(place, f"{by} needs another package for it", advice=said[:200])
    problem = f"{by} cannot make a {kind} model of this ({type(error).__name__}: {said[:200]})"
    return UserFileError(place, problem, advice="copy the model's config.json again")


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No progress bars and no warnings of the packages that load weights."""
    from transformers.utils import logging

    logging.disable_progress_bar()
    logging.set_verbosity_error()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _mapping(file: Path, advice: str = "copy it again") -> dict[str, Any]:
    if not file.is_file():
        raise UserFileError(file, "there is no such file", advice=advice)
    try:
        found = json.loads(read_text(file, most=_LARGEST))
    except (ValueError, RecursionError):
        raise UserFileError(file, "not valid JSON", advice=advice) from None
    if not isinstance(found, dict):
        raise UserFileError(file, "found no mapping of keys to values", advice=advice)
    return found


def _check_shapes(file: Path, config: Mapping[str, Any], shapes: Shapes) -> None:
    """The weights have the embedding and no more layers than the configuration says: what it leaves out is not used."""
    said, found = (config.get("vocab_size"), config.get("hidden_size")), shapes.get(_EMBEDDING)
    plain = "quantization_config" not in config and all(type(n) is int for n in said)  # others are packed
    if found is not None and plain and found != said:
        problem = f"vocab_size and hidden_size are {said[0]} and {said[1]}, and {_EMBEDDING} is {list(found)}"
        raise UserFileError(file, problem, advice="take configuration and weights from one model")
    layers = 1 + max((int(m[1]) for name in shapes if (m := _LAYER.match(name))), default=-1)
    used, more = config.get("num_hidden_layers"), config.get("num_nextn_predict_layers") or 0  # those are for speed
    if type(used) is int and type(more) is int and used + more < layers:
        problem = f"found {used}, and the weights have {layers} layers, so that some would not be used"
        raise UserFileError(file, problem, field="num_hidden_layers", advice=f"write {layers}")
