"""What a receiver of OpenTelemetry is sent: a span an attempt, one a call, one an action; metrics; and no text."""

import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import live
import pytest
import servers
from live import CALL_USD, Server

metrics_pb = pytest.importorskip("opentelemetry.proto.collector.metrics.v1.metrics_service_pb2")
traces_pb = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")


class Receiver:
    """A receiver of OTLP over HTTP on loopback."""

    def __init__(self, status: int = 200) -> None:
        self.spans, self.metrics, self.headers, self.raw, self.status = [], {}, [], b"", status
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.raw += body
                receiver.headers.append(dict(self.headers))
                if receiver.status == 200 and self.path == "/v1/traces":
                    sent = traces_pb.ExportTraceServiceRequest.FromString(body)
                    receiver.spans += [s for r in sent.resource_spans for c in r.scope_spans for s in c.spans]
                elif receiver.status == 200:
                    sent = metrics_pb.ExportMetricsServiceRequest.FromString(body)
                    found = [m for r in sent.resource_metrics for c in r.scope_metrics for m in c.metrics]
                    receiver.metrics |= {m.name: m for m in found}
                self.send_response(receiver.status)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self):
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._server.shutdown()
        self._server.server_close()

    def named(self, start):
        return [span for span in self.spans if span.name.startswith(start)]


def found(span):
    values = {}
    for one in span.attributes:
        kind = one.value.WhichOneof("value")
        value = getattr(one.value, kind)
        values[one.key] = [v.string_value for v in value.values] if kind == "array_value" else value
    return values


def test_a_span_an_attempt_with_its_calls_under_it(tmp_path):
    with Receiver() as receiver, Server() as served:
        model = live.served_model(served, model="gpt-x")
        report = live.write_experiment(tmp_path / "r", tasks=3, models={"m": model})
        done = live.ownbench("run", report, "--quiet", "--otlp", receiver.url)
        assert done.returncode == 0, done.stderr
    rows = live.rows(report)
    assert Counter(span.name for span in receiver.spans) == {"ownbench.run": 1, "ownbench.attempt": 3, "chat gpt-x": 3}
    run = receiver.named("ownbench.run")[0]
    attempts = {span.span_id: found(span) for span in receiver.named("ownbench.attempt")}
    assert {a["ownbench.task"] for a in attempts.values()} == {"t0", "t1", "t2"}
    assert all(span.parent_span_id == run.span_id for span in receiver.named("ownbench.attempt"))
    assert {span.trace_id for span in receiver.spans} == {run.trace_id}
    for span in receiver.named("chat"):
        of, one = attempts[span.parent_span_id], found(span)
        row = rows["c-m", of["ownbench.task"], 0]
        assert of["ownbench.status"] == row["status"]
        assert span.kind == 3  # client
        assert one["gen_ai.operation.name"] == "chat"
        assert (one["gen_ai.provider.name"], one["gen_ai.request.model"]) == ("openai", "gpt-x")
        assert (one["gen_ai.usage.input_tokens"], one["gen_ai.usage.output_tokens"]) == (100, 7)
        assert one["gen_ai.response.finish_reasons"] == ["stop"]
        assert one["ownbench.cost_usd"] == pytest.approx(CALL_USD)
        assert one["server.address"] == "127.0.0.1"
        assert 1e-9 * (span.end_time_unix_nano - span.start_time_unix_nano) == pytest.approx(row["latency_s"], abs=1e-6)
    duration = receiver.metrics["gen_ai.client.operation.duration"].histogram.data_points
    assert sum(point.count for point in duration) == 3
    tokens = {
        {a.key: a.value.string_value for a in point.attributes}["gen_ai.token.type"]: point.sum
        for point in receiver.metrics["gen_ai.client.token.usage"].histogram.data_points
    }
    assert tokens == {"input": 300, "output": 21}


def test_no_text_and_no_key_goes_out_but_the_headers_that_a_user_sets(tmp_path):
    with Receiver() as receiver, Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=2, models={"m": live.served_model(served)})
        more = {"OTEL_EXPORTER_OTLP_HEADERS": "x-team=bench", "OTEL_SDK_DISABLED": "false"}
        assert live.ownbench("run", report, "--quiet", "--otlp", receiver.url, **more).returncode == 0
    assert receiver.spans
    for text in (b"question 0", b"answer 0", live.KEY.encode()):
        assert text not in receiver.raw
    assert all(headers["x-team"] == "bench" for headers in receiver.headers)


