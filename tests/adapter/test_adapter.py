"""Adapters are read without torch, and one that does not belong to a base is refused with its reason."""

import hashlib
import json
import struct
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.adapter import base_digest, check_adapter, load_adapter
from harness.core import UserFileError

ROOT = Path(__file__).parents[2] / "adapters"
WORKER = ROOT / "base" / "worker"
MODULE = "model.layers.0.self_attn.q_proj"
CONFIG = {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"], "base_model_name_or_path": "somewhere"}


def write_tensors(path: Path, shapes: dict[str, tuple[int, ...]], *, cut: int = 0) -> None:
    """A safetensors file of zeros, laid out by hand from the format's description."""
    header, at = {}, 0
    for name, shape in shapes.items():
        size = 4
        for n in shape:
            size *= n
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [at, at + size]}
        at += size
    text = json.dumps({"__metadata__": {"format": "pt"}, **header}).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + bytes(at - cut))


def lora(module: str = MODULE, *, rank: int = 2, wide: int = 6, high: int = 4) -> dict[str, tuple[int, ...]]:
    name = f"base_model.model.{module}"
    return {f"{name}.lora_A.weight": (rank, wide), f"{name}.lora_B.weight": (high, rank)}


@pytest.fixture
def base(tmp_path: Path) -> Path:
    folder = tmp_path / "base"
    folder.mkdir()
    write_tensors(folder / "model.safetensors", {f"{MODULE}.weight": (4, 6), "model.embed_tokens.weight": (9, 6)})
    return folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "tickets"
    path.mkdir()
    (path / "adapter_config.json").write_text(json.dumps(CONFIG))
    write_tensors(path / "adapter_model.safetensors", lora())
    return path


def test_reads_a_folder(folder: Path, base: Path) -> None:
    (folder / "card.yaml").write_text(f"base_digest: {base_digest(base)}\nexamples: 12\ndate: 2026-11-21\n")
    adapter = load_adapter(folder)
    assert (adapter.name, adapter.rank, adapter.target_modules) == ("tickets", 2, ("q_proj",))
    assert adapter.parameters == 2 * 6 + 4 * 2
    assert adapter.base_model == "somewhere"
    assert adapter.card["date"] == "2026-11-21"
    assert adapter.warnings == ()
    check_adapter(adapter, base)


def test_a_folder_that_is_no_adapter_is_called_what_it_is(tmp_path: Path, folder: Path) -> None:
    with pytest.raises(
        UserFileError, match=r"holds a whole model \(config\.json\), and no adapter; an adapter's folder"
    ):
        load_adapter(ROOT / "base" / "worker")
    with pytest.raises(UserFileError, match=f"folders that do; name one: .*{folder.name}"):
        load_adapter(folder.parent)
    (tmp_path / "empty").mkdir()
    with pytest.raises(
        UserFileError, match=r"is no adapter: there is no adapter_config\.json; an adapter's folder has"
    ):
        load_adapter(tmp_path / "empty")


def test_adapters_that_differ_in_the_seed_alone_have_one_training(folder: Path) -> None:
    def training(card: str) -> dict[str, object]:
        (folder / "card.yaml").write_text(card)
        return load_adapter(folder).training

    one = training("recipe: r\nseed: 1\nexamples: 9\ngpu_seconds: 3\nmetrics: {loss: 1}\n")
    two = training("recipe: r\nseed: 2\nexamples: 9\ngpu_seconds: 4\nmetrics: {loss: 2}\ndate: 2026-11-21\n")
    assert (one["recipe"], one["seed"], two["seed"]) == (two["recipe"], 1, 2)
    assert training("recipe: r\nseed: 1\nexamples: 8\n")["recipe"] != one["recipe"]
    assert training("recipe: r\n") == training("seed: 1\n") == {}


def test_a_missing_card_is_a_warning(folder: Path, base: Path) -> None:
    adapter = load_adapter(folder)
    assert "card.yaml" in adapter.warnings[0]
    assert adapter.base_digest is None
    check_adapter(adapter, base)


def test_the_digest_follows_matrices_and_configuration_but_not_the_card(folder: Path) -> None:
    before = load_adapter(folder).digest
    (folder / "card.yaml").write_text("note: another\n")
    assert load_adapter(folder).digest == before
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"\x01")
    changed = load_adapter(folder).digest
    assert changed != before
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | {"lora_alpha": 3}))
    assert load_adapter(folder).digest not in {before, changed}


