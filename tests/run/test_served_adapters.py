"""A server that ignores an adapter does not pass for it: nothing is attempted. One that cannot tell is a warning."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import Server, edit, inside, journal, manifest, openai_answer, rows, served_model, write_experiment

ADAPTER = Path(__file__).parents[2] / "adapters" / "claim-check"
NAME = ADAPTER.name


class Scripted:
    """A server of the base ``m`` and of one adapter on it."""

    def __init__(self) -> None:
        self.applies = True
        self.logprobs = True
        self.shift = 0.5
        """What the adapter does to a log-probability."""
        self.says: str | None = None
        """The name in every reply; else the one that was asked for."""
        self.mixed_up = False
        """Whether the base answers as the adapter does, once both have been asked for."""
        self.texts_differ = False
        self.asked: list[str] = []

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        self.asked.append(body["model"])
        reply = openai_answer(body)
        scale = sum(one["scale"] for one in body.get("lora", ()))
        tuned = self.applies and (body["model"] != "m" or bool(scale))
        if self.mixed_up and NAME in self.asked and self.asked.count("m") > 3:
            tuned = True
        reply["model"] = self.says or body["model"]
        if tuned and self.texts_differ:
            reply["choices"][0]["message"]["content"] += "!"
        block = reply["choices"][0].get("logprobs")
        if block and not self.logprobs:
            del reply["choices"][0]["logprobs"]
        elif block and tuned:
            for token in block["content"]:
                token["logprob"] -= self.shift
                token["top_logprobs"][0]["logprob"] -= self.shift
        return reply


@pytest.fixture
def script() -> Scripted:
    return Scripted()


@pytest.fixture
def served(script: Scripted) -> Iterator[servers.Served]:
    with Server(script.answer) as running:
        running.models = [{"id": "m", "parent": None}, {"id": NAME, "parent": "m"}]
        yield running


@pytest.fixture
def report(tmp_path: Path, served: servers.Served) -> Path:
    contenders = {"base": {"model": "s"}, "tuned": {"model": "s", "adapter": str(ADAPTER)}}
    return write_experiment(
        tmp_path / "r", models={"s": served_model(served)}, contenders=contenders, budget={"usd": 1}, reference="base"
    )


def bill(report: Path) -> float:
    """Known dollars of the calls in the call table."""
    return float(sum(usd or 0.0 for usd in pq.read_table(report / "calls.parquet")["cost_usd"].to_pylist()))


def notes(report: Path) -> list[str]:
    return [note for note in manifest(report)["notes"] if note.startswith("model s: ")]


def test_a_server_that_applies_the_adapter_runs_and_its_probes_are_paid_and_made_once(
    report: Path, script: Scripted, capfd: Any
) -> None:
    code, out, _ = inside(capfd, "check", report)
    assert (code, script.asked) == (0, [])
    assert "model s: whether its server applies the adapters is looked at when the run begins" in out
    code, _, err = inside(capfd, "run", report, "--limit", "2", "--quiet")
    assert code == 0, err
    assert notes(report) == []
    probes = [line["call"] for line in journal(report, "calls") if line["call"]["role"] == "probe"]
    made = [line["call"] for line in journal(report, "calls") if not line["call"]["cache_hit"]]
    assert len(probes) == 9 == len(made) - 2, "base twice and once more, the adapter twice, and both at once"
    assert all(call["cost"]["usd"] > 0 and call["attempt_id"] == "" for call in probes)
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    assert len(script.asked) == 9 + 8
    assert f"${17 * probes[0]['cost']['usd']:.4f}" in err
    assert "probe" not in {row["contender"] for row in rows(report).values()}
    table = pq.read_table(report / "calls.parquet").to_pylist()
    assert sum(call["cost_usd"] for call in table) == pytest.approx(17 * probes[0]["cost"]["usd"])
    assert [call["attempt_id"] for call in table if call["role"] == "probe"] == [""] * 9
    assert "model s" not in inside(capfd, "check", report)[1]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"applies": False}, "as without it (log-probabilities differ by 0): it is not applied"),
        ({"says": "m"}, "the server answers as 'm', which is the base"),
        ({"applies": False, "says": "llama.gguf"}, "the server answers as 'llama.gguf', which is the base"),
        ({"mixed_up": True}, "the server answers for the base as the adapter claim-check does alone"),
    ],
)
def test_a_server_that_ignores_the_adapter_stops_the_run_and_no_attempt_is_made(
    report: Path, script: Scripted, how: dict[str, Any], said: str, capfd: Any
) -> None:
    for key, value in how.items():
        setattr(script, key, value)
    code, out, err = inside(capfd, "run", report, "--quiet")
    assert (code, out) == (2, "")
    assert said in err
    assert err.count("\n") == 1
    assert not (report / "attempts.jsonl").exists()
    assert {row["status"] for row in rows(report).values()} == {"skipped"}
    assert err.endswith(f"; ${bill(report):.4f} spent so far\n")
    assert len(pq.read_table(report / "calls.parquet")) == len(script.asked)
    for key in how:  # the server is put right: what is on record is asked again, once
        setattr(script, key, getattr(Scripted(), key))
    assert inside(capfd, "run", report, "--quiet", "--limit", "1")[0] == 0
    so_far = len(script.asked)
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert len(script.asked) == so_far + 7


@pytest.mark.parametrize("times", [1, 2])
def test_stopped_while_it_probes_what_was_asked_is_on_the_bill_and_a_later_run_goes_on(
    report: Path, served: servers.Served, times: int
) -> None:
    served.script = [servers.slow_ok(0.5)]
    process = live.start("run", report, "--quiet")
    while len(served.seen) < 3:
        assert process.poll() is None
        time.sleep(0.02)
    for _ in range(times):
        process.send_signal(signal.SIGINT)
        time.sleep(0.1)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 4, err
    made = len(served.seen)
    table = pq.read_table(report / "calls.parquet").to_pylist()
    assert [call["role"] for call in table] == ["probe"] * made
    answered = [call["cost_usd"] for call in table if call["error"] is None]
    assert len(answered) == made - (times - 1), "once: what is under way is finished; twice: it is dropped"
    unknown = " and 1 call of unknown cost" if times == 2 else ""
    assert f"${sum(answered):.4f}{unknown} spent in all" in err
    served.script = [servers.ok()]
    done = live.ownbench("run", report, "--quiet")
    assert done.returncode == 0, done.stderr
    assert len(served.seen) == 17 + times - 1, "what is on record is not asked again"
    assert f"${bill(report):.4f}{unknown} spent in all" in done.stderr


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"logprobs": False}, "no log-probabilities, and answers 2 probe prompts with it as without it"),
        ({"logprobs": False, "applies": False}, "it cannot be seen whether it is applied"),
        ({"shift": 0.004}, "differ from the base's by 0.004 in log-probability only: it may not be applied"),
    ],
)
def test_a_server_that_cannot_tell_is_a_warning_everywhere(
    report: Path, script: Scripted, how: dict[str, Any], said: str, capfd: Any
) -> None:
    for key, value in how.items():
        setattr(script, key, value)
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    (note,) = notes(report)
    assert note.startswith("model s: the adapter claim-check: ")
    assert said in note
    assert f"warning: {note}" in inside(capfd, "check", report)[1]
    shown = " ".join(inside(capfd, "show", report)[1].split())
    assert said in shown


def test_other_texts_tell_where_there_are_no_log_probabilities(report: Path, script: Scripted, capfd: Any) -> None:
    script.logprobs, script.texts_differ = False, True
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert notes(report) == []


@pytest.mark.parametrize(
    ("models", "said"),
    [
        (None, []),
        ([{"id": "m"}, {"id": NAME}], []),
        ([{"id": "m"}], ["model s: the server does not list the adapter claim-check among its models"]),
        ([{"id": "m", "root": "/r"}, {"id": "other", "root": "/r"}, {"id": NAME, "parent": "other"}], []),
        ([7], []),
    ],
)
def test_what_the_server_lists_is_looked_at(
    report: Path, served: servers.Served, models: Any, said: list[str], capfd: Any
) -> None:
    served.models = models
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert notes(report) == said


def test_an_adapter_of_another_base_on_the_server_stops_the_run(
    report: Path, served: servers.Served, script: Scripted, capfd: Any
) -> None:
    served.models = [{"id": "m", "parent": None}, {"id": "other"}, {"id": NAME, "parent": "other"}]
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 2
    assert err.endswith(
        "model 's': the server lists the adapter claim-check as one of 'other', and not of 'm'; write 'other' as the"
        " model, or serve the adapter on 'm'\n"
    )
    assert (err.count("\n"), script.asked) == (1, [])
    assert not (report / "attempts.jsonl").exists()


def test_a_base_that_does_not_answer_stops_the_run_in_one_line(
    report: Path, served: servers.Served, capfd: Any
) -> None:
    for act, said in [
        (servers.status(404, "The model `m` does not exist."), "does not exist.); write models.s.model as"),
        (servers.status(500, "CUDA error"), "CUDA error [x]); run it again"),
    ]:
        served.script = [act]
        code, _, err = inside(capfd, "run", report, "--quiet")
        assert code == 2
        assert "model 's': its adapters could not be probed: the base gave no answer (" in err
        assert said in err
        assert err.count("\n") == 1
        assert not (report / "attempts.jsonl").exists()


def test_an_adapter_that_the_server_does_not_know_is_named(report: Path, served: servers.Served, capfd: Any) -> None:
    async def act(one: servers.Served, request: Any, body: dict[str, Any]) -> Any:
        known = body["model"] == "m"
        return await (servers.ok() if known else servers.status(404, "The model does not exist"))(one, request, body)

    served.script = [act]
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 2
    assert "the server refuses the adapter claim-check" in err
    assert "--lora-modules claim-check=FOLDER" in err
    assert not (report / "attempts.jsonl").exists()


def test_a_server_that_knows_no_log_probabilities_is_asked_without(
    report: Path, served: servers.Served, script: Scripted, capfd: Any
) -> None:
    script.texts_differ = True

    async def act(one: servers.Served, request: Any, body: dict[str, Any]) -> Any:
        wrong = "logprobs" in body
        return await (servers.status(400, "logprobs: not supported") if wrong else servers.ok())(one, request, body)

    served.script = [act]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert notes(report) == []


@pytest.mark.parametrize(("applies", "code"), [(True, 0), (False, 2)])
def test_an_adapter_asked_for_by_sampling_is_probed_too(
    tmp_path: Path, served: servers.Served, script: Scripted, applies: bool, code: int, capfd: Any
) -> None:
    """llama.cpp's server takes ``lora`` in the request and ignores the model's name; other servers ignore ``lora``."""
    script.applies = applies

    def lora(scale: float) -> dict[str, Any]:
        return served_model(served, sampling={"lora": [{"id": 0, "scale": scale}], "max_tokens": 64})

    report = write_experiment(tmp_path / "l", models={"base": lora(0.0), "tuned": lora(1.0)})
    done, _, err = inside(capfd, "run", report, "--quiet")
    assert done == code, err
    sent = [seen["body"] for seen in served.seen]
    assert {json.dumps(body["lora"]) for body in sent} == {
        json.dumps([{"id": 0, "scale": scale}]) for scale in (0.0, 1.0)
    }
    assert {body["max_tokens"] for body in sent} == ({8, 64} if applies else {8})
    assert {body["cache_prompt"] for body in sent} == {False}  # else it goes on from what another adapter has read
    if not applies:
        assert "sampling.lora as without it" in err
        assert "--lora FILE" in err


def test_who_lets_a_server_reuse_prompts_is_heard_and_without_adapters_nothing_is_said_of_it(
    tmp_path: Path, served: servers.Served, capfd: Any
) -> None:
    asked = {"lora": [{"id": 0, "scale": 0.0}], "cache_prompt": True}
    models = {"own": served_model(served, sampling=asked), "plain": served_model(served)}
    report = write_experiment(tmp_path / "l", models=models)
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert {("lora" in seen["body"], seen["body"].get("cache_prompt")) for seen in served.seen} == {
        (True, True),
        (False, None),
    }


def test_probes_stay_within_the_budget(report: Path, script: Scripted, capfd: Any) -> None:
    edit(report, budget={"usd": 0.0004})
    code, _, _ = inside(capfd, "run", report, "--quiet")
    assert code == 4
    assert len(script.asked) <= 4
    assert not (report / "attempts.jsonl").exists()


def test_an_adapter_s_own_tokenizer_is_named_where_the_server_decides(
    report: Path, tmp_path: Path, served: servers.Served, capfd: Any
) -> None:
    import shutil

    own = shutil.copytree(ADAPTER, tmp_path / NAME)
    (own / "chat_template.jinja").write_text("{{ messages[0]['content'] }}")
    edit(report, contenders={"tuned": {"model": "s", "adapter": str(own)}}, reference=None)
    note = "the adapter claim-check has its own chat_template.jinja; whether they are used is up to the server"
    assert note in inside(capfd, "check", report)[1]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert notes(report) == [f"model s: {note}"]


def test_a_rate_limit_that_does_not_say_when_it_ends_is_waited_for(
    report: Path, served: servers.Served, script: Scripted, capfd: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.run.opening.PROBE_WAITS_S", (0.01, 0.01, 0.01))
    edit(report, limits={"tries": 1})

    async def act(one: servers.Served, request: Any, body: dict[str, Any]) -> Any:
        refused = 2 < len(one.seen) < 6
        return await (servers.status(429, "slow down") if refused else servers.ok())(one, request, body)

    served.script = [act]
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    calls = pq.read_table(report / "calls.parquet").to_pylist()
    assert sum(call["role"] == "probe" for call in calls) == 9 + 3
    assert f"${bill(report):.4f} spent in all" in err, "refusals are free"
