"""Skills that an author writes in a run: paid once, kept and linted, and never the end of an attempt."""

import asyncio
import json
import re
import time

import live
import pyarrow.parquet as pq
import pytest
import servers
from live import Server

from harness.cli import main
from harness.run.written import safe_name

SKILL = "---\nname: count-up\ndescription: Use for questions.\n---\nSay answer and the number."
AUTHOR_USD = live.CALL_USD * 3
PRICES = {key: 3 * value for key, value in live.PRICE.items()}


def asked_of(body):
    return int(re.findall(r"question (\d+)", live.question(body))[0])


def said(body):
    """An author writes a skill for all but two tasks; who is shown one answers right, the bare model wrong."""
    reply = live.openai_answer(body | {"messages": [{"role": "user", "content": f"question {asked_of(body)}"}]})
    message, number = reply["choices"][0]["message"], asked_of(body)
    if body["model"] == "author":
        message["content"] = {1: "", 2: "Just count."}.get(number, SKILL)
        if number == 3:
            message |= {"content": None, "refusal": "I will not"}
        return reply
    shown = "skill_content" in str(body["messages"][0]["content"])
    message["content"] = f"answer {number}" if shown else "no idea"
    return reply


def experiment(report, served, **keys):
    models = {
        "m": live.served_model(served),
        "big": live.served_model(served, model="author", price=PRICES),
    }
    contenders = {"bare": {"model": "m"}, "wrote": {"model": "m", "delivery": "self", "author": "big"}}
    return live.write_experiment(report, tasks=6, models=models, contenders=contenders, **keys)


def test_what_was_written_is_used_charged_kept_and_linted(tmp_path, capfd):
    with Server(said) as served:
        report = experiment(tmp_path / "r", served, trials=2)
        code, out, err = live.inside(capfd, "run", report)
        assert (code, len(served.seen)) == (0, 6 * 2 * 3)
    rows = live.rows(report)
    for (name, task, _), row in rows.items():
        alone = name == "bare" or task in {"t1", "t3"}  # to which nothing was written
        assert row["passed"] is not alone
        assert row["skills_shown"] == ([] if alone else ["self-written"])
        assert row["calls"] == (1 if name == "bare" else 2)
        assert row["cost_usd"] == pytest.approx(live.CALL_USD + (0 if name == "bare" else AUTHOR_USD))
    roles = [row["role"] for row in pq.read_table(report / "calls.parquet").to_pylist()]
    assert {role: roles.count(role) for role in roles} == {"answer": 24, "author": 12}
    kept = sorted(path.relative_to(report / "written").as_posix() for path in (report / "written").rglob("*.md"))
    names = {0: "count-up", 2: "self-written", 4: "count-up", 5: "count-up"}
    both = [("", name, n) for n, name in names.items()] + [("+trial-1", name, n) for n, name in names.items()]
    assert kept == sorted(f"wrote/s/t{n}{trial}/{name}/SKILL.md" for trial, name, n in both)
    assert (report / "written/wrote/s/t0/count-up/SKILL.md").read_text() == f"{SKILL}\n"
    (note,) = [note for note in live.manifest(report)["notes"] if note.startswith("wrote: ")]
    assert note == (
        "wrote: 8 skills written, in written/wrote; 2 of them no valid SKILL.md (SKILL.md must begin with ---, a "
        "frontmatter, and --- again); 4 attempts without one (empty 2, refused 2)"
    )
    assert note in " ".join((out + err).split())
    assert live.inside(capfd, "skill", "lint", report / "written/wrote/s/t0")[0] == 0
    roles = json.loads(live.inside(capfd, "show", report, "--json")[1])["roles"]
    assert [(one["role"], one["models"], one["calls"], one["with_one"], one["attempts"]) for one in roles] == [
        ("author", ["big"], 12, 12, 12),
        ("answer", ["m"], 12, 12, 12),
    ]
    assert [one["usd_per_attempt"] for one in roles] == pytest.approx([AUTHOR_USD, live.CALL_USD])
    shown = live.inside(capfd, "show", report)[1]
    assert ["wrote", "author", "big", "12", "100%", "$510.00", "75%"] in [line.split() for line in shown.split("\n")]
    assert "8 skills written" in " ".join(shown.split())