def test_links_into_a_cache_are_told_apart_by_what_they_lead_to(folder: Path, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.mkdir()
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    assert load_adapter(linked).digest == load_adapter(folder).digest
    other = tmp_path / "other.safetensors"
    other.write_bytes((folder / "adapter_model.safetensors").read_bytes()[:-1] + b"\x01")
    (linked / "adapter_model.safetensors").unlink()
    (linked / "adapter_model.safetensors").symlink_to(other)
    assert load_adapter(linked).digest != load_adapter(folder).digest


@pytest.mark.parametrize(
    ("card", "said"),
    [
        ("base_diggest: x\n", "base_digest"),
        ("examples: many\n", "examples"),
        ("examples: 1\nexamples: 2\n", "twice"),
    ],
)
def test_a_wrong_card_is_an_error(folder: Path, card: str, said: str) -> None:
    (folder / "card.yaml").write_text(card)
    with pytest.raises(UserFileError, match=said):
        load_adapter(folder)


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"peft_type": "IA3"}, "IA3"),
        (CONFIG | {"r": 0}, "r: found 0"),
        (CONFIG | {"r": True}, "r: found True"),
        (CONFIG | {"target_modules": None}, "target_modules"),
        (CONFIG | {"target_modules": [["q_proj"]]}, "target_modules"),
        ({"peft_type": "PROMPT_TUNING"}, "'PROMPT_TUNING'; only 'LORA' is supported; train a LoRA"),
        (CONFIG | {"task_type": "SEQ_CLS"}, "task_type: SEQ_CLS adapters give classes of texts, not answers"),
        (CONFIG | {"init_lora_weights": "pissa"}, "path_initial_model_for_weight_conversion=INITIAL.* makes it again"),
        (CONFIG | {"init_lora_weights": "pissa_niter_16"}, "as it was before training$"),
        (CONFIG | {"init_lora_weights": "loftq"}, "merge_and_unload"),
        (CONFIG | {"target_parameters": ["experts.gate_up_proj"], "target_modules": []}, "target_parameters: .*single"),
        (CONFIG | {"layer_replication": [[0, 2]]}, "layer_replication"),
        (CONFIG | {"alora_invocation_tokens": [5]}, "alora_invocation_tokens"),
        ([], "no mapping"),
    ],
)
def test_a_wrong_configuration_is_an_error(folder: Path, config: object, said: str) -> None:
    (folder / "adapter_config.json").write_text(json.dumps(config))
    with pytest.raises(UserFileError, match=said):
        load_adapter(folder)


def test_a_pickle_is_never_read(folder: Path) -> None:
    """A pickle that would write a file when loaded: it is refused, and nothing was written."""
    trap = folder / "sprung"
    payload = f"cposix\nsystem\n(S'touch {trap}'\ntR.".encode()
    (folder / "adapter_model.safetensors").rename(folder / "aside")
    (folder / "adapter_model.bin").write_bytes(payload)
    with pytest.raises(UserFileError, match="pickle"):
        load_adapter(folder)
    (folder / "adapter_model.safetensors").write_bytes(payload)
    with pytest.raises(UserFileError, match="not a safetensors file"):
        load_adapter(folder)
    assert not trap.exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a safetensors"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "Git LFS"),
        (struct.pack("<Q", 1 << 62) + b"{}", "not a safetensors"),
        (struct.pack("<Q", 2) + b"[]", "no mapping"),
        (struct.pack("<Q", 8) + b'{"a": 1}', "describes this tensor wrongly"),
    ],
)
def test_broken_weights_are_an_error(folder: Path, content: bytes, said: str) -> None:
    (folder / "adapter_model.safetensors").write_bytes(content)
    with pytest.raises(UserFileError, match=said):
        load_adapter(folder)


def test_weights_that_were_cut_short_are_an_error(folder: Path) -> None:
    write_tensors(folder / "adapter_model.safetensors", lora(), cut=4)
    with pytest.raises(UserFileError, match="cut short"):
        load_adapter(folder)


def test_weights_with_a_gap_are_an_error(folder: Path) -> None:
    weights = folder / "adapter_model.safetensors"
    weights.write_bytes(weights.read_bytes() + bytes(4))
    with pytest.raises(UserFileError, match="bytes belong to no tensor"):
        load_adapter(folder)


def test_a_rank_of_the_pattern_is_a_rank(folder: Path) -> None:
    write_tensors(folder / "adapter_model.safetensors", lora(rank=3))
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | {"rank_pattern": {"q_proj": 3}}))
    assert load_adapter(folder).rank == 2


@pytest.mark.parametrize("pattern", [[1], {"q_proj": "3"}, {"q_proj": [3]}, {"q_proj": 0}])
def test_a_pattern_that_names_no_ranks_is_an_error(folder: Path, pattern: object) -> None:
    (folder / "adapter_config.json").write_text(json.dumps(CONFIG | {"rank_pattern": pattern}))
    with pytest.raises(UserFileError, match=r"adapter_config\.json: rank_pattern: needed ranks"):
        load_adapter(folder)


