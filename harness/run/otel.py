"""A run as OpenTelemetry has it: spans and metrics by the GenAI conventions, sent to the receiver that the user names.

No text goes out: no prompt, no answer, no argument of a tool. ``calls.parquet`` stays the record.
Source: OpenTelemetry, Semantic Conventions for Generative AI systems (in development: names may move).
"""

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from harness.core import (
    Acted,
    Call,
    ModelSpec,
    Status,
    Usage,
    UsageError,
    install_line,
    is_this_machine,
    known_sum,
    plural,
)
from harness.experiment import Assembled
from harness.model import backend_of
from harness.run.trace import Begun, Ended, Event

QUEUE = 1 << 17  # spans that may wait to be sent; what comes beyond them is lost, and counted
PATIENCE_S = 5.0  # for one request to the receiver, retries included
SECONDS = [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92]
TOKENS = [1, 4, 16, 64, 256, 1024, 4096, 16384, 65536, 262144, 1048576, 4194304, 16777216, 67108864]
"""Bounds of the histograms' buckets, as the conventions want them."""
PROVIDERS = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "mistral": "mistral_ai",
    "vertex_ai": "gcp.vertex_ai",
    "xai": "x_ai",
}
"""The conventions' names of providers, by litellm's where they differ."""


@dataclass(slots=True)
class Receiver:
    """Where spans go, and what became of them."""

    url: str
    made: int = 0
    sent: int = 0

    def add(self, other: "Receiver") -> None:
        """What another process of the run made and sent."""
        self.made, self.sent = self.made + other.made, self.sent + other.sent

    @property
    def note(self) -> str | None:
        """What a user must know at the end."""
        if (lost := self.made - self.sent) > 0:
            return (
                f"--otlp: {self.url} did not take {lost:,} of {plural(self.made, 'span')}; calls.parquet has all calls"
            )
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanParent:
    """The span of the run, for attempts that another process makes."""

    url: str
    trace: int
    span: int


