"""A model in this process: vLLM's asynchronous engine, with LoRA adapters by request.

Prompts are rendered and counted by the same code as the backend ``transformers``, and given to the engine as token ids:
both read the same tokens. One coroutine is one answer; the engine makes the batches. One that is cancelled takes its
request out of the engine.

What is measured: ``latency_s`` is the time from the engine's first step for a request to its last, the wait in the
engine's queue left out. The machine's time is shared by the caller among the requests in flight, as for a server.
``signals`` are the model's own, before temperature and top-p, of all tokens of the answer, its end token included.
Sampled answers draw from the request's digest alone.
"""

import asyncio
import contextlib
import itertools
import math
import multiprocessing
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from harness.core import Cause, Message, ModelError, ModelSpec, Reply, Request, Usage, UsageError, UserFileError, seeded
from harness.model.backend import Ask
from harness.model.local_choose import Row, finish, sampling_of
from harness.model.local_engine import prompts_of
from harness.model.local_fit import Fit, fit_adapter
from harness.model.local_folder import Prompts, local_digests
from harness.model.local_request import Rendered, read_request, reply_of
from harness.model.reasoning import KEEP
from harness.model.vllm_guard import Guard
from harness.model.vllm_options import OWN, rank_for
from harness.model.vllm_probe import TOP, check_alone, check_together
from harness.model.vllm_start import cause_in, start_engine

Found = TypeVar("Found")
_ENDING_S = 20.0  # what an engine's processes may take to end by themselves
_HELLO: Message = {"role": "user", "content": "Hello."}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """An adapter in the engine."""

    fit: Fit
    lora: Any  # vLLM's request for it


@dataclass(slots=True, eq=False, kw_only=True)
class _Running:
    """An engine, and what is known of it."""

    llm: Any
    processes: tuple[Any, ...]  # that the engine started in turn
    places: int  # for adapters, the one that stays free left out
    room: int  # tokens of a prompt and its answer
    held: dict[Path, _Held] = field(default_factory=dict)  # by the adapter's resolved folder