def test_an_answer_on_record_is_no_operation_and_an_error_names_its_cause(tmp_path):
    acts = {"question 0": [servers.status(400)]}
    with Receiver() as receiver, Server(live.openai_answer, live.by_question(acts)) as served:
        report = live.write_experiment(tmp_path / "r", tasks=2, models={"m": live.served_model(served)})
        live.ownbench("run", report, "--quiet", "--otlp", receiver.url)
        first = len(receiver.named("chat"))
        live.ownbench("run", report, "--quiet", "--otlp", receiver.url)
    failed = [span for span in receiver.named("chat") if span.status.code == 2]
    assert first == len(receiver.named("chat")) == 2
    assert [found(span)["error.type"] for span in failed] == [live.rows(report)["c-m", "t0", 0]["cause"]]
    assert "error.type" in found(next(s for s in receiver.named("ownbench.attempt") if s.status.code == 2))


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("127.0.0.1:4318", "no http or https address"),
        ("http://user:hidden@127.0.0.1:4318", "OTEL_EXPORTER_OTLP_HEADERS"),
        ("http://127.0.0.1:9", "takes no traces: nothing answers there; start the receiver, or give the base address"),
        ("http://127.0.0.1:99999", "no http or https address"),
    ],
)
def test_an_address_that_takes_nothing_is_said_before_anything_is_spent(tmp_path, url, says):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=1, models={"m": live.served_model(served)})
        done = live.ownbench("run", report, "--otlp", url)
        assert (done.returncode, served.seen) == (2, [])
    assert says in done.stderr
    assert done.stderr.count("\n") == 1
    assert "hidden" not in done.stderr


@pytest.mark.parametrize(
    ("status", "says"),
    [
        (401, "it answers HTTP 401; set its key in OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "it answers HTTP 404 at /v1/traces; give the base address"),
        (None, "it did not answer within 0.3 s"),
    ],
)
def test_a_receiver_that_refuses_is_told_by_what_it_did(tmp_path, capfd, monkeypatch, status, says):
    from harness.run import otel

    monkeypatch.setattr(otel, "PATIENCE_S", 0.3)
    with Receiver(status or 200) as receiver, Server() as served:
        if status is None:
            receiver._server.RequestHandlerClass.do_POST = lambda _: threading.Event().wait(2)
        report = live.write_experiment(tmp_path / "r", tasks=1, models={"m": live.served_model(served)})
        code, _, err = live.inside(capfd, "run", report, "--otlp", f"{receiver.url}/v1/traces")
    assert (code, err.count("\n")) == (2, 1)
    assert f"--otlp: {receiver.url} takes no traces: {says}" in err


def test_offline_allows_a_receiver_on_this_machine_alone(tmp_path):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=1, models={"m": live.served_model(served)})
        done = live.ownbench("run", report, "--offline", "--otlp", "http://192.0.2.1:4318")
    assert done.returncode == 2
    assert "--offline allows only a receiver on this machine" in done.stderr


def test_a_receiver_that_goes_away_costs_its_spans_and_a_line(tmp_path):
    with Receiver() as receiver, Server() as served:

        def gone(body):
            receiver.status = 400  # for good: a 5xx would be tried again
            return live.openai_answer(body)

        served_report = live.write_experiment(tmp_path / "r", tasks=2, models={"m": live.served_model(served)})
        served.good = gone
        done = live.ownbench("run", served_report, "--otlp", receiver.url)
    assert done.returncode == 0
    assert f"note: --otlp: {receiver.url} did not take 5 of 5 spans" in done.stderr
    assert "Traceback" not in done.stderr
    assert all(row["status"] == "passed" for row in live.rows(served_report).values())


def test_what_a_run_sends_needs_no_package_until_it_is_asked_for(tmp_path):
    code = "import sys; import harness.run; sys.exit('opentelemetry' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_actions_are_tools_that_are_executed(tmp_path):
    """Heard without a box: the events of an attempt as a run tells them."""
    from harness.core import Acted
    from harness.experiment import assemble
    from harness.run.otel import spans_to
    from harness.run.trace import Begun

    with Receiver() as receiver, Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=1, models={"m": live.served_model(served)})
        with spans_to(receiver.url, assemble(report)) as (spans, sent):
            spans("a", Begun())
            did = {"arguments_digest": "", "allowed": True, "rule": "", "exit_code": 3, "seconds": 0.25}
            spans("a", Acted(attempt_id="a", turn=0, tool="bash", **did))
    (action,) = receiver.named("execute_tool bash")
    assert action.parent_span_id == receiver.named("ownbench.attempt")[0].span_id
    assert found(action)["ownbench.exit_code"] == 3
    assert action.end_time_unix_nano - action.start_time_unix_nano == 250_000_000
    assert (sent.made, sent.sent, sent.note) == (3, 3, None)
