"""Starts vLLM's engine, quietly, and says in one line why it does not start.

The engine's work is done by processes of its own. They inherit what is set here: they ask no network, tell nobody of
their use, write into one log file, and leave an interrupt from the keyboard to this process, which ends them in order.
"""

import contextlib
import json
import logging
import os
import re
import signal
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from harness.core import ModelSpec, UsageError, UserFileError
from harness.model.vllm_guard import MARK

_SET = {
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_NO_USAGE_STATS": "1",
    "DO_NOT_TRACK": "1",
    "VLLM_HOST_IP": "127.0.0.1",  # else vLLM looks for an address that others could reach
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",  # runs may share a machine
}
_CPU_CACHE = 1 << 30  # bytes for keys and values, without which vLLM takes nearly all memory
_SAID = re.compile(r"(?:[\w.]+\.)?(\w*(?:Error|Exception|Exit)): (\S.*)")
_TOO_SMALL = ("ValueError: To serve at least one request", "ValueError: No available memory for the cache blocks")
_TOO_LARGE = re.compile(r"ValueError: (?:Available|Free) memory on .* is less than (?:requested|desired)")
_HIDDEN = ("Engine core initialization failed", "EngineCore encountered", "Worker failed", "WorkerProc init")


def start_engine(spec: ModelSpec, options: Mapping[str, Any], adapters: int, logs: Path, mark: str) -> Any:
    """The ``AsyncLLM`` of a model's folder, with room for ``adapters`` and one more; its log goes into ``logs``.

    Takes a minute or more, and may run in any thread. Raises UserFileError and UsageError: why there is none.
    """
    for name, value in _SET.items():
        os.environ.setdefault(name, value)
    logging.getLogger("vllm").addHandler(logging.NullHandler())  # of what it says before its log is set up
    logging.getLogger("torch._library").setLevel(logging.ERROR)  # on a CPU there is no Triton to be missed
    folder, log = Path(spec.model), logs / "vllm.log"
    own_log = {} if "VLLM_LOGGING_CONFIG_PATH" in os.environ else {"log_config_file": str(_log_config(logs, log))}
    with _inherited(log, mark), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            from vllm.engine.arg_utils import AsyncEngineArgs
            from vllm.platforms import current_platform
            from vllm.usage.usage_lib import UsageContext
            from vllm.v1.engine.async_llm import AsyncLLM
        except Exception as error:  # noqa: BLE001 - a broken installation breaks in many ways
            problem = f"vLLM is installed and cannot be imported ({_one_line(error)})"
            raise UsageError(f"{problem}; see docs/vllm.md, how to make its environment") from None
        given = _platform_defaults(options) if current_platform.is_cpu() else dict(options)
        # One place more than adapters, always: on a CPU a row without an adapter reads the last place, and would be
        # answered with the adapter that stands there.
        lora = {"enable_lora": True, "max_loras": adapters + 1} if adapters else {}
        try:
            asked = AsyncEngineArgs(
                model=str(folder),
                trust_remote_code=False,
                load_format="safetensors",
                generation_config="vllm",  # an experiment says how it samples
                logprobs_mode="raw_logprobs",  # before temperature and top-p
                use_tqdm_on_load=False,
                **{**own_log, **lora, **given},
            )
            config = asked.create_engine_config(UsageContext.ENGINE_CONTEXT)
        except Exception as error:  # noqa: BLE001 - each option is refused in its own way
            raise refused(spec, error, given) from None
        if current_platform.is_cpu():
            _check_heads(folder, config.model_config.get_head_size())
        try:
            return AsyncLLM.from_vllm_config(config)
        except Exception as error:  # noqa: BLE001 - what went wrong stands in the log of another process
            raise not_started(spec, cause_in(log) or _one_line(error)) from None


def not_started(spec: ModelSpec, said: str) -> UserFileError:
    """Why the engine did not start: in our words where the cache of keys and values is too small, or too large."""
    name = next((name for name in ("kv_cache_memory_bytes", "gpu_memory_utilization") if name in spec.options), "")
    field = f"models.{spec.name}.options.{name or 'max_model_len'}"
    found = f"found {spec.options[name]:,}, and " if name else ""
    if said.startswith(_TOO_SMALL):
        problem = f"{found}the cache of keys and values has no room for one answer as long as the model can read"
        shorter = "lower max_model_len" if "max_model_len" in spec.options else "state a smaller max_model_len"
        advice = f"give {name or 'kv_cache_memory_bytes'} more, or {shorter}"
        return UserFileError("experiment.yaml", problem, field=field, advice=advice)
    if name and _TOO_LARGE.search(said):
        problem = f"{found}this machine has less memory free"
        return UserFileError("experiment.yaml", problem, field=field, advice="give it less, or end what else runs here")
    return UserFileError(spec.model, f"vLLM's engine did not start ({said})")


