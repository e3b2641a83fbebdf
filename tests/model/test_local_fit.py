"""An adapter goes into its base whole or not at all, and what it brings of its own is used for it alone."""

import json
import shutil
import warnings
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from harness.adapter import load_adapter
from harness.core import ModelSpec, Request, UserFileError
from harness.model import fit_of
from harness.model.local import LocalModel

pytestmark = pytest.mark.local

ADAPTERS = Path(__file__).parents[2] / "adapters"
WORKER = ADAPTERS / "base" / "worker"
QUESTION = ({"role": "user", "content": "Route this ticket: the printer is on fire."},)
Tensors = dict[str, Any]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """An adapter with random matrices, as PEFT makes it from these options; each only once."""
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    root = tmp_path_factory.mktemp("made")

    def make(name: str, rows: int = 0, **options: Any) -> Path:
        if (root / name).exists():
            return root / name
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            model = AutoModelForCausalLM.from_pretrained(WORKER, dtype=torch.float32)
            if rows:
                model.resize_token_embeddings(rows)
            options = {"target_modules": ["q_proj", "up_proj"], "r": 4, "lora_alpha": 8} | options
            tuned = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", **options))
            torch.manual_seed(7)
            for key, weight in tuned.named_parameters():
                if "lora_B" in key or "lora_embedding_B" in key:
                    weight.data.normal_(0, 0.05)
                elif any(part in key for part in ("modules_to_save", "magnitude", "trainable_tokens")):
                    weight.data.add_(0.02 * torch.randn_like(weight))
            tuned.save_pretrained(root / name)
        return root / name

    return make


