"""``ownbench skill improve`` by its command: what is kept, what is refused, what it costs, and a kill in its midst."""

import asyncio
import json
import shutil
import time
from pathlib import Path

import live
import pytest
import rooms
import servers
import yaml
from live import Server

from harness.cli import main
from harness.skill import load_skill

CALL = live.CALL_USD


@pytest.fixture
def house(tmp_path, monkeypatch):
    """Makes a house around a server, and goes there."""

    def make(served, **how):
        monkeypatch.chdir(tmp_path)
        return rooms.write_house(tmp_path, served, **how)

    return make


def calls(home):
    return sum(len(rooms.lines(path)) for path in home.glob("*/calls.jsonl"))


def test_a_good_edit_is_kept_and_noise_refused_and_all_of_it_is_charged(house, capfd):
    author = rooms.Author(rooms.NOISE, "I would rather talk.", rooms.GOOD, rooms.WRONG)
    with Server(author) as served:
        folder = house(served)
        before = (folder / "skills/colours/SKILL.md").read_bytes()
        code, out, err = live.inside(capfd, *rooms.command("--tries", 4, "--budget", 1, "--report", "reports/compare"))
        assert (code, err.count("INCOMPLETE")) == (0, 0)
        paid = len(served.seen)
    home = folder / "reports/improve-colours"
    first, second, third, *fourth = rooms.lines(home / "tries.jsonl")
    assert fourth == []  # nothing fails any more
    assert [(one["stage"], one["accepted"]) for one in (first, second, third)] == [
        ("screen", False), ("proposal", False), ("dev", True),
    ]  # fmt: skip
    assert "ended: the skill fails at no train task" in out
    assert (folder / "skills/colours/SKILL.md").read_bytes() == before

    version = home / "versions/0001/colours"
    skill, given = load_skill(version), load_skill(folder / "skills/colours")
    assert (skill.name, skill.allowed_tools, skill.files) == (given.name, given.allowed_tools, ("references/more.md",))
    assert "| k11 | brown |" in skill.body
    assert (version / "SKILL.md").read_text().startswith(rooms.HEAD)
    card = yaml.safe_load((home / "versions/0001/colours.card.yaml").read_text())
    assert (card["digest"], card["parent"]) == (skill.digest, {"version": 0, "digest": given.digest})
    assert card["edits"] == rooms.GOOD["edits"]
    dev = card["evidence"]["dev"]
    assert (dev["tasks"], dev["before"], dev["after"]) == (24, pytest.approx(1 / 3), 1.0)
    assert dev["p"] == pytest.approx(0.5**16)
    assert dev["low"] < dev["difference"] < dev["high"]
    assert dev["p"] <= dev["needed"] == 0.025
    assert card["cost_usd"] > card["author_usd"] == pytest.approx(3 * CALL)

    (look,) = rooms.lines(home / "test.jsonl")
    assert (look["version"], look["tasks"], look["after"]) == (1, 24, 1.0)
    assert "test, looked at once: version 1: 33.3% before, 100.0% after, +66.7 points" in out
    spent = paid * CALL
    assert f"cost: ${spent:.4g}"[:9] in out
    assert calls(home) >= paid

    # the author saw inputs, outputs, expected answers and feedback of train tasks alone, and why it was refused
    asked = "\n".join(author.asked)
    assert "In train" in asked
    assert "In dev" not in asked
    assert "In test" not in asked
    assert "output: none" in asked
    assert "expected: white" in asked
    assert "Refused: no better on the tasks shown" in author.asked[1]
    assert "Refused: the answer is no JSON" in author.asked[2]

    # the comparison runs
    value = yaml.safe_load((folder / "reports/compare/experiment.yaml").read_text())
    assert [*value["contenders"]] == ["none", "human", "improved"]
    assert value["economics"]["skill_authoring_usd"] == pytest.approx(card["cost_usd"])
    with Server(author) as again:
        text = (folder / "reports/compare/experiment.yaml").read_text().replace(served.url, again.url)
        (folder / "reports/compare/experiment.yaml").write_text(text)
        assert main(["run", "reports/compare", "--quiet"]) == 0
    rates = [live.rows(folder / "reports/compare")[name, "test-11", 0]["passed"] for name in value["contenders"]]
    assert rates == [False, False, True]


