"""Whatever a server answers, and whatever a folder holds, a run ends with a row for every attempt and no traceback."""

import json

import live
import pytest
import servers
from live import Server


def with_message(**message):
    return with_logprobs(-0.5, **message)


def with_logprobs(*values, **message):
    tokens = [{"token": "a", "logprob": v, "top_logprobs": [{"logprob": v}, {"logprob": v}]} for v in values]
    said = {"role": "assistant", "content": "answer 0", **message}
    return {"choices": [{"finish_reason": "stop", "message": said, "logprobs": {"content": tokens}}]}


NAN = float("nan")
ANSWERS = [
    "",
    "null",
    "[]",
    "{}",
    '{"choices": []}',
    '{"choices": [null]}',
    '{"choices": {"0": 1}}',
    '{"choices": [{"message": 3}]}',
    "[" * 100_000,
    '{"error": {"message": "no", "code": 500}}',
    with_message(content=None),
    with_message(content=[{"type": "text", "text": "answer "}, {"type": "text", "text": "0"}, 3]),
    with_message(content={"a": 1}),
    with_message(content="\ud800 lone, \x00 nil, \x1b[2J, \u202e turned"),
    with_message(content="x" * 1_500_000),
    with_message(content="OPEN k\n" * 9),
    with_message(tool_calls="none"),
    with_message(tool_calls=[3, {}, {"function": {"name": "open_skill", "arguments": "[" * 5000}}]),
    with_message(tool_calls=[{"function": {"name": "open_skill", "arguments": {"name": ["k"]}}}]),
    with_message(refusal={"a": 1}),
    with_message() | {"usage": {"prompt_tokens": -5, "completion_tokens": NAN}},
    with_message() | {"usage": {"prompt_tokens": "many", "completion_tokens": float("inf")}},
    with_message() | {"usage": {"prompt_tokens": 10**30, "completion_tokens": 1}},
    with_message() | {"usage": [1], "model": {"a": 1}},
    with_logprobs(NAN, -0.5),
    with_logprobs(-float("inf"), -0.5),
    with_logprobs("low", None),
    {"choices": [{"finish_reason": "stop", "message": {"role": "assistant", "content": "answer 0"}}]},
]


def test_no_answer_takes_a_run_with_it(tmp_path, capfd):
    acts = {
        f"question {n}": [servers.raw(said if isinstance(said, str) else json.dumps(said))]
        for n, said in enumerate(ANSWERS)
    }
    skill = tmp_path / "skills" / "k"
    skill.mkdir(parents=True)
    (skill / "SKILL.md").write_text("---\nname: k\ndescription: d\n---\nbody\n")
    contenders = {
        "plain": {"model": "m"},
        "skilled": {"model": "m", "skills": "skills"},
        "both": {"worker": "plain", "expert": "skilled", "escalate": {"signal": "logprob_mean", "threshold": 0.5}},
    }
    with Server(live.openai_answer, live.by_question(acts)) as served:
        report = live.write_experiment(
            tmp_path / "r",
            tasks=len(ANSWERS),
            models={"m": live.served_model(served)},
            contenders=contenders,
            limits={"tries": 1, "concurrency": 4, "timeout_s": 20},
        )
        code, out, err = live.inside(capfd, "run", report)
    assert code == 0, err
    assert "Traceback" not in err
    assert "\x1b" not in out + err
    table = live.rows(report)
    assert len(table) == 3 * len(ANSWERS)
    assert "internal" not in {row["cause"] for row in table.values()}, err
    assert all(row["cost_usd"] is None or row["cost_usd"] >= 0 for row in table.values())
    assert all(row["confidence"] is None or 0 <= row["confidence"] <= 1 for row in table.values())
    assert all(row["input_tokens"] is None or row["input_tokens"] >= 0 for row in table.values())
    # an impossible token among likely ones is a sure sign of doubt; one that is no number is no sign at all
    number = next(n for n, said in enumerate(ANSWERS) if said == with_logprobs(-float("inf"), -0.5))
    assert table["plain", f"t{number}", 0]["confidence"] == 0.0
    assert table["plain", f"t{number - 1}", 0]["confidence"] == pytest.approx(0.60653, abs=1e-5)
    assert "nothing to do" in live.inside(capfd, "run", report)[2]
    assert live.inside(capfd, "show", report)[0] == 0


def test_a_folder_that_somebody_damaged_is_mended_or_refused_with_a_remedy(tmp_path, capfd):
    with Server() as served:
        report = live.write_experiment(tmp_path / "r", tasks=6, models={"m": live.served_model(served)})
        assert live.inside(capfd, "run", report)[0] == 0
        good = live.same_outcomes(report)
        (report / "manifest.json").write_text("{")
        code, out, err = live.inside(capfd, "run", report)
        assert (code, out, len(err.splitlines())) == (4, "", 1)
        assert "delete it" in err
        for text in ('{"report":"x","created_at":"","thresholds":{"h":{"s":3}}}', None):
            (report / "manifest.json").unlink() if text is None else (report / "manifest.json").write_text(text)
            assert live.inside(capfd, "run", report)[0] == 0
            assert live.same_outcomes(report) == good
        for name in ("outcomes", "calls", "transcripts"):
            for damage in (b"", b"x", b"PAR1 cut in its middle"):
                (report / f"{name}.parquet").write_bytes(damage)
                assert live.inside(capfd, "run", report)[0] == 0
                assert live.same_outcomes(report) == good
        assert len(served.seen) == 6
        (report / "manifest.json").unlink()
        lines = (report / "attempts.jsonl").read_text().splitlines()
        lines[2:4] = ["garbage", '{"outcome": {"attempt_id": 3}}']
        (report / "attempts.jsonl").write_text("\n".join(lines))
        code, _, err = live.inside(capfd, "run", report)
        assert code == 0
        assert "2 lines of the journal could not be read" in err
        assert live.same_outcomes(report) == good
        assert len(served.seen) == 6  # their answers stand in the other file


def test_a_server_that_is_down_is_said_again_until_it_is_up(tmp_path, capfd):
    with Server() as served:
        url = served.url
    report = live.write_experiment(tmp_path / "r", models={"m": live.served_model(served)}, limits={"tries": 1})
    code, _, err = live.inside(capfd, "run", report)
    assert code == 4  # three calls were refused, and the others are left for later
    assert "INCOMPLETE" in err
    assert "Connection refused" in err
    code, _, err = live.inside(capfd, "run", report)
    assert code == 0
    assert "4 attempts have no outcome" in err
    assert "--retry-errored" in err
    assert url.startswith("http://127.0.0.1")
