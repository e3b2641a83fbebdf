"""A tuned model under a name of its own is held against its base before a run; other models' names are looked at."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
import yaml
from live import Server, edit, inside, journal, manifest, openai_answer, served_model, write_experiment

from harness.model import ALONE, is_alike, is_related

TUNED = "ft:m-base:org::a1"


class Hosted:
    """A server of a base and of what was tuned from it."""

    def __init__(self) -> None:
        self.applies, self.logprobs = True, True
        self.same_logprobs = False
        self.differs_on: str | None = None
        """The one task that the tuned model answers otherwise, in place of other log-probabilities."""
        self.says: dict[str, str] = {}
        """What a reply calls a model that was asked for by another name."""

    def answer(self, body: dict[str, Any]) -> dict[str, Any]:
        reply = openai_answer(body)
        choice, tuned = reply["choices"][0], self.applies and body["model"] == TUNED
        reply["model"] = self.says.get(body["model"], body["model"])
        if not self.logprobs:
            choice.pop("logprobs", None)
        for token in (choice.get("logprobs") or {}).get("content", ()):
            if self.same_logprobs:
                token["logprob"] = token["top_logprobs"][0]["logprob"] = -0.1
            elif tuned:
                token["logprob"] -= 0.5
        if tuned and self.differs_on is not None and self.differs_on in body["messages"][-1]["content"]:
            choice["message"]["content"] += "!"
        return reply


@pytest.fixture
def hosted() -> Hosted:
    return Hosted()


@pytest.fixture
def served(hosted: Hosted) -> Iterator[servers.Served]:
    with Server(hosted.answer) as running:
        yield running


@pytest.fixture
def report(tmp_path: Path, served: servers.Served) -> Path:
    folder = tmp_path / "adapters" / "hosted"
    folder.mkdir(parents=True)
    (folder / "card.yaml").write_text(yaml.safe_dump({"base_model": "m-base", "training_usd": 6}))
    tuned = served_model(served, model=TUNED, tuned="adapters/hosted/card.yaml")
    return write_experiment(tmp_path / "r", tasks=30, models={"base": served_model(served, model="m-base"), "t": tuned})


def alone(report: Path) -> None:
    """Takes the base out."""
    edit(report, models={"t": yaml.safe_load((report / "experiment.yaml").read_text())["models"]["t"]})
    edit(report, contenders={"c-t": {"model": "t"}})


def test_a_tuned_model_that_is_applied_is_probed_once_and_noted_nowhere(report: Path, capfd: Any) -> None:
    asked = "model t: whether its server applies it is looked at when the run begins, against base"
    assert asked in inside(capfd, "check", report)[1]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    probes = [line["call"]["model"] for line in journal(report, "calls") if line["call"]["role"] == "probe"]
    assert {probes.count("base"), probes.count("t")} == {4, 5}
    assert not [note for note in manifest(report)["notes"] if note.startswith("model ")]
    out = inside(capfd, "check", report)[1]
    assert (asked in out, ALONE in out) == (False, False)


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ({"applies": False}, "answers 2 probe prompts with the tuned model 'ft:m-base:org::a1' as without it"),
        ({"applies": False, "same_logprobs": True}, "(log-probabilities differ by 0): it is not applied"),
        ({"applies": False, "says": {TUNED: "m-base"}}, "the server answers as 'm-base', which is the base"),
        ({"says": {TUNED: "m-base"}}, "the server answers as 'm-base', which is the base; write models.t.model as"),
        ({"says": {TUNED: "m-base-2026-01-05", "m-base": "m-base-2026-01-05"}}, "which is the base"),
        ({"applies": False, "says": {TUNED: "zzz", "m-base": "zzz"}}, "it is not applied"),
    ],
)
def test_a_base_under_a_tuned_name_stops_the_run(
    report: Path, hosted: Hosted, how: dict[str, Any], said: str, capfd: Any
) -> None:
    for name, value in how.items():
        setattr(hosted, name, value)
    code, out, err = inside(capfd, "run", report, "--quiet")
    assert (code, out, err.count("\n"), said in err) == (2, "", 1, True), err
    assert err.startswith("ownbench: model 't': ")


@pytest.mark.parametrize(
    ("how", "note"),
    [
        ({"says": {TUNED: f"{TUNED}-2026-01-05", "m-base": "m-base-2026-01-05"}}, None),
        ({"says": {TUNED: "zzz"}}, f"model t: asked for the tuned model '{TUNED}', the server answers as 'zzz'"),
        ({"same_logprobs": True, "differs_on": "question 11"}, None),
        ({"logprobs": False}, "model t: the tuned model"),
    ],
)
def test_what_is_doubtful_is_a_note_and_the_run_goes_on(
    report: Path, hosted: Hosted, how: dict[str, Any], note: str | None, capfd: Any
) -> None:
    for name, value in how.items():
        setattr(hosted, name, value)
    code, _, err = inside(capfd, "run", report, "--quiet")
    assert code == 0, err
    notes = [found for found in manifest(report)["notes"] if found.startswith("model ")]
    assert len(notes) == (note is not None)
    assert all(found.startswith(note or "") for found in notes)


def test_without_its_base_it_is_said_that_nothing_can_be_seen(report: Path, capfd: Any) -> None:
    alone(report)
    assert f"model t: {ALONE}" in inside(capfd, "check", report)[1]
    _, _, err = inside(capfd, "run", report, "--quiet")
    assert f"note: model t: {ALONE}" in err
    assert ALONE in inside(capfd, "show", report)[1].replace("\n", " ")


def test_without_its_base_the_base_s_own_name_stops_the_run(
    report: Path, hosted: Hosted, served: servers.Served, capfd: Any
) -> None:
    alone(report)
    hosted.says = {TUNED: "m-base-2026-01-05"}
    code, out, err = inside(capfd, "run", report, "--quiet")
    assert (code, out, "answers as 'm-base-2026-01-05', which is the base" in err) == (2, "", True), err
    assert len(served.seen) == 1


def test_one_contender_alone_is_held_against_a_base_that_is_not_run(report: Path, hosted: Hosted, capfd: Any) -> None:
    hosted.applies = False
    code, _, err = inside(capfd, "run", report, "--quiet", "--only", "c-t")
    assert (code, "it is not applied" in err) == (2, True), err


@pytest.mark.parametrize(
    ("said", "noted"), [("m-base-2026-01-05", False), ("org/m-base", False), ("other-model", True), ("", False)]
)
def test_a_plain_model_with_another_name_in_its_replies_is_a_note_in_show(
    report: Path, hosted: Hosted, said: str, noted: bool, capfd: Any
) -> None:
    edit(report, contenders={"c-base": {"model": "base"}})
    hosted.says = {"m-base": said}
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    shown = " ".join(inside(capfd, "show", report)[1].split())
    note = f"model base: asked for 'm-base', its server answers as '{said}'; see that it is the model you mean"
    assert (note in shown) == noted
    assert inside(capfd, "run", report, "--quiet")[0] == 0  # nothing to do, and the note stays
    assert any(note in one for one in manifest(report)["notes"]) == noted


@pytest.mark.parametrize(
    ("asked", "said", "related", "alike"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06", True, True),
        ("openai/gpt-4o", "gpt-4o-2024-08-06", True, True),
        ("mistral-large-latest", "mistral-large-2411", True, False),
        ("us.anthropic.claude-3-5-haiku-20241022-v1:0", "claude-3-5-haiku-20241022", True, False),
        ("gpt-4o", "gpt-4o-mini-2024-07-18", True, False),
        ("/models/worker/", "worker", True, True),
        ("gpt-4o", "claude-3", False, False),
        ("m", "model", False, False),
    ],
)
def test_names_of_one_model(asked: str, said: str, related: bool, alike: bool) -> None:
    assert (is_related(asked, said), is_alike(asked, said)) == (related, alike)
