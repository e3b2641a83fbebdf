"""Whatever a user writes wrongly costs one clear line: nothing printed, written or sent, and no traceback."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import live
import pytest
import yaml
from live import Server

from harness.cli import main

ASSETS = Path(__file__).parents[2] / "adapters"
WORKER = ASSETS / "base" / "worker"


class Place:
    """A sound experiment on disk, to be spoilt."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.report, self.suite = folder, folder / "r", folder / "suites" / "s"
        self.url = url
        live.write_suite(self.suite, 4, prompt="prompts/p.jinja")
        (self.suite / "prompts").mkdir()
        (self.suite / "prompts" / "p.jinja").write_text("{{ input }}")
        skill = folder / "skills" / "k"
        skill.mkdir(parents=True)
        (skill / "SKILL.md").write_text("---\nname: k\ndescription: d\n---\nbody\n")
        model = {"backend": "openai", "model": "m", "base_url": f"{url}/v1", "price": live.PRICE}
        contenders = {"plain": {"model": "m"}, "skilled": {"model": "m", "skills": "skills", "delivery": "flat"}}
        live.write_experiment(self.report, models={"m": model}, contenders=contenders, reference="plain")

    def experiment(self, change: Callable[[dict], object]) -> None:
        path = self.report / "experiment.yaml"
        content = yaml.safe_load(path.read_text())
        change(content)
        path.write_text(yaml.safe_dump(content, sort_keys=False))

    def suite_file(self, **keys: object) -> None:
        path = self.suite / "suite.yaml"
        content = yaml.safe_load(path.read_text()) | keys
        path.write_text(yaml.safe_dump({k: v for k, v in content.items() if v is not None}))

    def tasks(self, *lines: object) -> None:
        text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
        (self.suite / "tasks.jsonl").write_text(text)


def put(*path: object, value: object = None) -> Callable[[Place], None]:
    """Sets a key of the experiment."""

    def change(content: dict) -> None:
        for key in path[:-1]:
            content = content.setdefault(key, {}) if isinstance(content, dict) else content[key]
        content[path[-1]] = value

    return lambda place: place.experiment(change)


def drop(*path: object) -> Callable[[Place], None]:
    """Takes a key of the experiment out."""

    def change(content: dict) -> None:
        for key in path[:-1]:
            content = content[key]
        del content[path[-1]]

    return lambda place: place.experiment(change)