def test_an_adapter_given_as_a_base_is_named_so(folder: Path) -> None:
    with pytest.raises(UserFileError, match="this is an adapter, not a base"):
        check_adapter(load_adapter(folder), folder)


def test_a_missing_folder_names_its_neighbours(folder: Path) -> None:
    with pytest.raises(UserFileError, match="tickets"):
        load_adapter(folder.parent / "tikets")


@pytest.mark.parametrize(
    ("shapes", "said"),
    [
        (lora(wide=5), r"\[4, 5\].*\[4, 6\]"),
        (lora("model.layers.7.self_attn.q_proj"), "none of its 1 modules"),
        (lora() | lora("model.layers.7.self_attn.q_proj"), "1 of its 2 modules"),
        ({"something.weight": (2, 2)}, "no LoRA matrices"),
        ({k: v for k, v in lora().items() if "lora_A" in k}, "lora_B is missing"),
        ({k: ((4, 3) if "lora_B" in k else v) for k, v in lora().items()}, "no common rank"),
        (lora(rank=3), r"1 of the 1 modules have another rank than adapter_config\.json says with r: 2 .*\[3, 6\]"),
    ],
)
def test_matrices_that_do_not_fit_are_an_error(
    folder: Path, base: Path, shapes: dict[str, tuple[int, ...]], said: str
) -> None:
    write_tensors(folder / "adapter_model.safetensors", shapes)
    with pytest.raises(UserFileError, match=said):
        check_adapter(load_adapter(folder), base)


def test_a_transposed_weight_fits(folder: Path, base: Path) -> None:
    """GPT-2's layers keep their weights the other way round."""
    write_tensors(base / "model.safetensors", {f"{MODULE}.weight": (6, 4)})
    check_adapter(load_adapter(folder), base)


def test_another_base_is_an_error(folder: Path, base: Path) -> None:
    adapter = replace(load_adapter(folder), base_digest="sha256:" + "0" * 64)
    with pytest.raises(UserFileError, match=r"card\.yaml: base_digest: .*" + base_digest(base)):
        check_adapter(adapter, base)


def test_base_digest_is_what_sha256sum_says(base: Path) -> None:
    command = ["sha256sum", "model.safetensors"]
    said = subprocess.run(command, cwd=base, capture_output=True, text=True, check=True).stdout.split()[0]
    assert base_digest(base) == f"sha256:{said}"


def test_base_digest_of_shards_is_that_of_their_listing(base: Path) -> None:
    (base / "model.safetensors").rename(base / "model-00002-of-00002.safetensors")
    write_tensors(base / "model-00001-of-00002.safetensors", {"a.weight": (1, 1)})
    names = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"]
    index = base / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"b": names[1], "a": names[0], "c": names[1]}}))
    listing = subprocess.run(["sha256sum", *names], cwd=base, capture_output=True, check=True).stdout
    assert base_digest(base) == "sha256:" + hashlib.sha256(listing).hexdigest()
    (base / names[0]).unlink()
    with pytest.raises(UserFileError, match="1 of 2 shards"):
        base_digest(base)


def test_base_digest_notices_a_changed_file(base: Path) -> None:
    before = base_digest(base)
    write_tensors(base / "model.safetensors", {f"{MODULE}.weight": (4, 7)})
    assert base_digest(base) != before


def test_a_pickled_base_is_refused(tmp_path: Path) -> None:
    (tmp_path / "pytorch_model.bin").write_bytes(b"x")
    with pytest.raises(UserFileError, match="pickle"):
        base_digest(tmp_path)


def test_shipped_adapters_fit_the_worker_and_not_the_generalist() -> None:
    folders = sorted(p.parent for p in ROOT.glob("*/adapter_config.json"))
    assert folders
    for path in folders:
        adapter = load_adapter(path)
        assert adapter.warnings == ()
        check_adapter(adapter, WORKER)
        with pytest.raises(UserFileError, match="base_digest"):
            check_adapter(adapter, ROOT / "base" / "generalist")


@pytest.mark.local
def test_headers_agree_with_the_safetensors_package() -> None:
    from safetensors import safe_open

    from harness.adapter.weights import tensor_shapes

    for path in sorted(ROOT.rglob("*.safetensors")):
        with safe_open(str(path), "numpy") as file:
            theirs = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
        assert tensor_shapes(path) == theirs


def test_reading_an_adapter_imports_no_heavy_package() -> None:
    code = (
        "import sys; from pathlib import Path; from harness.adapter import load_adapter;"
        f"load_adapter(Path({str(ROOT / 'ticket-routing')!r}));"
        "print([m for m in ('torch', 'numpy', 'safetensors', 'peft', 'transformers') if m in sys.modules])"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT.parent)
    assert out.stdout.strip() == "[]"
