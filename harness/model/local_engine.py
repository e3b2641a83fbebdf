"""One base model in memory with any number of LoRA adapters on it. Used from one thread only.

Batches hold one adapter each: on the demo's models a batch mixed by PEFT's ``adapter_names`` writes 286 answers a
second, batches by adapter 400 to 1,400, because every adapter in a mixed batch multiplies by itself.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from harness.adapter import Adapter
from harness.core import UserFileError
from harness.model.local_checks import quiet, unloadable
from harness.model.local_choose import Chooser, Row, finish
from harness.model.local_fit import Fit, fill, inject

SAME = 1e-6
"""Log-probabilities nearer than this are the same answer: the same arithmetic in the same order gives equal bits."""

_SMALL = 50_000_000  # parameters; below, a second thread costs more than it does


class Engine:
    """The weights, and what is done with them."""

    def __init__(
        self,
        folder: Path,
        tokenizer: Any,
        *,
        device: str | None,
        dtype: str | None,
        threads: int | None,
        name: str = "",
        rows: int | None = None,
    ):
        """Loads the base from its folder; nothing is fetched.

        ``tokenizer`` is the base's own, or that of the one adapter that this is a copy for, and ``rows`` the tokens
        that the copy's embedding is given. Without a device a GPU is taken where there is one; without a dtype float32
        on a CPU, elsewhere what the weights are. ``name`` is the experiment's, for messages.

        Raises:
            UserFileError: the folder holds no model that can be loaded, or the device is not there.
        """
        import torch
        from transformers import AutoModelForCausalLM, GenerationConfig

        self.device = device or ("cuda" if torch.cuda.is_available() else "cpu")
        if self.device != "cpu":
            _check_device(self.device, name)
        wanted = dtype or ("float32" if self.device == "cpu" else "auto")
        try:
            with quiet():
                loaded: Any = AutoModelForCausalLM.from_pretrained(
                    str(folder),
                    dtype=wanted if wanted == "auto" else getattr(torch, wanted),
                    local_files_only=True,
                    trust_remote_code=False,
                    use_safetensors=True,
                    ignore_mismatched_sizes=True,  # so that they are told, and refused below
                    output_loading_info=True,
                )
                self._model, told_of = loaded
                if rows is not None:
                    self._model.resize_token_embeddings(rows, mean_resizing=False)
        except Exception as error:  # noqa: BLE001 - transformers lets through whatever a wrong value leads to
            raise unloadable(folder, error) from None
        if misshapen := sorted(told_of["mismatched_keys"]):
            key, found, wanted = misshapen[0]
            problem = f"{len(misshapen)} of the tensors in its weights have another shape than it says"
            problem += f" ({key} is {list(found)}, not {list(wanted)})"
            raise UserFileError(folder / "config.json", problem, advice="take both from one model")
        if missing := sorted(told_of["missing_keys"]):
            problem = f"{len(missing)} of the model's tensors are missing in its files ({', '.join(missing[:3])})"
            raise UserFileError(folder, problem, advice="copy the model again")
        try:
            self._model.to(self.device).eval().requires_grad_(requires_grad=False)
        except Exception as error:  # noqa: BLE001 - each kind of device has its own
            full = "out of memory" in str(error).lower()
            problem = f"the model {'is too large for' if full else 'cannot be put on'} {self.device} as {wanted}"
            advice = "take another device, or another dtype"
            raise UserFileError("experiment.yaml", problem, field=f"models.{name}.device", advice=advice) from None
        if self.device == "cpu":
            torch.set_num_threads(threads or _threads(self._model.num_parameters()))
        told = self._model.generation_config
        end = told.eos_token_id if told.eos_token_id is not None else tokenizer.eos_token_id
        if end is None:
            raise UserFileError(folder / "generation_config.json", "names no eos_token_id", advice="add it")
        self.ends = frozenset([end] if isinstance(end, int) else end)
        self.max_new = int(told.max_new_tokens or 256)
        self.room: int | None = getattr(self._model.config.get_text_config(), "max_position_embeddings", None)
        pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else min(self.ends)
        # the model's own sampling settings are left out on purpose: an experiment says how it samples
        self._model.generation_config = GenerationConfig(eos_token_id=sorted(self.ends), pad_token_id=pad)
        self._folder, self._tokenizer, self._pad = folder, tokenizer, pad
        self._peft: Any = None
        self._fits: dict[Path, tuple[str, Fit]] = {}  # by the adapter's folder: what PEFT calls it, and how it fits
        self._active: Path | None = None
        self._vocabulary = int(self._model.get_input_embeddings().weight.shape[0])
        self._mark = self._fingerprint()

    def add(self, fit: Fit) -> None:
        """Puts an adapter next to those that are loaded; raises where that changes the base's own answers."""
        place = fit.adapter.path.resolve()
        name = f"adapter{len(self._fits)}"
        with quiet():
            self._peft = inject(self._model if self._peft is None else self._peft, fit.adapter, name)
            fill(self._peft, fit.adapter, name)
        self._peft.eval().requires_grad_(requires_grad=False)
        self._fits[place] = (name, fit)
        self._active = place  # PEFT may have switched layers on; the base's check below switches them off again
        if fit.alone:
            self._peft.peft_config[name].bias = "none"  # this copy's biases are the adapter's; PEFT would warn of it
            self._mark = self._fingerprint()
        self.check_base()

    def check_base(self) -> None:
        """Returns when the base alone still answers as it did before any adapter was loaded.

        Raises:
            UserFileError: it does not, so its answers would be no baseline.
        """
        drift = float((self._fingerprint() - self._mark).abs().max())
        if not drift <= SAME:
            names = ", ".join(adapter.name for adapter in self._adapters().values())
            problem = f"with {names} loaded the base answers otherwise (log-probabilities differ by {drift:.2g})"
            advice = "load it as a model of its own for the contender without an adapter"
            raise UserFileError(self._folder, problem, advice=advice)

    def probe(self, prompts: Mapping[Path, list[list[int]]]) -> None:
        """Returns when every adapter changes the next token's log-probabilities, and no two in the same way.

        ``prompts`` are by adapter, in its own tokens: what is compared with an adapter and without it is the same text.

        Raises:
            UserFileError: names the adapter that does not, or the base that changed.
        """
        seen: dict[Path, list[Any]] = {}
        adapters = self._adapters()
        for place, adapter in adapters.items():
            plain = [self.next_logprobs(prompt, None) for prompt in prompts[place]]
            changed = [self.next_logprobs(prompt, place) for prompt in prompts[place]]
            change, answers = _distance(changed, plain), f"the model answers {len(plain)} probe prompts"
            if not change > SAME:  # so that NaN is no change either
                problem = f"{answers} with this adapter as without it (log-probabilities differ by {change:.2g})"
                advice = "its matrices are zero, broken or not applied: train or save it again"
                raise UserFileError(adapter.path, problem, advice=advice)
            for other, theirs in seen.items():
                double = adapters[other]
                alike = adapter.digest != double.digest and prompts[place] == prompts[other]
                if alike and not _distance(changed, theirs) > SAME:
                    problem = f"{answers} exactly as with the adapter {double.name}"
                    advice = "the two hold the same weights, or one of them is not applied"
                    raise UserFileError(adapter.path, problem, advice=advice)
            seen[place] = changed
        self.check_base()

    def next_logprobs(self, prompt: list[int], adapter: Path | None) -> Any:
        """Log-probabilities of the token after ``prompt``: a vector over the vocabulary, in double precision."""
        import torch

        self._switch(adapter)
        with torch.inference_mode():
            ids = torch.tensor([prompt], device=self.device)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids), use_cache=False).logits[0, -1]
            return torch.log_softmax(logits.double(), dim=-1).cpu()

    def write(self, rows: list[Row], adapter: Path | None) -> None:
        """Writes every row's answer, into the row."""
        import torch

        self._switch(adapter)
        fit = None if adapter is None else self._fits[adapter.resolve()][1]
        tokenizer = self._tokenizer if fit is None or fit.prompts is None else fit.prompts.tokenizer
        ends = self.ends if tokenizer.eos_token_id is None else self.ends | {int(tokenizer.eos_token_id)}

        def decode(tokens: list[int]) -> str:
            return str(tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

        longest = max(len(row.prompt) for row in rows)
        gaps = [longest - len(row.prompt) for row in rows]
        padded = [[self._pad] * gap + row.prompt for gap, row in zip(gaps, rows, strict=True)]
        with torch.inference_mode():
            self._model.generate(
                input_ids=torch.tensor(padded, device=self.device),
                attention_mask=torch.tensor([[0] * gap + [1] * (longest - gap) for gap in gaps], device=self.device),
                max_new_tokens=max(row.limit for row in rows),
                do_sample=False,
                eos_token_id=sorted(ends),
                logits_processor=[Chooser(rows, ends, decode)],
            )
        for row in rows:
            finish(row, ends, decode)

    def _adapters(self) -> dict[Path, Adapter]:
        return {place: fit.adapter for place, (_, fit) in self._fits.items()}

    def _switch(self, adapter: Path | None) -> None:
        """Turns on one adapter, or none."""
        place = None if adapter is None else adapter.resolve()
        if place == self._active:
            return
        if place is None:
            self._peft.base_model.disable_adapter_layers()
        else:
            self._peft.base_model.enable_adapter_layers()
            self._peft.set_adapter(self._fits[place][0])
            self._peft.requires_grad_(requires_grad=False)
        self._active = place

    def _fingerprint(self) -> Any:
        """The base's answer to 64 tokens spread over its vocabulary."""
        size = self._vocabulary
        return self.next_logprobs([(2 * i + 1) * size // 128 for i in range(64)], None)


def _check_device(device: str, name: str) -> None:
    """Returns where torch can use the device."""
    import torch

    kind, _, number = device.partition(":")
    there = getattr(torch, kind).device_count()
    if int(number or 0) < there:
        return
    known = f"this machine has {there} of them, counted from 0" if there else f"torch finds no {kind} on this machine"
    advice = f"write {kind}:{there - 1} at most" if there else "write device: cpu, or leave it out"
    raise UserFileError("experiment.yaml", f"found {device}, and {known}", field=f"models.{name}.device", advice=advice)


def _distance(some: list[Any], others: list[Any]) -> float:
    """The largest difference between vectors of log-probabilities; NaN where one holds NaN."""
    import torch

    return float(torch.stack([(a - b).abs().max() for a, b in zip(some, others, strict=True)]).max())


def _threads(parameters: int) -> int:
    """Threads of torch that pay: one for small models or few cores, else half the cores, at most 16."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return 1 if parameters < _SMALL or cores <= 2 else min(16, cores // 2)