def test_done_once_it_is_done_and_goes_on_with_more_tries(house, capfd):
    half = {"edits": [{"op": "add", "after": "| --- | --- |", "new": rooms.table([*rooms.ROWS][4:10])}]}
    rest = {"edits": [{"op": "add", "after": "| --- | --- |", "new": rooms.table([*rooms.ROWS][10:])}]}
    with Server(rooms.Author(half, rooms.NOISE, rest)) as served:
        folder = house(served, splits={"train": 24, "dev": 96, "test": 24})
        assert live.inside(capfd, *rooms.command("--tries", 2))[0] == 0
        paid = len(served.seen)
        code, out, _ = live.inside(capfd, *rooms.command("--tries", 2))
        assert (code, len(served.seen)) == (0, paid)
        assert "test, looked at once: version 1" in out
        code, out, _ = live.inside(capfd, *rooms.command("--tries", 3))
        assert code == 0
    assert "test, look 1 of 2: version 1" in out
    assert "test, look 2 of 2: version 2" in out
    assert "this version is not judged by untouched tasks" in out
    card = yaml.safe_load((folder / "reports/improve-colours/versions/0002/colours.card.yaml").read_text())
    assert card["parent"]["digest"] == load_skill(folder / "reports/improve-colours/versions/0001/colours").digest
    assert card["evidence"]["dev"]["needed"] == pytest.approx(0.05 / 6)
    found = json.loads(live.inside(capfd, *rooms.command("--tries", 3, "--json"))[1])
    assert (found["version"], len(found["tries"]), len(found["looks"])) == (2, 3, 2)
    shown = {name for name, _, _ in live.rows(folder / "reports/improve-colours/dev")}
    assert shown == {"version-0", "try-1", "version-1", "try-3"}  # what was done before the last call, too
    assert {"try-1", "try-2", "try-3"} <= {name for name, _, _ in live.rows(folder / "reports/improve-colours/train")}


@pytest.mark.parametrize("at", [pytest.param(0, marks=pytest.mark.slow), 30, pytest.param(70, marks=pytest.mark.slow)])
def test_killed_anywhere_it_goes_on_and_pays_nothing_twice(house, capfd, at):
    """Of the calls made before the kill only those in flight are made again."""
    author, hung, count = rooms.Author(rooms.NOISE, rooms.GOOD), [], [0]

    async def act(served, request, body):
        count[0] += 1
        if count[0] > at and not hung:
            hung.append(body)
            await asyncio.sleep(3600)
        return await servers.ok()(served, request, body)

    with Server(author, act) as served:
        folder = house(served)
        models = yaml.safe_load((folder / "models.yaml").read_text()) | {"limits": {"concurrency": 1, "timeout_s": 60}}
        (folder / "models.yaml").write_text(yaml.safe_dump(models))
        process = live.start(*rooms.command("--tries", 2), cwd=folder)
        end = time.monotonic() + 60
        while not hung:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < end
            time.sleep(0.01)
        process.kill()
        process.communicate()
        assert live.inside(capfd, *rooms.command("--tries", 2))[0] == 0
        made = count[0]
        shutil.move(folder / "reports/improve-colours", folder / "first")
        assert live.inside(capfd, *rooms.command("--tries", 2))[0] == 0
        assert made == count[0] - made + 1
    for name in ("tries.jsonl", "improve.yaml", "versions/0001/colours/SKILL.md"):
        assert (folder / "first" / name).read_text() == (folder / "reports/improve-colours" / name).read_text()


