"""Any server that speaks OpenAI's ``/chat/completions``: vLLM, llama.cpp, most hosts. A thin client over httptools.

An adapter is asked for by its folder's name in place of ``model``, which is how vLLM serves LoRA modules
(``--lora-modules tickets=adapters/tickets``); before a run, the server has to show that it applies it.
"""

import json
import time
from collections.abc import AsyncIterable, AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import AfterValidator

from harness.core import Cause, Message, ModelError, ModelSpec, Reply, Request, Usage, UsageError
from harness.model.backend import Ask, Backend, Opening
from harness.model.connection import CutError, NoConnectionError, NotHttpError
from harness.model.entry import CAPABILITIES, ServedEntry, check_address, check_base
from harness.model.faults import Redact, failure_in, http_error, redact_also, shown
from harness.model.http import Connections
from harness.model.reasoning import SEPARATE
from harness.model.remaining import hear
from harness.model.served import asked_for_adapters, notes_on, probe
from harness.model.served_list import listing
from harness.model.sse import DONE, Event, Joined, events
from harness.model.wire import MISSHAPEN, no_completion, read_reply, request_fields
from harness.userfile import Text, Truth


class OpenAIEntry(ServedEntry):
    """A model of the backend ``openai``."""

    model: Text
    base_url: Annotated[Text, AfterValidator(check_address), AfterValidator(check_base)]
    stream: Truth = False


class OpenAIBackend(Backend):
    """A server under the user's own address: whose it is, is not said by that."""

    name = "openai"
    entry = OpenAIEntry
    packages = ("httptools",)
    remote = True
    can = CAPABILITIES

    def open(self, spec: ModelSpec, given: Opening) -> "OpenAIModel":
        """A model of that server."""
        return OpenAIModel(spec, redact=given.redact, environment=given.environment)

    def notes(self, spec: ModelSpec) -> tuple[str, ...]:
        """An address that most servers do not answer under."""
        if not spec.base_url or urlsplit(spec.base_url).path.strip("/"):
            return ()
        said = f"base_url {spec.base_url} has no path, and most servers answer under /v1"
        return (f"model {spec.name}: {said}; if this one does, write {spec.base_url.rstrip('/')}/v1",)

    def adapter_notes(self, spec: ModelSpec, adapters: Sequence[Path]) -> tuple[str, ...] | None:
        """That their own tokenizers are up to the server."""
        return notes_on(spec, adapters) if asked_for_adapters(spec, adapters) else None

    def tunes(self, spec: ModelSpec) -> bool:
        """By the adapters that llama.cpp's server is asked for."""
        return asked_for_adapters(spec, ())


BACKEND = OpenAIBackend()