def test_killed_after_the_author_nothing_is_paid_twice(tmp_path):
    async def act(served, request, body):
        if body["model"] != "author" and len(hung) < 1:  # the first to answer is killed in the midst of it
            hung.append(body)
            await asyncio.sleep(3600)
        return await servers.ok()(served, request, body)

    hung = []
    with Server(said, act) as served:
        report = experiment(tmp_path / "r", served, limits={"concurrency": 1, "timeout_s": 60, "tries": 1})
        process = live.start("run", report, "--quiet", "--only", "wrote")
        end = time.monotonic() + 60
        while not hung:
            assert process.poll() is None
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert not (report / "written").exists()
        assert main(["run", str(report), "--quiet", "--only", "wrote"]) == 0
        authors = [seen for seen in served.seen if seen["body"]["model"] == "author"]
        assert len(authors) == 6  # one a task, the one before the kill among them
    assert sum(row["cost_usd"] for key, row in live.rows(report).items() if key[0] == "wrote") == pytest.approx(
        6 * (live.CALL_USD + AUTHOR_USD)
    )
    assert len([*(report / "written").rglob("SKILL.md")]) == 4


def test_check_foresees_both_calls_and_shows_what_the_author_is_asked(tmp_path, capfd):
    with Server(said) as served:
        report = experiment(tmp_path / "r", served)
        code, out, _ = live.inside(capfd, "check", report)
    assert (code, served.seen) == (0, [])
    assert "You write skills" in out
    found = live.inside(capfd, "check", report, "--json")[1]
    plans = {plan["contender"]: plan for plan in json.loads(found)["plans"]}
    assert plans["wrote"]["calls_low"] == plans["wrote"]["calls_high"] == 12
    assert plans["wrote"]["usd_low"] > 6 * 600 * 30 / 1e6  # what is written, at the author's price


@pytest.mark.parametrize(
    ("name", "same"),
    [("t-1.a", True), ("a/b", False), ("..", False), ("", True), ("é" * 200, False), ("x" * 61, False), (" ", False)],
)
def test_folders_have_safe_names_and_no_two_texts_share_one(name, same):
    made = safe_name(name)
    assert (made == name) is same
    assert re.fullmatch(r"[A-Za-z0-9_.-]{0,70}", made)
    assert made not in {".", ".."}


@pytest.mark.parametrize(
    ("signal", "said"),
    [
        ({"signal": "p_true", "threshold": 0.5}, "has its skill written first"),
        ({"signal": "ask"}, "has its skill written first"),
        ({"signal": "agreement:2", "threshold": 0.5}, None),
        ({"signal": "logprob_mean", "threshold": 0.5}, None),
    ],
)
def test_as_a_worker_it_can_be_drawn_again_and_not_talked_to(tmp_path, capfd, monkeypatch, signal, said):
    monkeypatch.setenv("ANTHROPIC_API_KEY", live.KEY)
    served = {"backend": "openai", "base_url": "http://127.0.0.1:9/v1", "sampling": {"temperature": 0.7}}
    models = {
        "m": served | {"model": "m"},
        "big": {"backend": "litellm", "model": "anthropic/claude-x"},  # has no log-probabilities, and needs none
    }
    contenders = {
        "wrote": {"model": "m", "delivery": "self", "author": "big"},
        "expert": {"model": "m"},
        "both": {"worker": "wrote", "expert": "expert", "escalate": signal},
    }
    report = live.write_experiment(tmp_path / "r", tasks=2, models=models, contenders=contenders)
    code, _, err = live.inside(capfd, "check", report)
    if said is None:
        assert code == 0, err
    else:
        assert (code, err.count("\n")) == (2, 1), err
        assert said in err


HOSTILE = [
    "\x1b[31m<script>alert(1)</script>",
    "---\n\x1b[2J<b>: x\nname: ../../../etc/passwd\ndescription: <img src=x>\n---\n<script>alert(1)</script>",
    "---\n" + "- " * 100_000,
    "---\na: &a [*a, *a]\n---\nbody",
    "```\n" * 5_000,
    "x" * 2_000_000,
]


def test_hostile_text_of_an_author_is_data(tmp_path, capfd):
    def hostile(body):
        reply = said(body)
        if body["model"] == "author":
            reply["choices"][0]["message"] = {"role": "assistant", "content": HOSTILE[asked_of(body)]}
        return reply

    with Server(hostile) as served:
        report = experiment(tmp_path / "r", served)
        code, out, err = live.inside(capfd, "run", report)
    assert code == 0, err
    assert {row["status"] for row in live.rows(report).values()} <= {"passed", "failed"}
    found = list((report / "written").rglob("*"))
    assert all((report / "written") in path.resolve().parents for path in found)
    assert {path.name for path in found if path.is_file()} == {"SKILL.md"}
    longest = max(len(seen["body"]["messages"][0]["content"]) for seen in served.seen)
    assert longest < 21_000  # of two million characters
    assert live.inside(capfd, "report", report)[0] == 0
    shown = live.inside(capfd, "show", report)[1]
    assert "\x1b" not in out + err + shown
    page = (report / "report.html").read_text()
    assert "<script>alert" not in page
    assert "<img src=x" not in page