def test_the_budget_ends_it_and_a_larger_one_goes_on(house, capfd):
    with Server(rooms.Author(rooms.NOISE, rooms.GOOD)) as served:
        folder = house(served)
        code, _, err = live.inside(capfd, *rooms.command("--budget", 3 * CALL))
        assert (code, err.count("\n")) == (4, 1)
        assert "are spent; with a larger --budget the same command goes on from here" in err
        assert len(served.seen) <= 3
        code, out, err = live.inside(capfd, *rooms.command("--budget", 55 * CALL))
        assert code in (0, 4)
        assert len(served.seen) <= 55
        code, out, err = live.inside(capfd, *rooms.command("--budget", 1))
        assert code == 0
        assert "version 1: 33.3% before" in out
    assert (folder / "reports/improve-colours/versions/0001").is_dir()


def test_an_author_that_answers_prose_is_asked_five_times_and_no_version_comes_of_it(house, capfd):
    with Server(rooms.Author("I am sorry.")) as served:
        folder = house(served)
        code, out, _ = live.inside(capfd, *rooms.command("--tries", 9))
    assert code == 0
    assert "ended: 5 proposals in a row could not be used" in out
    assert "no version was accepted, and the test tasks were left alone" in out
    assert not (folder / "reports/improve-colours/versions/0001").exists()
    assert not (folder / "reports/improve-colours/test").exists()


def test_an_author_that_cannot_be_reached_ends_it_and_is_asked_again(house, capfd):
    async def act(served, request, body):
        if body["model"] == "author" and not well:
            return await servers.status(500)(served, request, body)
        return await servers.ok()(served, request, body)

    well = []
    with Server(rooms.Author(rooms.GOOD), act) as served:
        house(served)
        code, out, err = live.inside(capfd, *rooms.command("--tries", 1))
        assert (code, out, err.count("\n")) == (4, "", 1)
        assert "the author gave no answer (provider)" in err
        well.append(True)
        code, out, _ = live.inside(capfd, *rooms.command("--tries", 1))
    assert code == 0
    assert "accepted as version 1" in out


def wrong(folder, name):
    """What is broken, and what the message says."""
    suite, models = folder / "suites/colours/tasks.jsonl", folder / "models.yaml"
    rows = rooms.lines(suite)

    def splits(**new):
        suite.write_text(
            "".join(json.dumps(row | {"split": new.get(row["split"], row["split"])}) + "\n" for row in rows)
        )

    if name == "no train tasks":
        splits(train="dev")
    elif name == "few dev tasks":
        splits(dev="test")
    elif name == "no test tasks":
        splits(test="train")
    elif name == "no price":
        value = yaml.safe_load(models.read_text())
        del value["models"]["big"]["price"]
        models.write_text(yaml.safe_dump(value))
    elif name == "no key":
        value = yaml.safe_load(models.read_text())
        value["models"]["big"]["api_key_env"] = "NO_SUCH_VARIABLE"
        models.write_text(yaml.safe_dump(value))
    elif name == "two meanings":
        value = yaml.safe_load(models.read_text())
        models.unlink()
        for model in ("one", "another"):
            value["models"]["small"]["model"] = model
            (folder / "reports" / model).mkdir(parents=True)
            (folder / "reports" / model / "experiment.yaml").write_text(yaml.safe_dump(value))
    elif name == "a foreign report":
        (folder / "mine").mkdir()
        (folder / "mine/experiment.yaml").write_text("name: mine\n")
    elif name == "a foreign folder":
        (folder / "reports/improve-colours").mkdir(parents=True)
        (folder / "reports/improve-colours/notes.txt").write_text("mine")


