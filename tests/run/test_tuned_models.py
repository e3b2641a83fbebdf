"""Tuned models that others serve: tuned ones wherever a report speaks of them, and their training is charged."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import servers
import yaml
from live import CALL_USD, Server, edit, inside, manifest, openai_answer, rows, served_model, write_experiment

from harness.analysis import Side, changes, load_evidence
from harness.verdict import advise, load_assumptions

TUNED = "ft:m-base:org::a1"
CARD = {"base_model": "m-base", "recipe": "hosted SFT, 3 epochs", "seed": 1, "examples": 500, "training_usd": 600}
KNOWN = {"tasks_per_month": "1000", "value_per_task_usd": "0", "labelling_usd": "0", "outage_days_per_year": "0"}


def hosted(body: dict[str, Any]) -> dict[str, Any]:
    """Answers as ever; what was tuned is a little less sure of it."""
    reply = openai_answer(body)
    for token in (reply["choices"][0].get("logprobs") or {}).get("content", ()):
        token["logprob"] -= 0.5 if body["model"] == TUNED else 0.0
    return reply


@pytest.fixture
def served() -> Iterator[servers.Served]:
    with Server(hosted) as running:
        yield running


@pytest.fixture
def report(tmp_path: Path, served: servers.Served) -> Path:
    card(tmp_path)
    models = {
        "base": served_model(served, model="m-base"),
        "mine": served_model(served, model=TUNED, tuned="adapters/hosted/card.yaml"),
    }
    (tmp_path / "skills" / "s").mkdir(parents=True)
    (tmp_path / "skills" / "s" / "SKILL.md").write_text("---\nname: s\ndescription: How it is done.\n---\nSo.\n")
    skilled = {"skills": "skills/s", "delivery": "flat"}
    contenders = {name: {"model": name} for name in models}
    contenders |= {"read": {"model": "base"} | skilled, "both": {"model": "mine"} | skilled}
    return write_experiment(tmp_path / "r", models=models, contenders=contenders, reference="base")


def card(folder: Path, name: str = "hosted", **keys: Any) -> Path:
    """Writes a card; ``None`` leaves a key out."""
    path = folder / "adapters" / name / "card.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(yaml.safe_dump({k: v for k, v in (CARD | keys).items() if v is not None}))
    return path


def asked(report: Path, **changed: str) -> Any:
    return advise(report, load_assumptions(report, KNOWN | changed, spread=0))


def option(found: Any, name: str) -> Any:
    return next(o for o in found.options if o.contender == name)


def test_a_hosted_tuned_model_is_tuned_and_rented_wherever_it_is_spoken_of(report: Path, capfd: Any) -> None:
    code, out, err = inside(capfd, "check", report, "--json")
    assert code == 0, err
    plans = {plan["contender"]: plan["kind"] for plan in json.loads(out)["plans"]}
    assert plans == {"base": "model", "mine": "adapter", "read": "skilled", "both": "both"}
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert {(key[0], row["contender_kind"]) for key, row in rows(report).items()} == set(plans.items())
    told = {model["name"]: model["tuned"] for model in manifest(report)["models"]}
    assert told["base"] is None
    assert {key: told["mine"][key] for key in ("card", "base_model", "of", "training_usd")} == {
        "card": "adapters/hosted/card.yaml",
        "base_model": "m-base",
        "of": "base",
        "training_usd": 600,
    }
    assert {c["name"]: c["sourcing"] for c in manifest(report)["contenders"]} == dict.fromkeys(plans, "RENT")
    code, out, _ = inside(capfd, "show", report, "--json")
    setups = {c["name"]: (c["kind"], c["setup"]) for c in json.loads(out)["contenders"]}
    assert {name: kind for name, (kind, _) in setups.items()} == plans
    assert [setups[name][1].partition(",")[0] for name in ("base", "mine", "both")] == [
        "base",
        "mine (tuned)",
        "mine (tuned) + skills",
    ]
    found = asked(report)
    mine = option(found, "mine")
    assert (mine.kind, mine.because, mine.lacking) == ("RENT", "mine is paid by the token", ())
    assert mine.fixed_parts_usd == {"training_usd": 50, "labelling_usd": 0}, "600 over a year, and no hosting"
    assert mine.monthly_usd.value == pytest.approx(50 + 1000 * CALL_USD)
    assert option(found, "base").fixed_parts_usd == {}
    assert (
        "training costs what the cards say: mine $600.00 and both $600.00 (training_usd states another amount)"
        in found.notes
    )


def test_a_stated_training_goes_before_the_card_and_is_paid_again(report: Path, capfd: Any) -> None:
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    found = asked(report, training_usd="120")
    assert option(found, "mine").fixed_parts_usd["training_usd"] == 10
    assert not any("what the cards say" in note for note in found.notes)
    again = option(asked(report, retrain_months="6"), "mine")
    assert again.fixed_parts_usd["retrain_months"] == 50
    code, out, _ = inside(capfd, "advise", report, "--json", "--economics", *(f"{k}={v}" for k, v in KNOWN.items()))
    named = next(o for o in json.loads(out)["options"] if o["contender"] == "mine")
    assert (code, named["kind"], named["fixed_parts_usd"]["training_usd"]) == (0, "RENT", 50)


def test_a_card_that_names_no_cost_leaves_it_unknown_and_check_says_so(
    report: Path, tmp_path: Path, capfd: Any
) -> None:
    card(tmp_path, training_usd=None)
    assert "model mine: its card (adapters/hosted/card.yaml) has no training_usd" in inside(capfd, "check", report)[1]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert option(asked(report), "mine").lacking == ("training_usd",)


def test_a_card_given_afterwards_asks_nothing_again(report: Path, served: servers.Served, capfd: Any) -> None:
    whole = yaml.safe_load((report / "experiment.yaml").read_text())["models"]
    edit(report, models=whole | {"mine": {k: v for k, v in whole["mine"].items() if k != "tuned"}})
    note = f"model mine: {TUNED} is a tuned model, and without a card it counts as a bare one"
    assert note in inside(capfd, "check", report)[1]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert {row["contender_kind"] for row in rows(report).values()} == {"model", "skilled"}
    so_far = len(served.seen)
    edit(report, models=whole)
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert len(served.seen) == so_far
    assert rows(report)["mine", "t0", 0]["contender_kind"] == "adapter"
    assert option(asked(report), "mine").fixed_parts_usd["training_usd"] == 50


def test_licences_and_last_days_are_on_record_and_ask_nothing_again(
    report: Path, tmp_path: Path, served: servers.Served, capfd: Any
) -> None:
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    so_far, whole = len(served.seen), yaml.safe_load((report / "experiment.yaml").read_text())["models"]
    card(tmp_path, data_licence="CC0-1.0", base_licence="CC-BY-NC-4.0")
    whole["base"] |= {"available_until": "2026-01-06"}
    whole["mine"] |= {"licence": "provider's terms"}
    edit(report, models=whole)
    gone = "models.base.available_until is 2026-01-06, which has passed"
    assert gone in inside(capfd, "check", report)[1]
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    assert len(served.seen) == so_far, "they change no answer"
    assert {model["name"]: (model["licence"], model["available_until"]) for model in manifest(report)["models"]} == {
        "base": ("", "2026-01-06"),
        "mine": ("provider's terms", ""),
    }
    (report / "experiment.yaml").unlink()  # the record tells as much
    found = asked(report, moving_usd="12")
    assert {(one.of, one.licence) for one in option(found, "mine").licences} == {
        ("model mine", "provider's terms"),
        ("base base", "CC-BY-NC-4.0"),
        ("data", "CC0-1.0"),
    }
    assert option(found, "mine").may_be_sold == "no"
    assert option(found, "base").fixed_parts_usd == {"moving_usd": 1}


def test_what_changed_tells_of_another_card(report: Path, tmp_path: Path, capfd: Any) -> None:
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    other = tmp_path / "later"
    other.mkdir()
    (other / "experiment.yaml").write_text((report / "experiment.yaml").read_text())
    card(tmp_path, training_usd=900)
    assert inside(capfd, "run", other, "--quiet")[0] == 0
    evidence = [load_evidence(one) for one in (report, other)]
    found = changes(*(Side(table=table, manifest=told, contender="mine") for table, told in evidence))
    assert {change.what: (change.baseline, change.candidate) for change in found}["training_usd"] == ("600.0", "900.0")
    assert {change.what for change in found} == {"card", "training_usd"}


@pytest.mark.parametrize(
    ("keys", "model", "said"),
    [
        ({}, {"tuned": "adapters/nothing/card.yaml"}, "models.mine.tuned: there is no adapters/nothing/card.yaml"),
        ({"trainingusd": 3}, {}, "card.yaml: trainingusd"),
        ({"training_usd": -3}, {}, "card.yaml: training_usd"),
        ({"gpu_seconds": -1}, {}, "card.yaml: gpu_seconds: found the number -1; needed: a number from 0"),
        ({"date": "soon"}, {}, "card.yaml: date: found 'soon'; needed: a date, such as 2027-01-06"),
        ({"base_model": "gpt-4o"}, {}, f"tuned from 'gpt-4o', and '{TUNED}' of mine from 'm-base'"),
        ({}, {"model": "m-base"}, "'m-base' of the model mine is the base that the card names"),
        ({}, {"model": "arn:aws:bedrock:us-east-1:1:custom-model/amazon.nova-lite-v1/x"}, "from 'amazon.nova-lite-v1'"),
    ],
)
def test_a_wrong_card_is_one_line_and_nothing_is_asked(
    report: Path, tmp_path: Path, served: servers.Served, keys: Any, model: Any, said: str, capfd: Any
) -> None:
    card(tmp_path, **keys)
    models = yaml.safe_load((report / "experiment.yaml").read_text())["models"]
    edit(report, models=models | {"mine": models["mine"] | model})
    for verb in ("check", "run"):
        code, out, err = inside(capfd, verb, report)
        assert (code, out, err.count("\n")) == (2, "", 1), err
        assert said in err
    assert served.seen == []


@pytest.mark.parametrize("base", ["m-base-2026-01-05", "openai/m-base", "M-Base"])
def test_one_model_may_be_called_by_its_date_or_its_provider(
    report: Path, tmp_path: Path, base: str, capfd: Any
) -> None:
    card(tmp_path, base_model=base)
    assert inside(capfd, "check", report)[0] == 0


def test_tuned_and_skilled_and_forgetting_find_its_base(report: Path, tmp_path: Path, capfd: Any) -> None:
    from live import write_suite

    write_suite(tmp_path / "suites" / "general", [{"input": f"a general question {n}"} for n in range(6)])
    edit(report, suites=["suites/s", "suites/general"])
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    code, out, err = inside(capfd, "factorial", report, "--json")
    assert code == 0, err
    cells = {"base": "base", "tuned": "mine", "skilled": "read", "both": "both"}
    assert (json.loads(out)["contenders"], "differ" in json.loads(out)["sentence"]) == (cells, False)
    forgotten = asked(report).forgetting
    assert {(one.tuned, one.base) for one in forgotten} == {("mine", "base"), ("both", "base")}
    from harness.analysis.skill_attempts import given, squares

    assert squares([*given(load_evidence(report)[1]).values()]) == [cells]


def test_seeds_of_one_hosted_recipe_are_one_option(tmp_path: Path, served: servers.Served, capfd: Any) -> None:
    models = {}
    for seed in (1, 2):
        card(tmp_path, f"s{seed}", seed=seed)
        models[f"s{seed}"] = served_model(served, model=f"ft:m-base:org::{seed}", tuned=f"adapters/s{seed}/card.yaml")
    report = write_experiment(tmp_path / "r", models=models)
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    (one,) = asked(report).options
    assert (one.contender, one.fixed_parts_usd["training_usd"]) == ("c-s1 (2 seeds)", 50)


def test_a_replay_is_as_tuned_as_what_it_repeats(report: Path, tmp_path: Path, capfd: Any) -> None:
    assert inside(capfd, "run", report, "--quiet")[0] == 0
    models = {name: {"backend": "replay", "report": "r", "model": name} for name in ("base", "mine")}
    again = write_experiment(tmp_path / "again", models=models, contenders={name: {"model": name} for name in models})
    assert inside(capfd, "run", again, "--quiet")[0] == 0
    assert rows(again)["mine", "t0", 0]["contender_kind"] == "adapter"
    assert option(asked(again), "mine").fixed_parts_usd["training_usd"] == 50


def test_an_adapter_asked_for_by_sampling_makes_a_tuned_contender(tmp_path: Path, capfd: Any) -> None:
    def answer(body: dict[str, Any]) -> dict[str, Any]:
        reply = openai_answer(body)
        for token in (reply["choices"][0].get("logprobs") or {}).get("content", ()):
            token["logprob"] -= body["lora"][0]["scale"] / 2
        return reply

    with Server(answer) as served:

        def lora(scale: float, **keys: Any) -> dict[str, Any]:
            return served_model(served, sampling={"lora": [{"id": 0, "scale": scale}]}, **keys)

        report = write_experiment(tmp_path / "l", models={"base": lora(0.0), "mine": lora(1.0)})
        note = "model mine: it is asked with an adapter, and without a card its training cost is unknown"
        assert note in inside(capfd, "check", report)[1]
        assert inside(capfd, "run", report, "--quiet")[0] == 0
        kinds = {key[0]: row["contender_kind"] for key, row in rows(report).items()}
        assert kinds == {"c-base": "model", "c-mine": "adapter"}
        assert manifest(report)["models"][1]["tuned"]["of"] == "base"
        assert option(asked(report), "c-mine").lacking == ("training_usd",)
        card(tmp_path)
        edit(report, models={"base": lora(0.0), "mine": lora(1.0, tuned="adapters/hosted/card.yaml")})
        assert note not in inside(capfd, "check", report)[1]
        assert inside(capfd, "run", report, "--quiet")[0] == 0
        assert option(asked(report), "c-mine").fixed_parts_usd["training_usd"] == 50