def cause_in(log: Path) -> str:
    """The last exception in a log that says what went wrong, in one line; empty where there is none."""
    with contextlib.suppress(OSError):
        said = [found for line in log.read_text(encoding="utf-8", errors="replace").splitlines()
                if (found := _SAID.search(line)) and not found[2].startswith(_HIDDEN)]  # fmt: skip
        return _without_links(f"{said[-1][1]}: {said[-1][2]}") if said else ""
    return ""


def _log_config(logs: Path, log: Path) -> Path:
    file = logs / "vllm.json"
    handler = {"class": "logging.FileHandler", "filename": str(log), "formatter": "plain", "level": "WARNING"}
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"plain": {"format": "%(asctime)s %(processName)s %(levelname)s %(message)s"}},
        "handlers": {"file": handler},
        "loggers": {"vllm": {"handlers": ["file"], "level": "WARNING", "propagate": False}},
    }
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


@contextlib.contextmanager
def _inherited(log: Path, mark: str) -> Iterator[None]:
    """What processes that are started here inherit: a mark, a deaf ear to interrupts, the log for all they print."""
    resource_tracker.ensure_running()  # which is this process's own, and outlives the engine
    blocked = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    os.environ[MARK] = mark
    with contextlib.ExitStack() as undo:
        undo.callback(signal.pthread_sigmask, signal.SIG_SETMASK, blocked)
        undo.callback(os.environ.pop, MARK)
        written = undo.enter_context(log.open("ab"))
        for name, number in (("stdout", 1), ("stderr", 2)):
            own = getattr(sys, name)
            kept = os.dup(number)
            undo.callback(os.close, kept)
            with contextlib.suppress(OSError, AttributeError, ValueError):  # it may be no file, as in a notebook
                if own.fileno() == number:  # what this process says meanwhile goes where it always goes
                    own.flush()
                    undo.callback(setattr, sys, name, own)
                    setattr(sys, name, undo.enter_context(open(kept, "w", buffering=1, closefd=False)))
            os.dup2(written.fileno(), number)
            undo.callback(os.dup2, kept, number)
        yield


def _platform_defaults(options: Mapping[str, Any]) -> dict[str, Any]:
    """On a CPU: float32 as with transformers, nothing compiled, and a bounded cache."""
    stated = {"kv_cache_memory_bytes", "gpu_memory_utilization"} & set(
        options
    ) or "VLLM_CPU_KVCACHE_SPACE" in os.environ
    cache = {} if stated else {"kv_cache_memory_bytes": _CPU_CACHE}
    return {"dtype": "float32", "enforce_eager": True, **cache, **options}


def _check_heads(folder: Path, size: int) -> None:
    """On a CPU vLLM learns that it does not know a head's size at the first request."""
    known: Sequence[int] = ()
    with contextlib.suppress(ImportError, AttributeError):
        from vllm.v1.attention.backends.cpu_attn import CPUAttentionBackend

        known = CPUAttentionBackend.get_supported_head_sizes()
    if known and size not in known:
        problem = f"its attention heads have {size} places, and vLLM on a CPU knows {', '.join(map(str, known))}"
        raise UserFileError(folder / "config.json", problem, field="head_dim", advice="use backend: transformers")


def refused(spec: ModelSpec, error: Exception, options: Mapping[str, Any]) -> UserFileError:
    """Which option vLLM refuses, as far as it says; else what it says of the model."""
    said = _one_line(error)
    spelled = said.lower().replace("-", "_").replace(" ", "_")
    within = {str(key).lower(): name for name, value in options.items() if isinstance(value, Mapping) for key in value}
    named = {name: name for name in options} | {
        key: name for key, name in within.items() if key not in options and len(key) > 2
    }
    places = {place: name for key, name in named.items() if (place := spelled.find(key)) >= 0}
    if places:
        name = places[min(places)]  # what it speaks of first
        field = f"models.{spec.name}.options.{name}"
        return UserFileError("experiment.yaml", f"found {options[name]!r}, which vLLM refuses ({said})", field=field)
    return UserFileError(spec.model, f"vLLM does not take this model ({said})", advice="use backend: transformers")


def _one_line(error: BaseException) -> str:
    """What an exception says."""
    errors = getattr(error, "errors", None)  # pydantic's
    with contextlib.suppress(Exception):
        first = errors()[0] if errors else None
        if first:
            told = " ".join(str(first["msg"]).removeprefix("Value error, ").split())
            return ": ".join([*(str(part) for part in first["loc"]), told])[:300]
    return _without_links(f"{type(error).__name__}: {' '.join(str(error).split())}")


def _without_links(said: str) -> str:
    """A message of vLLM's up to where it sends the reader to the web."""
    return re.split(r"\s+[Ss]ee https?://", said)[0][:300]