class Spans:
    """Hears the events of a run: a span an attempt, and under it one a call and one an action."""

    def __init__(
        self, assembled: Assembled, receiver: Receiver, tracer: Any, meter: Any, parent: SpanParent | None = None
    ) -> None:
        from opentelemetry import trace

        self._api, self.receiver, self._tracer = trace, receiver, tracer
        self._known = {name: _of_model(spec) for name, spec in assembled.specs.items()}
        self._recorded = {name for name, spec in assembled.specs.items() if backend_of(spec).recorded}
        self._open: dict[str, Any] = {}
        made = meter.create_histogram
        self._duration = made("gen_ai.client.operation.duration", "s", explicit_bucket_boundaries_advisory=SECONDS)
        self._tokens = made("gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=TOKENS)
        if parent is not None:
            flags = trace.TraceFlags(trace.TraceFlags.SAMPLED)
            self._run: Any = trace.NonRecordingSpan(
                trace.SpanContext(parent.trace, parent.span, is_remote=True, trace_flags=flags)
            )
        else:
            self._run = self._begun("ownbench.run", None, {"ownbench.report": assembled.experiment.name})

    def __call__(self, attempt: str, event: Event) -> None:
        """An event of an attempt, as it happens."""
        if isinstance(event, Begun):
            self._open[attempt] = self._begun("ownbench.attempt", self._run, {"ownbench.attempt.id": attempt})
        elif isinstance(event, Call):
            if not event.cache_hit and event.model not in self._recorded:  # an answer on record is no operation
                self._call(attempt, event)
        elif isinstance(event, Acted):
            self._act(attempt, event)
        elif isinstance(event, Ended) and (span := self._open.pop(attempt, None)) is not None:
            row = event.outcome
            found = {"contender": row.contender, "suite": row.suite, "task": row.task, "trial": row.trial}
            found |= {"status": row.status.value, "score": row.score, "cost_usd": row.cost_usd}
            span.set_attributes({f"ownbench.{name}": value for name, value in found.items() if value is not None})
            lost = row.status in {Status.ERRORED, Status.UNGRADED}
            self._ended(span, error=str(row.cause) if lost else "", why=event.reason if lost else "")

    @property
    def parent(self) -> SpanParent:
        """For processes that make attempts of this run."""
        here = self._run.get_span_context()
        return SpanParent(url=self.receiver.url, trace=here.trace_id, span=here.span_id)

    def close(self) -> None:
        """Ends what is still open."""
        for span in [*self._open.values(), self._run]:
            self._ended(span)

    def _call(self, attempt: str, call: Call) -> None:
        now, known = time.time_ns(), self._known[call.model]
        began = now - int(1e9 * (call.latency_s or 0.0))
        if call.latency_s is None and call.started_at is not None:
            began = min(now, int(1e9 * call.started_at.timestamp()))
        error, _, why = (call.error or "").partition(": ")
        model = known["gen_ai.request.model"]
        found = {**known, **_of_usage(call.usage), "ownbench.role": call.role.value, "ownbench.retries": call.retries}
        found |= {"ownbench.cost_usd": call.cost.usd, "gen_ai.response.time_to_first_chunk": call.ttft_s}
        found |= {"ownbench.adapter": call.adapter}
        if call.finish_reason:
            found["gen_ai.response.finish_reasons"] = (call.finish_reason,)
        self._ended(
            self._begun(f"chat {model}", self._open.get(attempt), found, began, self._api.SpanKind.CLIENT),
            now,
            error,
            why,
        )
        failed = {"error.type": error} if error else {}
        self._duration.record((now - began) / 1e9, {**known, **failed})
        for kind in ("input", "output"):
            if (tokens := found.get(f"gen_ai.usage.{kind}_tokens")) is not None and not error:
                self._tokens.record(tokens, {**known, "gen_ai.token.type": kind})

    def _act(self, attempt: str, action: Acted) -> None:
        now = time.time_ns()
        found: dict[str, Any] = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": action.tool}
        found |= {
            "ownbench.allowed": action.allowed,
            "ownbench.rule": action.rule,
            "ownbench.exit_code": action.exit_code,
        }
        span = self._begun(
            f"execute_tool {action.tool}", self._open.get(attempt), found, now - int(1e9 * action.seconds)
        )
        self._ended(span, now, action.cause)

    def _begun(self, name: str, parent: Any, found: dict[str, Any], at: int | None = None, kind: Any = None) -> Any:
        self.receiver.made += 1
        known = {key: value for key, value in found.items() if value is not None}
        within = self._api.set_span_in_context(
            parent or self._api.INVALID_SPAN
        )  # never of a span that is the caller's own
        return self._tracer.start_span(
            name, context=within, kind=kind or self._api.SpanKind.INTERNAL, attributes=known, start_time=at
        )

    def _ended(self, span: Any, at: int | None = None, error: str = "", why: str = "") -> None:
        if error:
            span.set_attribute("error.type", error)
            span.set_status(self._api.StatusCode.ERROR, why or None)
        span.end(at)


@contextmanager
def spans_to(
    url: str, assembled: Assembled, *, offline: bool = False, parent: SpanParent | None = None
) -> Iterator[tuple[Spans, Receiver]]:
    """An observer for a run, and what became of its spans. Raises UsageError: nothing can be sent there.

    ``parent``: of a run that another process drives, which has looked whether anything can.
    """
    base = checked_receiver(url, offline=offline)
    try:
        from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import PeriodicExportingMetricReader
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult
        from opentelemetry.sdk.trace.sampling import ALWAYS_ON
        from requests import Session
    except ImportError:
        raise UsageError(f"--otlp needs OpenTelemetry's packages; {install_line('otel')}") from None

    receiver = Receiver(base)

    class Heard(Session):  # type: ignore[misc,unused-ignore]
        """Keeps what came of the last request."""

        last: int | Exception | None = None

        def request(self, *args: Any, **how: Any) -> Any:
            try:
                answer = super().request(*args, **how)
            except Exception as error:
                self.last = error
                raise
            self.last = answer.status_code
            return answer

    heard, closing = Heard(), False

    class Counting(OTLPSpanExporter):  # type: ignore[misc]
        """Counts what the receiver took; once the run is over, one that takes nothing is not waited for again."""

        failed = False

        def export(self, spans: "list[ReadableSpan]") -> "SpanExportResult":
            result = SpanExportResult.FAILURE if closing and self.failed else super().export(spans)
            self.failed = result is not SpanExportResult.SUCCESS
            receiver.sent += 0 if self.failed else len(spans)
            return result

    with _quiet():
        exporter = Counting(endpoint=f"{base}/v1/traces", timeout=PATIENCE_S, session=heard)
        if parent is None and exporter.export([]) is not SpanExportResult.SUCCESS:
            raise UsageError(f"--otlp: {base} takes no traces: {_refusal(heard.last)}")
        resource = Resource.create({"service.name": "ownbench"})
        traces = TracerProvider(resource=resource, sampler=ALWAYS_ON, shutdown_on_exit=False)
        traces.add_span_processor(BatchSpanProcessor(exporter, max_queue_size=QUEUE, schedule_delay_millis=1000))
        reader = PeriodicExportingMetricReader(OTLPMetricExporter(endpoint=f"{base}/v1/metrics", timeout=PATIENCE_S))
        metrics = MeterProvider([reader], resource=resource, shutdown_on_exit=False)
        spans = Spans(assembled, receiver, traces.get_tracer("ownbench"), metrics.get_meter("ownbench"), parent)
        try:
            yield spans, receiver
        finally:
            closing = True
            spans.close()
            traces.force_flush()
            traces.shutdown()
            if exporter.failed:  # nor are its metrics taken
                reader._exporter.shutdown()  # noqa: SLF001 - there is no other way to give up what is not sent
            metrics.shutdown()


def _refusal(last: int | Exception | None) -> str:
    """What a receiver did with an empty request, and what to do."""
    give = "give the base address of a receiver of OTLP over HTTP, such as http://127.0.0.1:4318"
    if last in {401, 403}:
        return f"it answers HTTP {last}; set its key in OTEL_EXPORTER_OTLP_HEADERS, such as authorization=Bearer%20KEY"
    if isinstance(last, int):
        return f"it answers HTTP {last} at /v1/traces; {give}"
    if "Timeout" in type(last).__name__ and "Connect" not in type(last).__name__:
        return f"it did not answer within {PATIENCE_S:g} s; see that it works, or {give}"
    return f"nothing answers there; start the receiver, or {give}"


def checked_receiver(url: str, *, offline: bool = False) -> str:
    """The base address of a receiver. Raises UsageError: it is none, or not to be asked."""
    try:
        parts = urlsplit(url)
        whole = parts.scheme in {"http", "https"} and parts.hostname is not None and (parts.port or 1) > 0
    except ValueError:
        whole = False
    if not whole:
        raise UsageError("--otlp: that is no http or https address; give one such as http://127.0.0.1:4318")
    if parts.username is not None or parts.query or parts.fragment:
        raise UsageError("--otlp: give the address alone; a key goes into the variable OTEL_EXPORTER_OTLP_HEADERS")
    base = url.rstrip("/").removesuffix("/v1/traces")
    if offline and not is_this_machine(urlsplit(base).hostname):
        raise UsageError(f"--otlp: --offline allows only a receiver on this machine, and this one is at {base}")
    return base


@contextmanager
def _quiet() -> Iterator[None]:
    """What the library says of a receiver that is gone is counted and said once, at the end."""
    logger = logging.getLogger("opentelemetry")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        logger.setLevel(before)


def _of_model(spec: ModelSpec) -> dict[str, Any]:
    """What every span of a model has. A folder of this machine is named as the experiment names it."""
    backend = backend_of(spec)
    provider, slash, _ = spec.model.partition("/")
    named = spec.backend if spec.backend != "litellm" else PROVIDERS.get(provider, provider) if slash else "openai"
    found: dict[str, Any] = {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": named,
        "gen_ai.request.model": spec.model if backend.named and spec.model else spec.name,
    }
    if spec.base_url:
        address = urlsplit(spec.base_url)
        port = address.port or (443 if address.scheme == "https" else 80)
        found |= {"server.address": address.hostname or "", "server.port": port}
    return found


def _of_usage(usage: Usage) -> dict[str, int | None]:
    """Token counts as the conventions have them: all of the prompt, all that was made, and their parts."""
    return {
        "gen_ai.usage.input_tokens": known_sum([usage.input, usage.cached_input, usage.cache_write]),
        "gen_ai.usage.output_tokens": known_sum([usage.output, usage.reasoning]),
        "gen_ai.usage.cache_read.input_tokens": usage.cached_input,
        "gen_ai.usage.cache_creation.input_tokens": usage.cache_write,
        "gen_ai.usage.reasoning.output_tokens": usage.reasoning,
    }
