"""One base model in memory with any number of LoRA adapters on it.

Batches hold one adapter each: on the demo's models a batch mixed by PEFT's ``adapter_names`` writes 286 answers a
second, batches by adapter 400 to 1,400, because every adapter in a mixed batch multiplies by itself.
"""

import inspect
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from harness.core import UserFileError
from harness.model.local_batch import Batch, Voice, Whole, forward
from harness.model.local_choose import Row, choose
from harness.model.local_columns import empty
from harness.model.local_fit import Fit, fill, fit_adapter, inject
from harness.model.local_folder import Prompts, check_folder, quiet
from harness.model.local_prefix import Prefix, Prefixes, shared
from harness.model.local_weights import ends_of, find_device, load_weights

SAME = 1e-6
"""Log-probabilities nearer than this are the same answer: the same arithmetic in the same order gives equal bits."""
_KEPT = 256 * 2**20  # bytes of what prompts share, or a quarter of the weights' where that is more
_SMALL = 50_000_000  # parameters; below, a second thread costs more than it does


class Engine:
    """One base's weights, and what is done with them, from one thread only."""

    def __init__(self, folder: Path, tokenizer: Any, options: Mapping[str, Any], rows: int | None = None) -> None:
        """Loads the base from its folder; nothing is fetched. Raises UserFileError: it cannot be, or no such device.

        ``options`` are device, dtype, threads and the experiment's name. ``rows`` are the tokens of a copy's embedding.
        Without a device a GPU is taken where there is one; without a dtype float32 on a CPU, else what the weights are.
        """
        import torch
        from transformers import GenerationConfig

        field = f"models.{options['name']}.device"
        self.device = find_device(options["device"], "experiment.yaml", field)
        wanted = options["dtype"] or ("float32" if self.device == "cpu" else "auto")
        self._model = load_weights(folder, wanted, rows=rows)
        try:
            self._model.to(self.device).eval().requires_grad_(requires_grad=False)
        except Exception as error:  # noqa: BLE001 - each kind of device has its own
            full = "out of memory" in str(error).lower()
            problem = f"the model {'is too large for' if full else 'cannot be put on'} {self.device} as {wanted}"
            advice = "take another device, or another dtype"
            raise UserFileError("experiment.yaml", problem, field=field, advice=advice) from None
        if self.device == "cpu":  # one thread for small models or few cores, else half the cores
            cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
            one = self._model.num_parameters() < _SMALL or cores <= 2
            torch.set_num_threads(options["threads"] or (1 if one else min(16, cores // 2)))
        self.ends = ends_of(self._model, tokenizer, folder)
        self.max_new = int(self._model.generation_config.max_new_tokens or 256)
        self.room: int | None = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        self._pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.ends)
        # the model's own sampling settings are left out on purpose: an experiment says how it samples
        self._model.generation_config = GenerationConfig(eos_token_id=sorted(self.ends), pad_token_id=self._pad)
        self._folder, self._tokenizer = folder, tokenizer
        self._peft: Any = None
        self._fits: dict[Path, tuple[str, Fit]] = {}  # by the adapter's folder: what PEFT calls it, and how it fits
        self._active: Path | None = None
        self._vocabulary = int(self._model.get_input_embeddings().weight.shape[0])
        self._mark = self._fingerprint()
        self._summed: list[tuple[Any, Any, Any]] = []  # modules, their matrices, and what the base has there
        self._columns: bool | None = None  # whether rows may come and go; found with the first batch
        self._prefixes = Prefixes(max(_KEPT, self._model.get_memory_footprint() // 4))

    def add(self, fit: Fit) -> None:
        """Puts an adapter next to those that are loaded; raises where that changes the base's own answers."""
        place, name = fit.adapter.path.resolve(), f"adapter{len(self._fits)}"
        self._restore()
        with quiet():
            self._peft = inject(self._model if self._peft is None else self._peft, fit.adapter, name)
            fill(self._peft, fit.adapter, name)
        self._peft.eval().requires_grad_(requires_grad=False)
        self._fits[place] = (name, fit)
        self._active = place  # PEFT may have switched layers on; the base's check below switches them off again
        if fit.alone:
            self._peft.peft_config[name].bias = "none"  # this copy's biases are the adapter's; PEFT would warn of it
            self._mark = self._fingerprint()
        self._check_base()

    def _check_base(self) -> None:
        """Returns when the base alone still answers as before any adapter was loaded; else it would be no baseline."""
        drift = float((self._fingerprint() - self._mark).abs().max())
        if not drift <= SAME:
            names = ", ".join(fit.adapter.name for _, fit in self._fits.values())
            problem = f"with {names} loaded the base answers otherwise (log-probabilities differ by {drift:.2g})"
            advice = "load it as a model of its own for the contender without an adapter"
            raise UserFileError(self._folder, problem, advice=advice)

    def probe(self, prompts: Mapping[Path, list[list[int]]]) -> None:
        """Returns when every adapter changes its own prompts' next token, no two alike; else raises UserFileError."""
        seen: dict[Path, list[Any]] = {}
        adapters = {place: fit.adapter for place, (_, fit) in self._fits.items()}
        for place, adapter in adapters.items():
            plain = [self.next_logprobs(prompt, None) for prompt in prompts[place]]
            changed = [self.next_logprobs(prompt, place) for prompt in prompts[place]]
            change, answers = _distance(changed, plain), f"the model answers {len(plain)} probe prompts"
            if not change > SAME:  # so that NaN is no change either
                problem = f"{answers} with this adapter as without it (log-probabilities differ by {change:.2g})"
                advice = "its matrices are zero, broken or not applied: train or save it again"
                raise UserFileError(adapter.path, problem, advice=advice)
            for other, theirs in seen.items():
                alike = adapter.digest != adapters[other].digest and prompts[place] == prompts[other]
                if alike and not _distance(changed, theirs) > SAME:
                    problem = f"{answers} exactly as with the adapter {adapters[other].name}"
                    advice = "the two hold the same weights, or one of them is not applied"
                    raise UserFileError(adapter.path, problem, advice=advice)
            seen[place] = changed
        self._check_base()

    def next_logprobs(self, prompt: list[int], adapter: Path | None) -> Any:
        """Log-probabilities of the token after ``prompt``: a vector over the vocabulary, in double precision."""
        import torch

        self._switch(adapter)
        with torch.inference_mode():
            ids = torch.tensor([prompt], device=self.device)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, -1]
            return torch.log_softmax(logits.double(), dim=-1).cpu()

    def batch(self, adapter: Path | None) -> Batch:
        """An empty batch to be written with an adapter, or without one; none other may be used until it is empty."""
        self._switch(adapter)
        fit = None if adapter is None else self._fits[adapter.resolve()][1]
        tokenizer = self._tokenizer if fit is None or fit.prompts is None else fit.prompts.tokenizer
        ends = self.ends if tokenizer.eos_token_id is None else self.ends | {int(tokenizer.eos_token_id)}
        voice = self._voice(tokenizer, ends)
        if self._columns is None:
            self._columns = self._keeps_columns(voice)
            self._switch(adapter)
        return Batch(voice) if self._columns else Whole(voice, lambda rows: self._generate(rows, ends, voice.decode))

    def prefix(self, adapter: Path | None, prompts: list[list[int]]) -> Prefix | None:
        """What to read once of the first prompt and those that begin alike; made where it is not there yet."""
        if not self._columns:
            return None
        length, spared = shared(prompts[0], prompts[1:])
        found = self._prefixes.find(adapter, prompts, spared)
        if found is None and length:
            self._switch(adapter)
            found = self._made(adapter, prompts[0][:length])
            self._prefixes.keep(found)
        return found

    def forget(self) -> None:
        """Lets go of what was kept to be used again."""
        self._prefixes.clear()

    def _made(self, adapter: Path | None, tokens: list[int]) -> Prefix:
        import torch

        voice = self._voice(self._tokenizer, self.ends)
        held = empty(voice.layers)
        ids = torch.tensor([tokens], device=self.device)
        with torch.inference_mode():
            forward(voice, ids, torch.ones_like(ids), held)
            layers = tuple((layer.keys.clone(), layer.values.clone()) for layer in held.layers)
        return Prefix(adapter=adapter, tokens=tokens, layers=layers)

    def _voice(self, tokenizer: Any, ends: frozenset[int]) -> Voice:
        def decode(tokens: list[int], *, special: bool = False) -> str:
            return str(tokenizer.decode(tokens, skip_special_tokens=not special, clean_up_tokenization_spaces=False))

        takes = frozenset(inspect.signature(self._model.forward).parameters)
        layers = int(self._model.config.get_text_config().num_hidden_layers)
        return Voice(ask=self._model, takes=takes, layers=layers, device=self.device, ends=ends, decode=decode)

    def _keeps_columns(self, voice: Voice) -> bool:
        """Whether rows may come and go: attention to all of the text, and the same answers so as one alone.

        Windows, recurrent states and the like are no columns that could be moved or shared.
        """
        import torch
        from transformers.cache_utils import DynamicCache, DynamicLayer

        self._switch(None)
        endless, text = replace(voice, ends=frozenset()), [(2 * i + 1) * self._vocabulary // 128 for i in range(64)]
        try:
            plain = DynamicCache(config=self._model.config).layers
            if len(plain) != voice.layers or any(type(layer) is not DynamicLayer for layer in plain):
                return False
            rows = [Row(prompt=text[: 40 + more] + text[60 - more :], limit=2) for more in (0, 7, 3)]
            batch = Batch(endless)
            batch.join(rows[:1])
            batch.join(rows[1:], self._made(None, text[:32]))
            batch.step()
            close = 1e-3 if torch.finfo(self._model.dtype).eps < 1e-6 else 0.5
            return all(self._as_alone(row, close) for row in rows)
        except Exception:  # noqa: BLE001 - whatever it is, generate knows how to ask this model
            return False

    def _as_alone(self, row: Row, close: float) -> bool:
        """Whether each token of a row is about as likely as in the whole text, read alone."""
        for i, (token, logprob) in enumerate(zip(row.tokens, row.logprobs, strict=True)):
            sure = self.next_logprobs([*row.prompt, *row.tokens[:i]], None)
            if not abs(float(sure[token]) - logprob) <= close:
                return False
        return True

    def _generate(self, rows: list[Row], ends: frozenset[int], decode: Callable[..., str]) -> None:
        """Writes every row's answer, into the row."""
        import torch

        longest = max(len(row.prompt) for row in rows)
        gaps = [longest - len(row.prompt) for row in rows]
        padded = [[self._pad] * gap + row.prompt for gap, row in zip(gaps, rows, strict=True)]

        def chosen(_input_ids: Any, logits: Any) -> Any:
            """Scores in which only the chosen token is possible; a row that has ended writes the end token."""
            going = [i for i, row in enumerate(rows) if not row.finish_reason]
            choose([rows[i] for i in going], logits[going], ends, decode)
            ids = [[min(ends) if row.finish_reason else row.tokens[-1]] for row in rows]
            return torch.full_like(logits, float("-inf")).scatter_(1, torch.tensor(ids, device=logits.device), 0.0)

        self._model.generate(
            input_ids=torch.tensor(padded, device=self.device),
            attention_mask=torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps], device=self.device),
            max_new_tokens=max(row.limit for row in rows),
            do_sample=False,
            eos_token_id=sorted(ends),
            logits_processor=[chosen],
        )

    def _switch(self, adapter: Path | None) -> None:
        """Turns on one adapter, or none."""
        place = None if adapter is None else adapter.resolve()
        if place == self._active:
            return
        self._restore()
        if place is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._fits[place][0])
            self._peft.requires_grad_(requires_grad=False)
            if self.device == "cpu" and self._model.dtype.itemsize >= 4 and self._model.num_parameters() < _SMALL:
                self._add_up(self._fits[place][0])
        self._active = place

    def _add_up(self, name: str) -> None:
        """Adds the adapter's matrices to the base's, until another is switched on: fewer and larger products.

        For small models in full precision only: it needs their memory twice, and rounds.
        """
        from peft.tuners.lora import Linear

        kept = [self._model.get_input_embeddings().weight]  # which may be the output's too
        for module in self._peft.modules():
            if (
                isinstance(module, Linear)
                and name in module.lora_A
                and not module.lora_variant
                and not any(module.lora_bias.values())
            ):
                weight = module.get_base_layer().weight
                if not any(weight is one for one in kept):
                    self._summed.append((module, weight, weight.data))
                    weight.data = weight.data + module.get_delta_weight(name)
                    module.merged_adapters.append(name)

    def _restore(self) -> None:
        """Gives the base its own matrices back."""
        while self._summed:
            module, weight, own = self._summed.pop()
            weight.data = own
            module.merged_adapters.clear()

    def _fingerprint(self) -> Any:
        """The base's answer to 64 tokens spread over its vocabulary."""
        return self.next_logprobs([(2 * i + 1) * self._vocabulary // 128 for i in range(64)], None)


def _distance(some: list[Any], others: list[Any]) -> float:
    """The largest difference between vectors of log-probabilities; NaN where one holds NaN."""
    import torch

    return float(torch.stack([(a - b).abs().max() for a, b in zip(some, others, strict=True)]).max())


def fit_of(path: Path, base: Path) -> Fit:
    """What a run would find of the adapter in ``path`` on the model in ``base``. Raises UserFileError: a refusal."""
    return fit_adapter(path, base, prompts_of(base))


def put_on(model: Any, path: Path, base: Path, name: str) -> Any:
    """The PEFT model of ``model``, loaded from ``base``, with the adapter in ``path`` whole. Raises UserFileError."""
    fit = fit_of(path, base)
    if fit.alone or fit.prompts is not None:
        own = "changes the base's own weights" if fit.alone else "brings its own tokenizer or chat template"
        raise UserFileError(path, f"the adapter {own}, so no training goes on from it", advice="take a plain LoRA")
    with quiet():
        peft = inject(model, fit.adapter, name)
        fill(peft, fit.adapter, name)
    return peft


def prompts_of(folder: Path, *, field: str = "") -> Prompts:
    """The chat template and tokenizer of a model whose folder was looked through; or raises UserFileError."""
    # set before the packages are imported: a local model never asks the network, and says nothing
    for name, value in (("HF_HUB_OFFLINE", "1"), ("TOKENIZERS_PARALLELISM", "false")):
        os.environ.setdefault(name, value)
    check_folder(folder, field=field)
    return Prompts(folder)