def edited(
    source: Path, target: Path, change: Callable[[Tensors], Tensors] = lambda t: t, config: Mapping[str, Any] = {}
) -> Path:
    """A copy of an adapter with other tensors, and with keys of its configuration set."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    save_file(change(load_file(target / "adapter_model.safetensors")), target / "adapter_model.safetensors")
    file = target / "adapter_config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | dict(config)))
    return target


def without(part: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: tensor for key, tensor in tensors.items() if part not in key}


def renamed(old: str, new: str) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key.replace(old, new): tensor for key, tensor in tensors.items()}


def scaled(part: str, factor: float) -> Callable[[Tensors], Tensors]:
    return lambda tensors: {key: t * factor if part in key else t for key, t in tensors.items()}


def same(tensors: Tensors) -> Tensors:
    return tensors


PARTS: list[tuple[dict[str, Any], Callable[[Tensors], Tensors], dict[str, Any], str]] = [
    ({}, without("layers.1."), {}, r"4 of the 12 tensors .* missing \(model\.layers\.1\.self_attn\.q_proj\.lora_A"),
    ({}, renamed(".model.layers.2.", "._orig_mod.model.layers.2."), {}, r"4 of the 12 .* and 4 of its 12 .*compiled"),
    ({}, renamed("base_model.model.", ""), {}, r"12 of the 12 .* missing .* and 12 of its 12 .* unexpected"),
    ({}, same, {"target_modules": ["q_proj"]}, r"6 of its 12 tensors are unexpected .*up_proj"),
    ({}, same, {"target_modules": ["q_proj", "up_proj", "o_proj"]}, r"6 of the 18 tensors .* missing .*o_proj"),
    ({}, same, {"target_modules": ["no_such"]}, r"none of these modules \(no_such\), so that its 12 tensors"),
    ({}, same, {"target_modules": "(["}, r"target_modules: PEFT cannot make"),
    ({}, same, {"r": 8}, r"6 of the 6 modules have another rank than .* r: 8 .*is \[4, 96\]"),
    ({}, same, {"layers_to_transform": [0]}, r"8 of its 12 tensors are unexpected"),
    ({}, same, {"modules_to_save": ["lm_head"]}, r"1 of the 13 tensors .* missing \(lm_head\.weight\)"),
    ({}, scaled("layers.1.mlp.up_proj.lora_A", float("nan")), {}, r"1 tensors hold NaN or infinity \(model\.layers\.1"),
    ({}, scaled("lora_B", 0.0), {}, r"lora_B matrices are zero"),
    ({"use_dora": True}, without("magnitude"), {}, r"6 of the 18 tensors .* missing .*magnitude"),
    ({"use_dora": True}, same, {"use_dora": False}, r"6 of its 18 tensors are unexpected .*set use_dora to true"),
    ({"rank_pattern": {"up_proj": 2}}, same, {"rank_pattern": {}}, r"3 of the 6 modules have another rank"),
    (
        {"rank_pattern": {"up_proj": 2}},
        same,
        {"rank_pattern": {"q_proj": 2}},
        r"12 of the 12 tensors have another shape .*is \[\d, 96\], not \[\d, 96\]",
    ),
    ({"modules_to_save": ["norm"]}, without("norm"), {}, r"7 of the 19 tensors .* missing"),
    ({"lora_bias": True}, without("lora_B.bias"), {}, r"6 of the 18 tensors .* missing"),
    ({"trainable_token_indices": [5, 6]}, without("trainable"), {}, r"1 of the 13 tensors .* missing"),
    ({"target_modules": r".*layers\.[01]\..*q_proj"}, same, {"target_modules": r".*\.1\..*q_proj"}, r"2 of its 4 tens"),
]


@pytest.mark.parametrize(("options", "change", "config", "said"), PARTS)
async def test_a_part_of_an_adapter_is_refused_and_named_by_check_and_by_a_run(
    made: Callable[..., Path],
    tmp_path: Path,
    options: dict[str, Any],
    change: Callable[[Tensors], Tensors],
    config: dict[str, Any],
    said: str,
) -> None:
    whole = made("whole" + "-".join(options), **options)
    assert fit_of(whole, WORKER).notes == (), "the same adapter undamaged"
    part = edited(whole, tmp_path / "part", change, config)
    with pytest.raises(UserFileError, match=said) as checked:
        fit_of(part, WORKER)
    local = LocalModel(ModelSpec(name="worker", backend="transformers", model=str(WORKER)))
    try:
        with pytest.raises(UserFileError) as ran:
            await local.prepare([part])
    finally:
        await local.close()
    assert str(ran.value) == str(checked.value)
    assert "\n" not in str(ran.value)


@pytest.mark.parametrize(
    "options",
    [
        {"use_rslora": True},
        {"use_dora": True},
        {"target_modules": "all-linear", "exclude_modules": ["o_proj"]},
        {"layers_to_transform": [0, 2]},
        {"rank_pattern": {"up_proj": 2}, "alpha_pattern": {"up_proj": 16}},
        {"modules_to_save": ["embed_tokens", "lm_head"]},
        {"target_modules": ["q_proj", "embed_tokens", "lm_head"]},
        {"trainable_token_indices": [5, 6]},
        {"bias": "all"},
    ],
)
async def test_every_kind_of_lora_answers_as_peft_alone_does(made: Callable[..., Path], options: Any) -> None:
    import torch
    from peft import PeftModel
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = made("kind" + "-".join(map(str, options)) + str(len(str(options))), **options)
    ids = AutoTokenizer.from_pretrained(WORKER).apply_chat_template(
        list(QUESTION), add_generation_prompt=True, return_dict=False
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        base = AutoModelForCausalLM.from_pretrained(WORKER, dtype=torch.float32)
        alone = PeftModel.from_pretrained(base, folder).eval()
    with torch.inference_mode():
        wanted = torch.log_softmax(alone(torch.tensor([ids])).logits[0, -1].double(), -1)
    local = LocalModel(ModelSpec(name="worker", backend="transformers", model=str(WORKER)))
    try:
        await local.prepare([ADAPTERS / "claim-check", folder])
        await local.probe_adapters([QUESTION])
        found = local._engine(folder.resolve()).next_logprobs(ids, folder)
    finally:
        await local.close()
    assert float((found - wanted).abs().max()) < 1e-4


def tokenizer_with(folder: Path, *tokens: str, template: str | None = None) -> None:
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(WORKER)
    tokenizer.add_tokens(list(tokens))
    tokenizer.chat_template = template or tokenizer.chat_template
    tokenizer.save_pretrained(folder)


async def answered(local: LocalModel, adapter: Path | None) -> tuple[str, int | None, float]:
    asked = Request(
        model="m", messages=QUESTION, adapter=None if adapter is None else str(adapter), sampling={"max_tokens": 1}
    )
    reply = await local.answer(asked)
    return reply.text, reply.usage.input, reply.signals["logprob_mean"]


async def test_own_tokens_and_own_templates_answer_next_to_others_on_an_unchanged_base(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    """The adapter with more tokens says one of them; its neighbours and the base say what they say without it."""
    from transformers import AutoTokenizer

    added = len(AutoTokenizer.from_pretrained(WORKER)) + 12
    names = [f"<own{n}>" for n in range(14)]
    grown = made("grown", rows=2404, modules_to_save=["embed_tokens", "lm_head"])

    def loud(tensors: Tensors) -> Tensors:
        """The last own token is the likeliest everywhere: its row is twice the rows of all others together."""
        head = next(key for key in tensors if key.endswith("model.lm_head.weight"))
        rows = tensors[head].clone()
        rows[added] = 0
        best = rows[:2390].norm(dim=1).argmax()
        rows[added] = 40 * rows[best]
        rows[added + 1] = -40 * rows[best]
        again = {key: rows.clone() for key in tensors if "lm_head" in key and "original" not in key}
        return tensors | again

    more = edited(grown, tmp_path / "more", loud)
    with pytest.raises(UserFileError, match=r"its embedding has 2,404 tokens, the base's 2,400, and no tokenizer"):
        fit_of(more, WORKER)
    tokenizer_with(more, *names)
    own = edited(made("whole"), tmp_path / "own")
    tokenizer_with(own, template="{% for m in messages %}<|user|>TRAINED SO: {{ m['content'] }}{% endfor %}")
    plain = ADAPTERS / "claim-check"

    alone = LocalModel(ModelSpec(name="worker", backend="transformers", model=str(WORKER)))
    together = LocalModel(ModelSpec(name="worker", backend="transformers", model=str(WORKER)))
    try:
        await alone.prepare([plain])
        before = [await answered(alone, adapter) for adapter in (None, plain)]
        await together.prepare([more, plain, own])
        notes = await together.probe_adapters([QUESTION])
        assert [await answered(together, adapter) for adapter in (None, plain)] == before
        text, _, _ = await answered(together, more)
        assert text in {names[12], names[13]}
        (_, asked, _), (_, usual, _) = await answered(together, own), before[0]
        assert asked != usual, "another template, another prompt"
    finally:
        await alone.close()
        await together.close()
    assert notes == (
        "model worker: the adapter more is asked with its own tokenizer, on a copy of the base with 2,404 tokens",
        "model worker: the adapter own is asked with its own chat template",
    )


def test_a_tokenizer_of_another_model_is_refused(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    folder = edited(ADAPTERS / "claim-check", tmp_path / "other")
    (folder / "card.yaml").unlink()
    words = Tokenizer(models.WordLevel({"<s>": 0, "the": 1, "a": 2, "</s>": 3, "<unk>": 4}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>", eos_token="</s>").save_pretrained(folder)
    with pytest.raises(UserFileError, match=r"tokenizer: \d of its 5 tokens have another number"):
        fit_of(folder, WORKER)


def test_what_a_newer_peft_wrote_is_named_as_ignored(made: Callable[..., Path], tmp_path: Path) -> None:
    folder = edited(made("whole"), tmp_path / "newer", config={"use_tomorrow": True, "and_this": None})
    (note,) = fit_of(folder, WORKER).notes
    assert "does not know use_tomorrow and ignores it" in note


def test_a_tokenizer_and_a_template_are_part_of_an_adapter_s_identity(
    made: Callable[..., Path], tmp_path: Path
) -> None:
    folder = edited(made("whole"), tmp_path / "own")
    before = load_adapter(folder).digest
    (folder / "README.md").write_text("no answer depends on this")
    assert load_adapter(folder).digest == before
    (folder / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    assert load_adapter(folder).digest != before
    assert load_adapter(folder).tokenizer_files == ("chat_template.jinja",)


async def test_a_base_that_lacks_weights_is_refused_and_not_filled_with_noise(tmp_path: Path) -> None:
    from safetensors.torch import load_file, save_file

    base = tmp_path / "base"
    shutil.copytree(WORKER, base)
    tensors = load_file(base / "model.safetensors")
    save_file(without("layers.2.mlp.up_proj")(tensors), base / "model.safetensors", metadata={"format": "pt"})
    local = LocalModel(ModelSpec(name="worker", backend="transformers", model=str(base)))
    try:
        with pytest.raises(UserFileError, match=r"1 of the model's tensors are missing .*layers\.2\.mlp\.up_proj"):
            await local.prepare()
    finally:
        await local.close()
