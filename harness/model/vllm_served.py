"""The command line of vLLM's server, in one place: what is exported, documented and tried is the same."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.adapter import Adapter, load_adapter
from harness.core import ModelSpec
from harness.model.vllm_options import check_rank, longest_of, rank_for
from harness.userfile import read_text

VLLM_VERSION = "0.32.0"  # the one that was tried
SERVE = ("vllm", "serve")  # what the arguments follow


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """A base with its adapters, as vLLM's server is told of them."""

    name: str  # under which the base is asked for
    adapters: tuple[str, ...]  # names under which they are asked for
    rank: int  # ``max_lora_rank``
    dtype: str
    max_model_len: int | None

    def arguments(
        self, base: str, folders: Sequence[str], *, host: str = "127.0.0.1", port: int = 8000, more: Sequence[str] = ()
    ) -> list[str]:
        """What follows ``vllm serve``, for a base and its adapters in these folders."""
        length = [] if self.max_model_len is None else ["--max-model-len", str(self.max_model_len)]
        # One place more than adapters, always: on a CPU a row without an adapter reads the last place, and would be
        # answered with the adapter that stands there.
        places = str(len(self.adapters) + 1)
        modules = [f"{name}={folder}" for name, folder in zip(self.adapters, folders, strict=True)]
        return [
            *(base, "--served-model-name", self.name, "--host", host, "--port", str(port)),
            *("--dtype", self.dtype, *length),
            *("--generation-config", "vllm"),  # who asks says how is sampled, as in a run
            *("--enable-lora", "--max-loras", places, "--max-lora-rank", str(self.rank)),
            *more,
            *("--lora-modules", *modules),
        ]


def serving_of(
    base: Path, adapters: Mapping[str, Path], *, dtype: str | None = None, max_model_len: int | None = None
) -> Serving:
    """How a base with these adapters, by name, is served. Raises UserFileError: vLLM does not apply one whole."""
    found: list[Adapter] = [load_adapter(path) for path in adapters.values()]
    spec = ModelSpec(name=base.name, backend="vllm", model=str(base))
    for adapter in found:
        check_rank(spec, adapter)
    return Serving(
        name=base.resolve().name,
        adapters=tuple(adapters),
        rank=rank_for(found),
        dtype=dtype or _dtype(base),
        max_model_len=max_model_len or longest_of(base),
    )


def _dtype(base: Path) -> str:
    config = json.loads(read_text(base / "config.json"))
    told = config.get("dtype") or config.get("torch_dtype")
    return told if told in {"float16", "bfloat16", "float32"} else "auto"