def written(name: str, text: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        (place.folder / name).parent.mkdir(parents=True, exist_ok=True)
        (place.folder / name).write_text(text)

    return act


def removed(name: str) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        path = place.folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink()

    return act


def hybrid(**escalate: object) -> Callable[[Place], None]:
    return put("contenders", "h", value={"worker": "plain", "expert": "skilled", "escalate": escalate})


def both(*acts: Callable[[Place], None]) -> Callable[[Place], None]:
    def act(place: Place) -> None:
        for one in acts:
            one(place)

    return act


def line(number: int, **keys: object) -> dict[str, object]:
    return {"id": f"t{number}", "domain": "d", "input": f"question {number}", "reference": f"answer {number}"} | keys


def tasks(*lines: object) -> Callable[[Place], None]:
    return lambda place: place.tasks(*lines)


def suite(**keys: object) -> Callable[[Place], None]:
    return lambda place: place.suite_file(**keys)


def adapter(config: dict[str, object] | None, *files: str) -> Callable[[Place], None]:
    """A contender with an adapter's folder of these files."""

    def act(place: Place) -> None:
        folder = place.folder / "adapters" / "a"
        folder.mkdir(parents=True)
        if config is not None:
            (folder / "adapter_config.json").write_text(json.dumps(config))
        for name in files:
            (folder / name).write_bytes(b"\x80\x04K\x01.")
        put("contenders", "tuned", value={"model": "m", "adapter": "adapters/a"})(place)

    return act


LORA = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"], "base_model_name_or_path": "b"}
E = "r/experiment.yaml"
SPOILT: dict[str, tuple[Callable[[Place], None], list[str]]] = {
    "unknown key": (put("trails", value=3), [E, "trails", "did you mean 'trials'"]),
    "unknown key below": (put("models", "m", "base_ulr", value="x"), [E, "models.m.base_ulr", "'base_url'"]),
    "unknown key of a limit": (put("limits", "concurency", value=3), [E, "limits.concurency", "'concurrency'"]),
    "wrong type": (put("trials", value="three"), [E, "trials", "'three'"]),
    "trials of zero": (put("trials", value=0), [E, "trials", "0"]),
    "a truth value as a number": (put("trials", value=True), [E, "trials"]),
    "more trials than a report holds": (
        both(
            put("contenders", value={"plain": {"model": "m"}} | {f"c{i}": {"model": "m"} for i in range(99)}),
            put("trials", value=10_000),
        ),
        [E, "trials", "4 tasks x 100 contenders x 10,000 trials", "1,000,000 at most"],
    ),
    "more trials than tell anything": (put("trials", value=20_000), [E, "trials", "20000", "up to 10000"]),
    "more contenders than anybody reads": (
        put("contenders", value={f"c{i}": {"model": "m"} for i in range(5_000)}),
        [E, "contenders", "5,000 items", "at most 2,000"],
    ),
    "more calls at once than a machine": (put("limits", value={"concurrency": 1_000_000}), [E, "concurrency", "10000"]),
    "contenders that differ in case": (
        put("contenders", "Plain", value={"model": "m"}),
        [E, "contenders", "'plain' and 'Plain'", "differ in case"],
    ),
    "contenders that look alike": (
        put("contenders", "pl\u0430in", value={"model": "m"}),
        [E, "contenders", "U+0430 (CYRILLIC SMALL LETTER A)", "rename one"],
    ),
    "models that look alike": (
        put("models", "\uff4d", value={"backend": "openai", "model": "m", "base_url": "http://127.0.0.1:9/v1"}),
        [E, "models", "U+FF4D", "rename one"],
    ),
    "a name with a character that cannot be seen": (
        put("contenders", "new\u200b", value={"model": "m"}),
        [E, "contenders", r"'new\u200b'", "ZERO WIDTH SPACE", "take it out"],
    ),
    "a reference that only looks like a contender": (
        put("reference", value="pl\u0430in"),
        [E, "reference", "'plain' looks the same", "U+0430"],
    ),
    "suites that look alike": (
        both(
            lambda place: live.write_suite(place.folder / "suites" / "t", 2, name="S"),
            put("suites", value=["suites/s", "suites/t"]),
        ),
        [E, "suites.1", "'s' and 'S'", "differ in case"],
    ),
    "a number that YAML reads otherwise": (
        lambda place: place.report.joinpath("experiment.yaml").write_text("name: a\ntrials: 010\n"),
        [E, "line 2", "010 would be read as 8", "write 10"],
    ),
    "a number that is a text to YAML": (put("trials", value="1e3"), [E, "trials", "'1e3'", "write 1000"]),
    "a truth value as a name": (put("name", value=False), [E, "name", "a text", "put it in quotes"]),
    "a truth value as a contender": (
        lambda place: place.experiment(lambda content: content["contenders"].update({False: {"model": "m"}})),
        [E, "contenders: found the truth value False as a key", "put it in quotes"],
    ),
    "a budget without its key": (put("budget", value=25), [E, "budget", "a mapping of keys to values"]),
    "a name of a million characters": (put("name", value="x" * 1_000_000), [E, "name", "at most 200 characters"]),
    "a name of two lines": (put("name", value="a\nb"), [E, "name", "control character"]),
    "a path that no file can have": (put("suites", value=["x" * 5000]), [E, "suites.0", "xxx...", "too long"]),
    "more tries than anybody waits for": (put("limits", value={"tries": 10**400}), [E, "limits.tries", "up to 100"]),
    "an anchor that holds itself": (
        written(E, "name: a\nsuites: &s [suites/s, *s]\n"),
        [E, "alias"],
    ),
    "negative budget": (put("budget", value={"usd": -1}), [E, "budget.usd", "-1"]),
    "budget that is no number": (put("budget", value={"usd": float("nan")}), [E, "budget.usd"]),
    "no such file": (removed(E), [E, "there is no such file"]),
    "an empty file": (written(E, ""), [E, "empty"]),
    "a list at the top": (written(E, "- a\n"), [E, "a list"]),
    "not YAML": (written(E, "name: [1,\n"), [E, "not valid YAML", "line 2"]),
    "a tab in YAML": (written(E, "name:\n\t- a\n"), [E, "not valid YAML"]),
    "a key given twice": (written(E, "name: a\nname: b\n"), [E, "'name' is given twice", "line 2"]),
    "a tag in YAML": (written(E, "name: !!python/object/apply:os.system ['x']\n"), [E, "not valid YAML"]),
    "no name": (drop("name"), [E, "name", "missing"]),
    "no models": (drop("models"), [E, "models", "missing"]),
    "no contenders": (put("contenders", value={}), [E, "contenders"]),
    "no suites": (put("suites", value=[]), [E, "suites"]),
    "unknown backend": (put("models", "m", "backend", value="opnai"), [E, "models.m", "'opnai'", "'openai'"]),
    "backend without its key": (drop("models", "m", "base_url"), [E, "models.m", "base_url"]),
    "base_url that is no URL": (
        put("models", "m", "base_url", value="localhost:1"),
        [E, "models.m", "base_url", "http://"],
    ),
    **{
        f"base_url that ends in {end}": (
            put("models", "m", "base_url", value=f"http://127.0.0.1:9/v1{end}"),
            [E, "models.m", end.rstrip("/"), "write http://127.0.0.1:9/v1"],
        )
        for end in ("/chat/completions", "/chat/completions/", "/completions", "/responses")
    },
    **{
        f"base_url {url}": (put("models", "m", "base_url", value=url), [E, "models.m", "base_url"])
        for url in (
            "http://",
            "http://h:99999/v1",
            "http://h:x/v1",
            "http://[::1/v1",
            "http://h /v1",
            "http://h/v1?a=b",
        )
    },
    "unknown model": (put("contenders", "plain", "model", value="n"), [E, "contenders.plain.model", "'n'"]),
    "unknown contender": (
        both(hybrid(signal="always"), put("contenders", "h", "expert", value="skiled")),
        [E, "contenders.h.expert", "'skiled'", "'skilled'"],
    ),
    "unknown delivery": (
        put("contenders", "skilled", "delivery", value="flta"),
        [E, "contenders.skilled", "'flta'", "'flat'"],
    ),
    "a delivery that lacks its number": (
        put("contenders", "skilled", "delivery", value="bm25:many"),
        [E, "contenders.skilled", "bm25"],
    ),
    "an author that is no model": (
        put("contenders", "plain", value={"model": "m", "delivery": "self", "author": "n"}),
        [E, "contenders.plain.author", "'n'"],
    ),
    "an author of skills that are named": (
        put("contenders", "skilled", "author", value="m"),
        [E, "contenders.skilled", "author goes with delivery: self"],
    ),
    "skills that are named and written": (
        put("contenders", "skilled", "delivery", value="self"),
        [E, "contenders.skilled", "take one of the two out"],
    ),
    "delivery without skills": (drop("contenders", "skilled", "skills"), [E, "contenders.skilled", "without skills"]),
    "unknown signal": (hybrid(signal="logprob"), [E, "contenders.h.escalate", "'logprob'", "logprob_m"]),
    "a threshold in percent": (hybrid(signal="margin", threshold=80), [E, "contenders.h.escalate", "80", "write 0.8"]),
    "a threshold beyond percents": (hybrid(signal="logprob_mean", threshold=250.0), [E, "escalate", "between 0 and 1"]),
    "a margin below 0": (hybrid(signal="margin", threshold=-0.5), [E, "contenders.h.escalate", "-0.5", "0 and 1"]),
    "a share above one": (hybrid(signal="random:2"), [E, "contenders.h.escalate", "between 0 and 1"]),
    "random like nobody": (hybrid(signal="random:plain"), [E, "contenders.h.escalate.signal", "random:plain"]),
    "random like a hybrid that chooses nothing": (
        both(
            hybrid(signal="margin", threshold=0.5),
            put(
                "contenders",
                "i",
                value={"worker": "plain", "expert": "skilled", "escalate": {"signal": "random:h"}},
            ),
        ),
        [E, "contenders.i.escalate.signal", "random:h", "threshold: auto", "random:0.2"],
    ),
    "verifier without a grader": (hybrid(signal="verifier"), [E, "contenders.h.escalate", "verifier"]),
    "verifier that needs a reference": (
        hybrid(signal="verifier", verifier={"name": "exact"}),
        [E, "contenders.h.escalate.verifier", "json_schema"],
    ),
    "hybrid of itself": (
        both(
            put("contenders", "h", value={"worker": "plain", "expert": "i", "escalate": {"signal": "always"}}),
            put("contenders", "i", value={"worker": "h", "expert": "plain", "escalate": {"signal": "always"}}),
        ),
        [E, "contenders.", "made of itself", "h -> i -> h"],
    ),
    "half a hybrid": (put("contenders", "h", value={"worker": "plain"}), [E, "contenders.h", "expert"]),
    "unknown reference": (put("reference", value="plian"), [E, "reference", "'plian'", "'plain'"]),
    "threshold auto without dev tasks": (
        hybrid(signal="logprob_mean", threshold="auto"),
        [E, "contenders.h.escalate.threshold", "s has none", "split: dev"],
    ),
    "threshold auto on the tasks that are reported": (
        both(hybrid(signal="margin"), tasks(line(0, split="dev"), line(1))),
        [E, "suites.0.split", "threshold: auto", "split: test"],
    ),
    "price missing with a budget": (
        both(drop("models", "m", "price"), put("budget", value={"usd": 1})),
        [E, "models.m", "price", "budget"],
    ),
    "price and hourly price": (put("models", "m", "gpu_hour_usd", value=1.0), [E, "models.m", "both price"]),
    "price of the wrong type": (put("models", "m", "price", value=3), [E, "models.m.price"]),
    "unknown sampling": (put("models", "m", "sampling", value={"temprature": 0}), [E, "'temperature'"]),
    "negative temperature": (put("models", "m", "sampling", value={"temperature": -1}), [E, "temperature", "-1"]),
    "a key in the file": (
        put("models", "m", "api_key", value="sk-abcdefgh12345678"),
        [E, "models.m.api_key", "secret", "api_key_env"],
    ),
    "a key elsewhere in the file": (
        put("models", "m", "sampling", value={"user": "sk-abcdefgh12345678"}),
        [E, "models.m.sampling.user", "api_key_env"],
    ),
    "a password in the URL": (put("models", "m", "base_url", value="http://a:pw@h/v1"), [E, "models.m.base_url"]),
    "the key is not set": (put("models", "m", "api_key_env", value="NO_SUCH_KEY_HERE"), ["m", "NO_SUCH_KEY_HERE"]),
    "an option that a rank cannot be": (
        put("models", "m", value={"backend": "vllm", "path": "skills", "options": {"max_lora_rank": 12}}),
        [E, "models.m.options.max_lora_rank", "12", "16"],
    ),
    "a vllm model without a model": (
        put("models", "m", value={"backend": "vllm", "path": "skills"}),
        ["skills", "model.safetensors", "weights"],
    ),
    "model folder missing": (
        put("models", "m", value={"backend": "transformers", "path": "models/none"}),
        [E, "models.m.path", "models/none"],
    ),
    "model folder without a model": (
        put("models", "m", value={"backend": "transformers", "path": "skills"}),
        ["skills", "model.safetensors", "weights"],
    ),
    "replay of nothing": (
        put("models", "m", value={"backend": "replay", "report": "skills"}),
        [E, "models.m.report", "no answers"],
    ),
    # suites
    "suite missing": (put("suites", value=["suites/t"]), [E, "suites.0", "suites/t"]),
    "suite twice": (put("suites", value=["suites/s", "suites/s"]), [E, "suites.1", "listed twice"]),
    "two suites of one name": (
        both(
            lambda place: shutil.copytree(place.suite, place.folder / "suites" / "t"),
            put("suites", value=["suites/s", "suites/t"]),
        ),
        [E, "suites.1", "two suites are named 's'"],
    ),
    "split that no task has": (put("suites", value=[{"path": "suites/s", "split": "dev"}]), [E, "suites.0", "'dev'"]),
    "no tasks in it": (tasks(), ["tasks.jsonl", "no tasks"]),
    "tasks file missing": (removed("suites/s/tasks.jsonl"), ["tasks.jsonl", "no such file"]),
    "no suite.yaml": (removed("suites/s/suite.yaml"), ["suite.yaml", "no such file"]),
    "domain outside the list": (tasks(line(0, domain="e")), ["tasks.jsonl", "line 1.domain", "'e'"]),
    "id given twice": (tasks(line(0), line(0)), ["tasks.jsonl", "line 2.id", "'t0' is given twice", "line 1"]),
    "not JSON": (tasks(line(0), '{"id": "t1",'), ["tasks.jsonl", "line 2", "not valid JSON"]),
    "a number as a line": (tasks("3"), ["tasks.jsonl", "line 1", "one JSON object"]),
    "unknown key of a task": (tasks(line(0, refrence="x")), ["tasks.jsonl", "line 1.refrence", "'reference'"]),
    "a task without reference": (tasks({"id": "t", "domain": "d", "input": "q"}), ["line 1.reference", "'exact'"]),
    "an empty input": (tasks(line(0, input=" ")), ["tasks.jsonl", "line 1.input", "empty"]),
    "a file outside the suite": (tasks(line(0, files=["../../x"])), ["tasks.jsonl", "line 1.files"]),
    "unknown grader": (suite(grader="exactly"), ["s", "'exactly'", "'exact'"]),
    "a label outside the labels": (
        suite(grader={"name": "label", "labels": ["a", "b"]}),
        ["tasks.jsonl", "line 1.reference", "'answer 0'"],
    ),
    "template variable missing": (
        written("suites/s/prompts/p.jinja", "{{ inptu }}"),
        ["p.jinja", "inptu", "input"],
    ),
    "template that is broken": (written("suites/s/prompts/p.jinja", "{% if %}"), ["p.jinja"]),
    "template missing": (removed("suites/s/prompts/p.jinja"), ["p.jinja"]),
    "not UTF-8": (
        lambda place: (place.suite / "tasks.jsonl").write_bytes(b'{"id": "\xff"}\n'),
        ["tasks.jsonl", "not UTF-8"],
    ),
    # skills and adapters
    "skills missing": (removed("skills"), [E, "contenders.skilled.skills", "skills"]),
    "skill without description": (
        written("skills/k/SKILL.md", "---\nname: k\n---\nbody\n"),
        ["skills", "description"],
    ),
    "skill without a file": (removed("skills/k/SKILL.md"), ["skills", "SKILL.md"]),
    "skills for an unknown suite": (
        put("contenders", "skilled", "skills", value={"t": "skills"}),
        [E, "contenders.skilled.skills", "'t'"],
    ),
    "adapters that miss a suite": (
        both(
            adapter(LORA, "adapter_model.safetensors"),
            lambda place: live.write_suite(place.folder / "suites" / "t", 2),
            put("suites", value=["suites/s", "suites/t"]),
            put("contenders", "tuned", "adapter", value={"s": "adapters/a"}),
        ),
        [E, "contenders.tuned.adapter", "'t'"],
    ),
    "adapter missing": (
        put("contenders", "tuned", value={"model": "m", "adapter": "adapters/none"}),
        [E, "contenders.tuned.adapter", "adapters/none"],
    ),
    "adapter without its config": (adapter(None, "adapter_model.safetensors"), ["adapters/a", "adapter_config.json"]),
    "a pickled adapter": (adapter(LORA, "adapter_model.bin"), ["adapters/a", "safetensors"]),
    "an adapter that is none": (adapter(LORA, "adapter_model.safetensors"), ["adapters/a"]),
    "an adapter of another base": (
        both(
            put("models", "m", value={"backend": "transformers", "path": str(ASSETS / "base" / "generalist")}),
            put("contenders", "tuned", value={"model": "m", "adapter": str(ASSETS / "ticket-routing")}),
        ),
        ["ticket-routing", "base"],
    ),
    **{
        f"a local model with {key} {value}": (
            put("models", "m", value={"backend": "transformers", "path": str(WORKER), key: value}),
            [E, f"models.m.{key}: ", word],
        )
        for key, value, word in (
            ("device", "gpu", "cuda"),
            ("dtype", "float99", "float32"),
            ("threads", 1_000_000, "1,024"),
            ("stream", True, "the backend transformers takes no stream"),
            ("base_url", "http://127.0.0.1:9/v1", "takes no base_url, which is for litellm, openai"),
            ("api_key_env", "A_KEY", "takes no api_key_env"),
            ("report", "r", "takes no report, which is for replay"),
            ("sampling", {"top_p": 1, "penalty": 2}, "'penalty'"),
        )
    },
    "a served model with a device": (
        put("models", "m", "device", value="cuda"),
        [E, "models.m.device", "transformers"],
    ),
    "a rented model with threads": (
        put("models", "m", value={"backend": "litellm", "model": "anthropic/x", "threads": 4}),
        [E, "models.m.threads: the backend litellm takes no threads"],
    ),
    "an adapter as a model": (
        put("models", "m", value={"backend": "transformers", "path": str(ASSETS / "part-codes")}),
        ["part-codes: this is an adapter, not a base"],
    ),
    "an adapter for litellm": (
        both(
            adapter(LORA, "adapter_model.safetensors"),
            put("models", "m", value={"backend": "litellm", "model": "anthropic/claude-3-haiku-20240307"}),
        ),
        [E, "contenders.tuned.adapter", "litellm", "no adapter"],
    ),
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    with Server() as served:
        spoilt = Place(tmp_path / "p", served.url)
        monkeypatch.chdir(spoilt.folder)
        spoilt.served = served
        yield spoilt


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        path.relative_to(folder).as_posix(): (path.stat().st_mtime_ns, path.stat().st_size)
        for path in folder.rglob("*")
    }


def refused(capfd, place: Place, words: list[str], *arguments: object, codes: tuple[int, ...] = (2,)) -> None:
    before = listing(place.folder)
    code, out, err = live.inside(capfd, *arguments)
    assert code in codes, err
    assert out == ""
    assert len(err.splitlines()) == 1, err
    assert err.startswith("ownbench")
    assert "Traceback" not in err
    for word in words:
        assert word in err
    assert listing(place.folder) == before
    assert place.served.seen == []


def test_the_sound_experiment_is_sound(place, capfd):
    code, out, err = live.inside(capfd, "check", place.report)
    assert (code, err) == (0, "")
    assert "8 attempts in all" in out


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_wrong_in_a_file_is_said_in_one_line(place, capfd, name):
    spoil, words = SPOILT[name]
    spoil(place)
    refused(capfd, place, words, "run", place.report)


RUN_ONLY = {"the key is not set"}
"""What a dry run does not refuse: no model is opened for it."""


@pytest.mark.parametrize("name", [name for name in SPOILT if name not in RUN_ONLY])
def test_a_dry_run_says_the_same(place, capfd, name):
    spoil, words = SPOILT[name]
    spoil(place)
    refused(capfd, place, words, "check", place.report)


def test_a_dry_run_tells_of_a_missing_key_after_its_findings(place, capfd):
    SPOILT["the key is not set"][0](place)
    code, out, err = live.inside(capfd, "check", place.report)
    assert code == 2
    assert "8 attempts in all" in out
    assert err.count("\n") == 1
    assert "NO_SUCH_KEY_HERE" in err


TABLE = "contender,task,passed\na,1,1\nb,1,0\n"
SWEEP = ["sweep", "t", "--worker", "a", "--expert", "b"]
COMMANDS: dict[str, tuple[list[str], list[str]]] = {
    "unknown command": (["rnu", "r"], ["'rnu'", "'run'"]),
    "unknown option": (["run", "r", "--lmit", "3"], ["--lmit", "'--limit'", "ownbench run --help"]),
    "the beginning of an option": (["run", "r", "--onl", "plain"], ["--onl", "'--only'"]),
    "unknown option of a verb's verb": (["suite", "lint", "s", "--js"], ["--js", "'--json'", "suite lint --help"]),
    "no report named": (["run"], ["REPORT", "--help"]),
    "report missing": (["run", "s"], ["s/experiment.yaml", "no such file"]),
    "report is a file": (["run", "table.csv"], ["table.csv"]),
    "limit zero": (["run", "r", "--limit", "0"], ["--limit", "found '0'", "a whole number from 1 on"]),
    "share above 1": ([*SWEEP, "--min-pass", "1e99"], ["--min-pass", "found '1e99'", "a number from 0 to 1,"]),
    "share that is none": ([*SWEEP, "--min-pass", "nan"], ["--min-pass", "found 'nan'", "a number from 0 to 1,"]),
    "dollars below 0": ([*SWEEP, "--max-cost=-1"], ["--max-cost", "found '-1'", "a number from 0 on"]),
    "power of 1": (["power", "--tasks", "9", "--power", "1"], ["--power", "found '1'", "from 0.01 to 0.9999"]),
    "limit that is no number": (["run", "r", "--limit", "x"], ["--limit", "found 'x'", "a whole number"]),
    "amount that is no number": (["sweep", "t", "--worker", "a", "--expert", "b", "--max-cost", "x"], ["a number"]),
    "unknown contender": (["run", "r", "--only", "plian"], ["--only", "'plian'", "'plain'"]),
    "unknown executor": (["run", "r", "--executor", "slurm"], ["--executor", "'slurm'"]),
    "nothing recorded to show": (["show", "r"], ["r", "outcomes.parquet"]),
    "nothing recorded to report": (["report", "r"], ["r", "outcomes.parquet"]),
    "nothing there to show": (["show", "nowhere"], ["nowhere", "known: t"]),
    "a report's name misspelt": (["show", "tt"], ["tt", "'t'"]),
    "compare with nobody": (["compare", "t", "a", "c"], ["'c'"]),
    "import of a missing file": (["import", "table", "tabel.csv", "n"], ["tabel.csv", "'table.csv'"]),
    "import of a broken table": (["import", "table", "bad.parquet", "n"], ["bad.parquet"]),
    "import without needed columns": (["import", "table", "thin.csv", "n"], ["thin.csv", "passed"]),
    "import with an unknown column": (["import", "table", "table.csv", "n", "--map", "task=x"], ["'x'"]),
    "import with a mapping to nothing of ours": (
        ["import", "table", "table.csv", "n", "--map", "tusk=task"],
        ["'tusk'", "'task'"],
    ),
    "import with one column twice": (
        ["import", "table", "table.csv", "n", "--map", "task=task", "--map", "task=passed"],
        ["task", "twice"],
    ),
    "import with a mapping that is none": (["import", "table", "table.csv", "n", "--map", "task"], ["--map", "task"]),
    "import with every word a pass": (
        ["import", "table", "table.csv", "n", "--true", "0"],
        ["every value would be a pass", "'0'", "'1'", "--false WORD"],
    ),
    "import over results": (["import", "table", "table.csv", "t"], ["t", "results already"]),
    "import of a folder": (["import", "table", "r", "n"], ["r"]),
    "unknown format": (["import", "tabel", "table.csv", "n"], ["tabel"]),
    "suite missing": (["suite", "lint", "suites/t"], ["suites/t", "no such suite"]),
    "skills missing": (["skill", "lint", "skils"], ["skils"]),
    "adapter missing": (["adapter", "check", "none"], ["none"]),
    "search for none": (["skill", "search", "skills", "x", "-k", "0"], ["-k", "0"]),
    "init over a file": (["init", "table.csv"], ["table.csv", "file"]),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_wrong_command_is_answered_in_one_line(place, capfd, name):
    (place.folder / "table.csv").write_text(TABLE)
    (place.folder / "thin.csv").write_text("contender,task\na,1\n")
    (place.folder / "bad.parquet").write_bytes(b"PAR1 no PAR1")
    assert live.inside(capfd, "import", "table", "table.csv", "t")[0] == 0
    arguments, words = COMMANDS[name]
    refused(capfd, place, words, *arguments, codes=(2, 4))
    assert not (place.folder / "n").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_may_not_be_written(place, capfd):
    place.report.chmod(0o555)
    try:
        refused(capfd, place, ["r", "cannot be written"], "run", place.report)
    finally:
        place.report.chmod(0o755)


def test_a_lock_that_cannot_be_made(place, capfd):
    (place.report / ".lock").mkdir()  # stops even root, who may write everywhere
    refused(capfd, place, ["r", "cannot be written"], "run", place.report)


def test_an_empty_tables_folder_is_no_traceback(place, capfd):
    (place.report / "outcomes.parquet").mkdir()
    refused(capfd, place, ["outcomes.parquet"], "show", place.report, codes=(2, 4))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["schema", "experimnt"], "argument NAME: found 'experimnt'; did you mean 'experiment'?"),
        (["show", "r", "--split", "tset"], "argument --split: found 'tset'; did you mean 'test'?"),
        (["suite", "lnt"], "argument ACTION: found 'lnt'; did you mean 'lint'?"),
        (["show", "r", "--split", "x"], "argument --split: found 'x'; known: all, dev, test"),
    ],
)
def test_a_word_that_is_no_choice_names_the_nearest_one(arguments, said, capsys):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in (err := capsys.readouterr().err)
    assert err.count("\n") == 1