@pytest.mark.parametrize(
    ("name", "more", "said"),
    [
        ("no train tasks", (), "suites/colours: tasks: no task has the split train"),
        ("few dev tasks", (), "6 that are independent are needed; there are 0"),
        ("no price", ("--budget", "1"), "models.yaml: models.big: the budget is in dollars"),
        ("no key", (), "the environment variable NO_SUCH_VARIABLE is not set"),
        (
            "two meanings",
            (),
            "'small' is one thing in reports/another/experiment.yaml and another in reports/one/experiment.yaml",
        ),
        ("a foreign report", ("--report", "mine"), "mine/experiment.yaml: it is there"),
        ("a foreign folder", (), "holds no improve.yaml"),
        ("", ("--budget", "0"), "--budget is 0; give the dollars that may be spent, above 0"),
        ("", ("--tries", "0"), "argument --tries: found '0', needed a whole number from 1 on, such as 10"),
        ("", ("--suite", "colors"), "colors: there is no such suite"),
        ("", ("--model", "smal"), "no model is named 'smal'"),
        ("", ("--author", "bigg"), "no model is named 'bigg'"),
        ("", ("--adapter", "x"), "--adapter goes with --report"),
        ("", ("--report", "r", "--adapter", "x"), "x: there is no such adapter folder"),
        ("", ("--models", "nowhere.yaml"), "nowhere.yaml"),
        ("no test tasks", ("--report", "r"), "no task in the split 'test'"),
    ],
)
def test_what_is_wrong_is_said_in_one_line_before_anything_is_written(house, capfd, name, more, said):
    with Server(rooms.Author(rooms.GOOD)) as served:
        folder = house(served)
        wrong(folder, name)
        before = sorted(folder.rglob("*"))
        code, out, err = live.inside(capfd, *rooms.command(*more))
        assert (code, out, err.count("\n")) == (2, "", 1)
        assert said in err
        assert served.seen == []
    assert sorted(folder.rglob("*")) == before


def test_a_skill_that_is_not_there(house, capfd):
    with Server(rooms.Author(rooms.GOOD)) as served:
        folder = house(served)
        code, _, err = live.inside(
            capfd, "skill", "improve", "colors", "--suite", "colours", "--model", "small", "--author", "big"
        )
    assert (code, err) == (2, "ownbench: colors: there is no such folder\n")
    assert not (folder / "reports").exists()


def test_another_question_in_the_same_folder_is_refused(house, capfd):
    with Server(rooms.Author("no")) as served:
        house(served)
        live.inside(capfd, *rooms.command("--tries", 1))
        code, _, err = live.inside(capfd, *rooms.command("--tries", 1, "--batch", 7))
    assert (code, err.count("\n")) == (2, 1)
    assert "improve.yaml: it was begun with batch 20, and now it is 7" in err


@pytest.mark.local
def test_a_tuned_adapter_is_compared_with_what_it_cost(house, capfd):
    root = Path(__file__).resolve().parents[2]
    with Server(rooms.Author("no")) as served:
        folder = house(served)
        value = yaml.safe_load((folder / "models.yaml").read_text())
        value["models"]["worker"] = {"backend": "transformers", "path": str(root / "adapters/base/worker")}
        value["economics"] = {"tasks_per_month": 1000, "tasks_per_gpu_hour": {"other": 3.0}}
        (folder / "models.yaml").write_text(yaml.safe_dump(value))
        shutil.copytree(root / "adapters/ticket-routing", folder / "adapters/mine")
        card = yaml.safe_load((folder / "adapters/mine/card.yaml").read_text()) | {"training_usd": 7.5}
        (folder / "adapters/mine/card.yaml").write_text(yaml.safe_dump(card))
        more = ("--report", "r", "--adapter", "adapters/mine", "--adapter-model", "worker", "--tries", 1)
        code, out, err = live.inside(capfd, *rooms.command(*more))
    assert (code, err) == (0, "")
    assert "to make: none $0, human not known, tuned $7.50" in out
    made = yaml.safe_load((folder / "r/experiment.yaml").read_text())
    assert made["contenders"]["tuned"] == {"model": "worker", "adapter": "../adapters/mine"}
    assert made["economics"] == {"tasks_per_month": 1000, "training_usd": 7.5}