class VllmModel:
    """A model in this process behind the protocol ``Model``; ``spec.model`` is its folder."""

    def __init__(self, spec: ModelSpec) -> None:
        """Looks at nothing and starts nothing; `prepare` does."""
        self.spec, self.folder = spec, Path(spec.model)
        self._options = {key: value for key, value in spec.options.items() if key not in OWN}
        self._running: _Running | None = None
        self._asked = set[str]()  # requests that are in the engine
        self._numbers = itertools.count(1)
        self._closed = False
        # tokenizers are asked by one thread, which also starts the engine: neither may hold up the event loop
        self._thread = ThreadPoolExecutor(1, thread_name_prefix=f"vllm-{spec.name}")
        self._logs = tempfile.TemporaryDirectory(prefix="ownbench-vllm-", ignore_cleanup_errors=True)
        self._guard: Guard | None = None  # of the engine, from before it is started

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Starts the engine with these adapters, and asks it once with each; `UserFileError` where one does not fit."""
        if self._closed:
            raise UsageError(f"model {self.spec.name!r} was closed")
        running = self._running
        before = {} if running is None else {place: one.fit for place, one in running.held.items()}
        fits = before | await self._off_loop(lambda: self._fits([p for p in adapters if p.resolve() not in before]))
        if running is None or len(fits) > running.places:
            await self._stop()
            running = await self._off_loop(lambda: self._start(fits))
        self._running = running
        for place, fit in fits.items():
            if place not in running.held:
                await self._load(running, place, fit)
        await self._look()

    @property
    def holds_adapters(self) -> bool:
        """Whether it was prepared with any."""
        return self._running is not None and bool(self._running.held)

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask) -> tuple[str, ...]:  # noqa: ARG002
        """Returns when every adapter changes an answer, no two alike, and all answer in one batch as they do alone."""
        running = self._engine()
        if not prompts:
            raise UsageError(f"model {self.spec.name!r}: probing adapters needs at least one prompt")
        ways = {place: running.held[place] if place else None for place in (None, *running.held)}
        alone = {place: await self._seen(running, prompts, held) for place, held in ways.items()}
        base, again = alone[None], await self._seen(running, prompts, None)
        fits = {place: held.fit for place, held in running.held.items()}
        check_alone(base, again, {place: alone[place] for place in running.held}, fits)
        found = await asyncio.gather(*(self._seen(running, prompts, held) for held in ways.values()))
        name = {place: f"the adapter {fits[place].adapter.name}" if place else "the base" for place in ways}
        together = {name[place]: one for place, one in zip(ways, found, strict=True)}
        mixed = check_together({name[place]: one for place, one in alone.items()}, together, self.folder)
        notes = (*(note for fit in fits.values() for note in fit.notes), *mixed)
        return tuple(f"model {self.spec.name}: {note}" for note in notes)

    async def answer(self, request: Request) -> Reply:
        """One answer. ``max_tokens`` is lowered to the room that the prompt leaves.

        Raises ModelError: ``context``, where it leaves none; ``request``, for what a local model cannot; ``internal``.
        """
        running, started = self._engine(), time.perf_counter()
        try:
            held, asked, row = await self._off_loop(lambda: self._read(request, running))
            ends = self._ends_of(asked.reader)
            seconds = await self._write(running, row, held, ends)
            if row.letters:
                await self._weigh_letters(running, row, held)
            await self._off_loop(lambda: finish(row, ends, partial(_decoded, asked.reader.tokenizer)))
        except ModelError:
            raise
        except Exception as error:  # noqa: BLE001 - a failed request is data
            raise self._fault(error) from None
        if seconds is None:
            seconds = time.perf_counter() - started
        usage = Usage(input=len(row.prompt), output=len(row.tokens), source="counted")
        keep = self.spec.options.get("reasoning") == KEEP
        return reply_of(row, asked, usage, seconds, self._version, keep=keep)

    async def close(self) -> None:
        """Ends the engine and its processes; requests under way end with ``internal``."""
        self._closed = True
        if self._running is None and self._guard is not None:  # it is being started, by a thread that does not listen
            await asyncio.to_thread(self._guard.end)
        await self._stop()
        await asyncio.to_thread(self._thread.shutdown, cancel_futures=True)
        self._logs.cleanup()

    # ---------------------------------------------------------------------------------------- the engine's life

    def _fits(self, adapters: Sequence[Path]) -> dict[Path, Fit]:
        """How each adapter goes into the base; also reads the base's own prompts. Raises UserFileError."""
        self._read_folder()
        fits = {path.resolve(): fit_adapter(path, self.folder, self._prompts) for path in adapters}
        for fit in fits.values():
            if fit.alone:
                problem, advice = "it changes the base's own weights or tokens", "use backend: transformers for it"
                raise UserFileError(fit.adapter.path, f"{problem}, which vLLM does not do", advice=advice)
        return fits

    def _read_folder(self) -> None:
        if hasattr(self, "_prompts"):
            return
        from transformers import AutoConfig, GenerationConfig

        self._prompts: Prompts = prompts_of(self.folder, field=f"models.{self.spec.name}.path")
        if (self.folder / "generation_config.json").is_file():
            told = GenerationConfig.from_pretrained(str(self.folder), local_files_only=True)
        else:
            told = AutoConfig.from_pretrained(str(self.folder), local_files_only=True, trust_remote_code=False)
        end = told.eos_token_id if told.eos_token_id is not None else self._prompts.tokenizer.eos_token_id
        if end is None:
            raise UserFileError(self.folder / "generation_config.json", "names no eos_token_id", advice="add it")
        self._ends = frozenset([end] if isinstance(end, int) else end)
        self._most = int(getattr(told, "max_new_tokens", None) or 256)
        self._version = local_digests(self.folder)[0]

    def _ends_of(self, prompts: Prompts) -> frozenset[int]:
        own = prompts.tokenizer.eos_token_id
        return self._ends if own is None else self._ends | {int(own)}

    def _start(self, fits: dict[Path, Fit]) -> _Running:
        places, options = len(fits), dict(self._options)
        if fits:
            stated, field = options.get("max_loras"), f"models.{self.spec.name}.options.max_loras"
            if stated is not None and stated <= places:
                problem = f"found {stated}, and {places} adapter{'s need' if places > 1 else ' needs'} {places + 1}"
                advice = "one stays free, for answers without an adapter; leave it out"
                raise UserFileError("experiment.yaml", problem, field=field, advice=advice)
            options.setdefault("max_lora_rank", rank_for(fit.adapter for fit in fits.values()))
        else:  # of no use, and vLLM wonders about them
            options = {key: value for key, value in options.items() if key not in {"max_loras", "max_lora_rank"}}
        self._guard, before = Guard(), set(multiprocessing.active_children())
        try:
            llm = start_engine(self.spec, options, places, Path(self._logs.name), self._guard.mark)
        except BaseException:
            self._guard.end()
            raise
        processes = tuple(set(multiprocessing.active_children()) - before)
        return _Running(llm=llm, processes=processes, places=places, room=int(llm.model_config.max_model_len))

    async def _load(self, running: _Running, place: Path, fit: Fit) -> None:
        from vllm.lora.request import LoRARequest

        number = len(running.held) + 1
        lora = LoRARequest(lora_name=f"{number}-{fit.adapter.name}", lora_int_id=number, lora_path=str(place))
        try:
            loaded = await running.llm.add_lora(lora)
        except Exception as error:  # noqa: BLE001 - said in many ways, by another process
            raise UserFileError(place, f"vLLM refuses this adapter ({self._fault(error)})") from None
        if not loaded:
            raise UserFileError(place, "vLLM did not load this adapter")
        running.held[place] = _Held(fit=fit, lora=lora)

    async def _look(self) -> None:
        """Asks for a token without and with each adapter, so that no attempt pays for what is made at first use."""
        running = self._engine()
        prompt = await self._off_loop(lambda: self._prompts.tokens(self._prompts.render([_HELLO])))
        sampling = sampling_of(self.spec.sampling)
        rows = [Row(prompt=prompt, limit=1, sampling=sampling) for _ in range(len(running.held) + 1)]
        asked = zip(rows, [None, *running.held.values()], strict=True)
        try:
            await asyncio.gather(*(self._write(running, row, held, self._ends) for row, held in asked))
        except Exception as error:  # noqa: BLE001 - as above
            raise UserFileError(self.folder, f"vLLM's engine does not answer ({self._fault(error)})") from None

    async def _stop(self) -> None:
        """Ends the engine, if there is one; who waits for it learns of that."""
        running, self._running = self._running, None
        if running is None:
            return
        with contextlib.suppress(Exception):
            await running.llm.abort(sorted(self._asked))
        for _ in range(100):
            if not self._asked:
                break
            await asyncio.sleep(0.01)
        await asyncio.to_thread(running.llm.shutdown, _ENDING_S)
        running.llm.shutdown = _nothing  # which it calls once more when the interpreter ends, and then cannot
        for process in running.processes:  # each takes its shared memory back
            await asyncio.to_thread(process.join, _ENDING_S)
        if self._guard is not None:
            await asyncio.to_thread(self._guard.end)

    # -------------------------------------------------------------------------------------------- one request

    def _engine(self) -> _Running:
        if self._running is None:
            what = "was closed" if self._closed else "was not prepared"
            raise ModelError(Cause.INTERNAL, f"model {self.spec.name!r} {what}")
        return self._running

    def _read(self, request: Request, running: _Running) -> tuple[_Held | None, Rendered, Row]:
        """Which adapter answers, the prompt that it continues, and the row to write."""
        held = None
        if request.adapter is not None and (held := running.held.get(Path(request.adapter).resolve())) is None:
            problem = f"the adapter {request.adapter} is not loaded; prepare() loads adapters"
            raise ModelError(Cause.REQUEST, problem)
        prompts = self._prompts if held is None else held.fit.prompts or self._prompts
        row, asked = read_request(request, prompts, running.room, self._most)
        return held, asked, row

    async def _write(self, running: _Running, row: Row, held: _Held | None, ends: frozenset[int]) -> float | None:
        """Has the engine write a row; the seconds that it took, where the engine says so."""
        output = await self._generate(running, row, held, stop_token_ids=sorted(ends), logprobs=2)
        one, told = output.outputs[0], output.metrics
        row.tokens, row.finish_reason = list(one.token_ids), str(one.finish_reason)
        for token, step in zip(row.tokens, one.logprobs, strict=True):
            first, second, *_ = sorted((one.logprob for one in step.values()), reverse=True) + [-math.inf] * 2
            row.logprobs.append(step[token].logprob)
            row.margins.append(math.exp(first) - math.exp(second))
        if told is None or not told.scheduled_ts:
            return None
        row.first_token_s = told.first_token_ts - told.scheduled_ts
        return float(told.last_token_ts - told.scheduled_ts)

    async def _weigh_letters(self, running: _Running, row: Row, held: _Held | None) -> None:
        """Asks for the probability of each letter's tokens to be the first; the prompt is in the engine's cache."""
        tokens = sorted({token for some in row.letters.values() for token in some})
        if tokens:
            output = await self._generate(running, row, held, logprob_token_ids=tokens, logprobs=len(tokens))
            (sure,) = output.outputs[0].logprobs
            row.sure_of = {letter: math.fsum(math.exp(sure[token].logprob) for token in some)
                           for letter, some in row.letters.items()}  # fmt: skip

    async def _seen(
        self, running: _Running, prompts: Sequence[Sequence[Message]], held: _Held | None
    ) -> list[dict[int, float]]:
        """The likeliest first tokens of the answers to some prompts, all of them in one batch."""
        reader = self._prompts if held is None else held.fit.prompts or self._prompts
        asked = await self._off_loop(lambda: [reader.tokens(reader.render(messages)) for messages in prompts])
        try:
            rows = (Row(prompt=prompt, limit=1) for prompt in asked)
            outputs = await asyncio.gather(*(self._generate(running, row, held, logprobs=TOP) for row in rows))
        except Exception as error:  # noqa: BLE001 - said in many ways
            raise self._fault(error) from None
        return [{token: one.logprob for token, one in found.outputs[0].logprobs[0].items()} for found in outputs]

    async def _generate(self, running: _Running, row: Row, held: _Held | None, **more: Any) -> Any:
        """The engine's last word on a row. Cancelling it takes the request out of the engine."""
        from vllm.sampling_params import RequestOutputKind, SamplingParams

        asked, number = row.sampling, f"{self.spec.name}-{next(self._numbers)}"
        stop = list(asked["stop"])
        parameters = SamplingParams(
            temperature=float(asked["temperature"]),
            top_p=float(asked["top_p"]),
            top_k=asked["top_k"] or 0,
            max_tokens=row.limit,
            stop=stop or None,
            ignore_eos=True,  # those that count are given by number
            seed=seeded("sample", row.identity).getrandbits(63) if asked["temperature"] else None,
            detokenize=bool(stop),
            output_kind=RequestOutputKind.FINAL_ONLY,
            **more,
        )
        prompt, lora, last = {"prompt_token_ids": row.prompt}, held and held.lora, None
        self._asked.add(number)
        try:
            stream = running.llm.generate(prompt, parameters, number, lora_request=lora)
            async with contextlib.aclosing(stream):
                async for last in stream:  # noqa: B007 - of which there is one
                    pass
        finally:
            self._asked.discard(number)
        if last is None or last.outputs[0].finish_reason not in {"stop", "length"}:
            why = "was closed" if self._closed else "gave no answer"
            raise ModelError(Cause.INTERNAL, f"model {self.spec.name!r} {why}")
        return last

    def _fault(self, error: Exception) -> ModelError:
        """What is told of an exception of the engine's; one that has died answers nothing more."""
        if isinstance(error, ModelError):
            return error
        running, said = self._running, f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
        if running is None or not running.llm.errored:
            return ModelError(Cause.REQUEST if "ValidationError" in type(error).__name__ else Cause.INTERNAL, said)
        why = cause_in(Path(self._logs.name) / "vllm.log") or said
        fault = ModelError(Cause.INTERNAL, f"model {self.spec.name!r}: vLLM's engine has ended ({why})")
        fault.not_yet = True
        return fault

    async def _off_loop(self, work: Callable[[], Found]) -> Found:
        """What ``work`` gives, done by the model's own thread."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        except RuntimeError:
            if self._closed:
                raise ModelError(Cause.INTERNAL, f"model {self.spec.name!r} was closed") from None
            raise


def _nothing(timeout: float | None = None) -> None:
    """What is left to do for an engine that has ended."""


def _decoded(tokenizer: Any, tokens: list[int], *, special: bool = False) -> str:
    return str(tokenizer.decode(tokens, skip_special_tokens=not special, clean_up_tokenization_spaces=False))