class OpenAIModel:
    """One model of an OpenAI-compatible server."""

    def __init__(self, spec: ModelSpec, *, redact: Redact, environment: Mapping[str, str]) -> None:
        self.spec = spec
        key = environment.get(spec.api_key_env, "").strip() if spec.api_key_env else ""
        self._redact = redact_also(redact, key)
        self._url = (spec.base_url or "").rstrip("/") + "/chat/completions"
        self._headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {key}"} if key else {})
        self._stream = bool(spec.options.get("stream"))
        self._reasoning = str(spec.options.get("reasoning") or SEPARATE)
        self._connections = Connections()
        self._adapters: tuple[Path, ...] = ()

    async def prepare(self, adapters: Sequence[Path] = ()) -> None:
        """Checks that no two adapters go by one name; sends nothing."""
        by_name: dict[str, Path] = {}
        for folder in adapters:
            if (other := by_name.setdefault(folder.name, folder)) != folder:
                problem = f"the adapters {other} and {folder} have one folder name, by which the server knows them"
                raise UsageError(f"model {self.spec.name!r}: {problem}; rename one")
        self._adapters = tuple(adapters)

    @property
    def holds_adapters(self) -> bool:
        """Whether the server is asked for any, by name or in the request."""
        return asked_for_adapters(self.spec, self._adapters)

    async def probe_adapters(self, prompts: Sequence[Sequence[Message]], ask: Ask) -> tuple[str, ...]:
        """As `harness.model.served.probe`; the server's list of models is read at each call."""
        url = self._url.removesuffix("/chat/completions") + "/models"
        listed = await listing(self._connections, url, self._headers)
        return await probe(self.spec, self._adapters, prompts, ask, listed)

    async def answer(self, request: Request) -> Reply:
        """One request, no retries. Raises ModelError: as `harness.model.faults`, or ``network``, or ``protocol``."""
        fields = request_fields(request, logprobs=True)
        fields["model"] = Path(request.adapter).name if request.adapter else self.spec.model
        if self._stream:
            fields |= {"stream": True, "stream_options": {"include_usage": True}}
        payload = _packed(fields)
        started = time.perf_counter()
        try:
            async with self._connections.ask(self._url, payload, self._headers) as answer:
                hear(answer.headers)
                if answer.status != 200:
                    failed = http_error(answer.status, await answer.error_text(), answer.headers, self._redact)
                    if failed.http_status == 404 and not urlsplit(self.spec.base_url or "").path.strip("/"):
                        failed.args = (f"{failed} (base_url has no path: most servers answer under /v1)",)
                    raise failed
                if answer.content_type == "text/event-stream":
                    return await self._streamed(answer.pieces(), answer.headers, started, request)
                data = await answer.body()
        except TimeoutError as error:
            raise ModelError(Cause.TIMEOUT, "no answer in time") from error
        except (OSError, ValueError, NoConnectionError, CutError, NotHttpError) as error:
            raise _fault(error, self._redact) from None
        if data.lstrip().startswith((b"data:", b"event:")):  # a stream under another name
            return await self._streamed(_at_once(data), answer.headers, started, request)
        value = _unpacked(data)
        body = self._checked(Event("", data, value), answer.headers)
        latency_s = time.perf_counter() - started
        return read_reply(body, latency_s=latency_s, reasoning=self._reasoning, letters=request.letters)

    async def _streamed(
        self, pieces: AsyncIterable[bytes], headers: Mapping[str, str], started: float, request: Request
    ) -> Reply:
        joined, ttft_s = Joined(), None
        async for event in events(pieces):
            if event.data == DONE:
                joined.ended = True
                break
            if event.value is None and event.data == b"null":
                continue
            try:
                told = joined.add(self._checked(event, headers))
            except MISSHAPEN as error:
                raise no_completion(error) from None
            if told and ttft_s is None:
                ttft_s = time.perf_counter() - started
        if not joined.ended:
            raise ModelError(Cause.NETWORK, "the stream was cut before its end")
        latency_s = time.perf_counter() - started
        more: dict[str, Any] = {"ttft_s": ttft_s, "reasoning": self._reasoning, "letters": request.letters}
        return read_reply(joined.body(), latency_s=latency_s, **more)

    def _checked(self, found: Event, headers: Mapping[str, str]) -> Any:
        """The JSON of an answer or of an event; an error that came with status 200 is raised as the error it is."""
        body = found.value
        if found.name == "error":
            text = found.data.decode("utf-8", "replace")
            body = body if isinstance(body, dict) else {"error": body or text}
            body = body if body.get("error") or "choices" in body else {"error": body}
        elif body is None and (text := found.data.decode("utf-8", "replace")).strip() != "null":
            raise ModelError(Cause.PROTOCOL, f"the answer is not JSON: {shown(text, self._redact) or 'empty'}")
        if (error := failure_in(body, self._redact, headers)) is not None:
            raise error
        return body

    async def close(self) -> None:
        """Closes the connections."""
        await self._connections.close()


def _fault(error: Exception, redact: Redact) -> ModelError:
    """What a failed connection, or an answer that is no HTTP, means."""
    cause, text, usage = Cause.NETWORK, f"{type(error).__name__}: {error}", None
    if isinstance(error, NotHttpError):
        cause, text = Cause.PROTOCOL, f"not HTTP: {error}"
    elif isinstance(error, ValueError):
        cause, text = Cause.REQUEST, f"not a URL: {error}"
    elif isinstance(error, NoConnectionError):
        text = f"{error}; is the server running, and base_url right?"
        usage = Usage.total(())  # nothing was sent, so nothing was used
    failed = ModelError(cause, shown(text, redact))
    failed.usage, failed.not_there = usage, isinstance(error, NoConnectionError)
    return failed


def _packed(fields: Mapping[str, Any]) -> bytes:
    """As JSON. Records are frozen, and hold mappings that JSON has not."""
    try:
        return orjson.dumps(fields, default=dict)
    except TypeError:  # half of a surrogate pair, a number beyond 64 bits, a key that is no text
        return json.dumps(fields, default=dict).encode()


def _unpacked(data: bytes) -> Any:
    """The JSON in it; ``None`` where it is none."""
    try:
        return orjson.loads(data)
    except ValueError:  # some servers write NaN, or half of a surrogate pair
        try:
            return json.loads(data)
        except (ValueError, RecursionError):
            return None


async def _at_once(data: bytes) -> AsyncIterator[bytes]:
    yield data
