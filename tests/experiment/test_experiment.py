"""What an experiment may say, and what is said about each mistake."""

import copy
from pathlib import Path

import pytest
import yaml

from harness.core import UserFileError
from harness.experiment import load_experiment, parse_experiment, resolve
from harness.store import experiment_file

CONTRACT = """
name: demo
suites: [suites/tickets, {path: suites/claims, tasks: 200, split: test}]
trials: 3
seed: 7
models:
  worker:   {backend: transformers, path: adapters/base/worker, gpu_hour_usd: 2.50}
  frontier: {backend: litellm, model: anthropic/claude-opus-4-7, sampling: {temperature: 0, max_tokens: 512}}
  served:   {backend: openai, model: my-model, base_url: "http://127.0.0.1:8000/v1", api_key_env: MY_KEY,
             price: {input_usd_per_million: 0.15, cached_input_usd_per_million: 0.075, output_usd_per_million: 0.60}}
  kimi:     {backend: vllm, path: /models/kimi, gpu_hour_usd: 4.00}
contenders:
  base:    {model: worker}
  tuned:   {model: worker, adapter: adapters/tickets}
  bare:    {model: frontier}
  skilled: {model: frontier, skills: skills, delivery: progressive}
  both:    {model: worker, adapter: adapters/tickets, skills: skills/tickets, delivery: flat}
  hybrid:  {worker: tuned, expert: skilled, escalate: {signal: logprob_mean, threshold: auto}}
  each:    {model: worker, adapter: {tickets: adapters/tickets, claims: adapters/claims}}
  chance:  {worker: tuned, expert: skilled, escalate: {signal: "random:hybrid"}}
reference: skilled
budget: {usd: 25, attempt_usd: 0.50, wall_s: 3600}
limits: {concurrency: 64, requests_per_minute: 600, tokens_per_minute: 200000, timeout_s: 120, tries: 4}
economics:
  tasks_per_month: 100000
  value_per_task_usd: 0.40
  training_usd: 900
  labelling_usd: 2000
  skill_authoring_usd: 600
  hosting_usd_per_month: 1200
  outage_days_per_year: 19
  data_must_stay_inside: false
"""


def test_the_contract_s_example_is_read(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(CONTRACT)
    e = load_experiment(tmp_path)
    assert (e.name, e.trials, e.seed, e.reference) == ("demo", 3, 7, "skilled")
    assert [(s.path, s.tasks, s.split) for s in e.suites] == [
        ("suites/tickets", None, None),
        ("suites/claims", 200, "test"),
    ]
    given = {
        name: [key for key in ("adapter", "skills", "worker") if getattr(c, key)] for name, c in e.contenders.items()
    }
    assert given == {
        "base": [],
        "tuned": ["adapter"],
        "bare": [],
        "skilled": ["skills"],
        "both": ["adapter", "skills"],
        "hybrid": ["worker"],
        "each": ["adapter"],
        "chance": ["worker"],
    }
    assert e.contenders["each"].adapter_for("claims") == "adapters/claims"
    assert e.contenders["each"].adapter_for("other") is None
    assert e.contenders["skilled"].skills_for("any") == ("skills",)
    price = e.models["served"].own_price()
    assert price is not None
    assert (price.input, price.cached_input, price.output, price.cache_write) == (0.15, 0.075, 0.60, None)
    hourly = e.models["worker"].own_price()
    assert hourly is not None
    assert hourly.gpu_hour == 2.5
    assert e.models["frontier"].own_price() is None
    assert e.limits.concurrency == 64
    assert load_experiment(tmp_path / "experiment.yaml") == e
    assert e.digest == load_experiment(tmp_path).digest


def base() -> dict:
    return {
        "name": "demo",
        "suites": ["suites/tickets"],
        "models": {
            "worker": {"backend": "transformers", "path": "w"},
            "frontier": {"backend": "litellm", "model": "x/y"},
        },
        "contenders": {
            "tuned": {"model": "worker", "adapter": "a"},
            "skilled": {"model": "frontier", "skills": "skills"},
            "hybrid": {"worker": "tuned", "expert": "skilled", "escalate": {"signal": "margin", "threshold": 0.4}},
        },
    }


def changed(where: str, value: object) -> dict:
    """The small experiment with one place changed; ``...`` takes it out."""
    whole = copy.deepcopy(base())
    *above, last = where.split("/")
    place = whole
    for part in above:
        place = place.setdefault(part, {})
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return whole


def problem_of(value: dict) -> UserFileError:
    with pytest.raises(UserFileError) as caught:
        parse_experiment(value, Path("experiment.yaml"))
    assert "\n" not in str(caught.value)
    return caught.value


def test_the_defaults() -> None:
    e = parse_experiment(base(), Path("experiment.yaml"))
    assert (e.trials, e.limits.timeout_s, e.limits.tries, e.budget.usd, e.reference) == (1, 120, 4, None, None)
    assert e.contenders["skilled"].delivery == "progressive"
    assert e.contenders["tuned"].delivery == "none"


SELF = {"model": "frontier", "delivery": "self"}


@pytest.mark.parametrize(
    ("where", "value", "field", "says"),
    [
        ("contenders/tuned/model", "workr", "contenders.tuned.model", "did you mean 'worker'"),
        ("contenders/hybrid/worker", "tund", "contenders.hybrid.worker", "did you mean 'tuned'"),
        ("contenders/hybrid/expert", "tuned", "contenders.hybrid", "both 'tuned'"),
        ("contenders/hybrid/worker", "hybrid", "contenders.hybrid", "hybrid -> hybrid"),
        ("contenders/hybrid/adapter", "a", "contenders.hybrid", "adapter does not go with worker"),
        ("contenders/hybrid/escalate", ..., "contenders.hybrid", "worker, expert and escalate"),
        ("contenders/skilled/adapter", "a", "contenders.skilled.adapter", "takes no adapter"),
        ("contenders/skilled/adaptor", "a", "contenders.skilled.adaptor", "did you mean 'adapter'"),
        ("contenders/tuned/delivery", "flat", "contenders.tuned", "without skills"),
        ("contenders/skilled/delivery", "progresive", "contenders.skilled", "did you mean 'progressive'"),
        ("context", {"h": {"documents": "d", "overlap": 300}}, "context.h", "overlap is 300; give at most 200"),
        ("context", {"h": {"documents": "d", "retrieve": "all"}}, "context.h", "write bm25:5"),
        ("context", {"h": {"documents": "d", "retrieve": "bm25:0"}}, "context.h", "write bm25:5"),
        ("context", {"h": {"documents": "d", "chunk_tokens": 5}}, "context.h", "give 20 or more"),
        ("context", {"h": {}}, "context.h.documents", "missing"),
        ("contenders/hybrid/context", "h", "contenders.hybrid", "context does not go with worker"),
        ("contenders/skilled/delivery", "bm25", "contenders.skilled", "found none; write bm25:3"),
        ("contenders/skilled/delivery", "bm25:0", "contenders.skilled", "found '0'; write bm25:3"),
        ("contenders/skilled/delivery", "bm25:all", "contenders.skilled", "found 'all'; write bm25:3"),
        ("contenders/skilled/delivery", "flat:2", "contenders.skilled", "takes no argument, found '2'; write flat"),
        ("contenders/skilled/delivery", "self", "contenders.skilled", "take one of the two out"),
        ("contenders/skilled/delivery", "self:2", "contenders.skilled", "takes no argument, found '2'; write self"),
        ("contenders/skilled/author", "frontier", "contenders.skilled", "author goes with delivery: self"),
        ("contenders/hybrid/author", "frontier", "contenders.hybrid", "author does not go with worker"),
        ("contenders/hybrid/delivery", "self", "contenders.hybrid", "delivery does not go with worker"),
        ("contenders/wrote", SELF | {"author": "fronter"}, "contenders.wrote.author", "did you mean 'frontier'"),
        ("contenders/wrote", SELF | {"author": "tuned"}, "contenders.wrote.author", "'tuned'"),
        ("contenders/skilled/skills", [], "contenders.skilled", "skills names no folder"),
        ("contenders/skilled/skills", {"tickets": []}, "contenders.skilled", "skills names no folder"),
        ("contenders/tuned/adapter", "", "contenders.tuned", "adapter names no folder"),
        ("contenders/skilled/skills", 3, "contenders.skilled.skills", "the number 3"),
        ("contenders/Big", {"model": "worker", "adapter": 3}, "contenders.Big.adapter", "the number 3"),
        ("contenders/empty", {}, "contenders.empty", "neither a model nor"),
        ("contenders", {}, "contenders", "at least 1"),
        ("contenders/hybrid/escalate/signal", "agreement", "contenders.hybrid.escalate", "a number of answers"),
        ("contenders/hybrid/escalate/signal", "ask", "contenders.hybrid.escalate", "has no threshold"),
        ("contenders/hybrid/escalate/signal", "p_true:3", "contenders.hybrid.escalate", "takes no argument"),
        ("contenders/hybrid/escalate/signal", "logprob_men", "contenders.hybrid.escalate", "'logprob_mean'"),
        ("contenders/hybrid/escalate/signal", "margin:3", "contenders.hybrid.escalate", "takes no argument"),
        ("contenders/hybrid/escalate/signal", "verifier", "contenders.hybrid.escalate", "go together"),
        ("contenders/hybrid/escalate/signal", "always", "contenders.hybrid.escalate", "has no threshold"),
        ("contenders/hybrid/escalate", {"signal": "random"}, "contenders.hybrid.escalate", "random:0.2"),
        ("contenders/hybrid/escalate", {"signal": "random:1.2"}, "contenders.hybrid.escalate", "between 0 and 1"),
        ("contenders/hybrid/escalate", {"signal": "random:nan"}, "contenders.hybrid.escalate", "between 0 and 1"),
        ("contenders/hybrid/escalate", {"signal": "random:tuned"}, "contenders.hybrid.escalate.signal", "nor a hybrid"),
        ("contenders/hybrid/escalate", {"signal": "random:hybrid"}, "contenders.hybrid", "hybrid -> hybrid"),
        ("contenders/hybrid/escalate/threshold", "high", "contenders.hybrid.escalate.threshold", "'high'"),
        ("contenders/hybrid/escalate/threshold", True, "contenders.hybrid.escalate.threshold", "truth value True"),
        ("reference", "skiled", "reference", "did you mean 'skilled'"),
        ("trials", 0, "trials", "the number 0"),
        ("trials", True, "trials", "the truth value True"),
        ("trials", "3", "trials", "the text '3'"),
        ("trials", 2.5, "trials", "the number 2.5"),
        ("seed", True, "seed", "the truth value True"),
        ("seed", "x", "seed", "the text 'x'"),
        ("budget/usd", -1, "budget.usd", "the number -1"),
        ("budget/usd", True, "budget.usd", "the truth value True"),
        ("budget/usd", float("nan"), "budget.usd", "nan"),
        ("budget/wall_s", 0, "budget.wall_s", "the number 0"),
        ("budget/dollars", 3, "budget.dollars", "unknown key"),
        ("limits/concurrency", 0, "limits.concurrency", "the number 0"),
        ("limits/tries", 0, "limits.tries", "the number 0"),
        ("economics/outage_days_per_year", 400, "economics.outage_days_per_year", "400"),
        ("economics/data_must_stay_inside", "no", "economics.data_must_stay_inside", "'no'"),
        ("models/worker/backend", "transformer", "models.worker.backend", "did you mean 'transformers'"),
        ("models/worker/path", ..., "models.worker.path", "missing"),
        ("models/frontier/model", ..., "models.frontier.model", "missing"),
        ("models/frontier/price", {"input_usd_per_million": -1}, "models.frontier.price.input_usd_per_million", "-1"),
        ("models/frontier/sampling", {"temprature": 0}, "models.frontier.sampling", "did you mean 'temperature'"),
        ("models/frontier/sampling", {"temperature": -1}, "models.frontier.sampling", "a number from 0"),
        ("models/frontier/sampling", {"temperature": True}, "models.frontier.sampling", "a number from 0"),
        ("models/frontier/sampling", {"top_p": 0}, "models.frontier.sampling", "up to 1"),
        ("models/frontier/sampling", {"max_tokens": 0}, "models.frontier.sampling", "whole number from 1"),
        (
            "models/frontier/price",
            {"input_usd_per_million": 1e308},
            "models.frontier.price.input_usd_per_million",
            "up to 1,000,000",
        ),
        ("limits", {"timeout_s": 1e308}, "limits.timeout_s", "above 0, up to 1,000,000,000,000"),
        ("models/frontier/sampling", {"temperature": 10**400}, "models.frontier.sampling", "a number from 0"),
        ("models/frontier/sampling", {"max_tokens": 99_999_999_999}, "models.frontier.sampling", "1 to 10,000,000"),
        ("models/frontier/sampling", {"lora": 3}, "models.frontier.sampling", "[{id: 0, scale: 1.0}]"),
        ("models/frontier/sampling", {"lora": []}, "models.frontier.sampling", "[{id: 0, scale: 1.0}]"),
        ("models/frontier/sampling", {"lora": [{"id": -1, "scale": 1}]}, "models.frontier.sampling", "each id from 0"),
        ("models/frontier/sampling", {"lora": [{"id": 0, "scale": "x"}]}, "models.frontier.sampling", "scale: 1.0"),
        ("models/frontier/price", {"as_of": "yesterday"}, "models.frontier.price.as_of", "found 'yesterday'; needed"),
        ("models/frontier/price", {"as_of": "2027-13-01"}, "models.frontier.price.as_of", "such as 2027-01-06"),
        ("models/frontier/sampling", {"n": 4}, "models.frontier.sampling", "trials"),
        ("models/frontier/api_key_env", "MY KEY", "models.frontier.api_key_env", "no name of an environment variable"),
        ("models/worker/batch_size", 0, "models.worker.batch_size", "the number 0"),
        ("models", ..., "models", "missing"),
        ("models/frontier/backend", 3, "models.frontier.backend", "found 3; needed: one of litellm, openai"),
        ("models/frontier/backend", None, "models.frontier.backend", "found nothing; needed: one of litellm, openai"),
        ("models/frontier/backend", ..., "models.frontier.backend", "this key is missing; add one of litellm, openai"),
        ("sandbox", {"disk_mb": "x"}, "sandbox.disk_mb", "found the text 'x'; needed: a whole number"),
        ("suites", [], "suites", "at least 1"),
        ("suites", ["a", "a"], "suites.1", "listed twice"),
        ("suites", [{"path": "a", "split": "held"}], "suites.0.split", "'held'"),
        ("suites", "a", "suites", "the text 'a'"),
        ("name", "", "name", "''"),
        ("nmae", "x", "nmae", "did you mean 'name'"),
    ],
)
def test_a_mistake_is_named_by_field(where: str, value: object, field: str, says: str) -> None:
    error = problem_of(changed(where, value))
    assert error.field == field
    assert says in str(error)


@pytest.mark.parametrize(
    ("where", "value"),
    [
        ("models/frontier/api_key", "hunter2hunter2"),
        ("models/frontier/api_key_env", "sk-ant-abcdefghijklmnop1234"),
        ("models/frontier/sampling", {"extra_headers": {"Authorization": "Bearer abcdefgh12345"}}),
        ("models/frontier/base_url", "https://me:hunter2hunter2@example.org/v1"),
        ("models/frontier/base_url", "https://hunter2hunter2@example.org/v1"),
        ("models/frontier/base_url", "https://example.org/v1?key=hunter2hunter2"),
        ("models/frontier/base_url", "https://example.org/v1?hunter2"),
        ("models/frontier/base_url", "https://example.org/v1#hunter2"),
        ("models/frontier/aws_secret_access_key", "hunter2"),
        ("models/frontier/sampling", {"extra_headers": {"X-Goog-Api-Key": "hunter2"}}),
        ("models/frontier/api_key_env", "hunter2!hunter2"),
        ("models/frontier/api_key_env", "hunter2-abc"),
        ("notes", ["hf_abcdefghijklmnopqrstuvw"]),
    ],
)
def test_a_secret_is_refused_and_not_repeated(where: str, value: object) -> None:
    error = problem_of(changed(where, value))
    assert "api_key_env" in error.advice + error.field
    for part in ("hunter2", "abcdefgh"):
        assert part not in str(error)


@pytest.mark.parametrize(
    "url", ["http://", "http://host:0/v1", "http://host:99999/v1", "http://[::1/v1", "http://h/a b"]
)
def test_what_is_no_address_is_refused(url: str) -> None:
    error = problem_of(changed("models/frontier/base_url", url))
    assert (error.field, "http://HOST" in str(error)) == ("models.frontier.base_url", True)


@pytest.mark.parametrize("path", ["skills/skilled-frontier-contender-of-old", "adapters/rk-something", "hf/skills"])
def test_an_ordinary_path_is_no_secret(path: str) -> None:
    parse_experiment(changed("contenders/skilled/skills", path), Path("experiment.yaml"))


def test_other_sampling_keys_pass_through() -> None:
    sampling = {"temperature": 0, "top_k": 40, "reasoning_effort": "low", "stop": ["a"], "seed": -1}
    e = parse_experiment(changed("models/frontier/sampling", sampling), Path("experiment.yaml"))
    assert e.models["frontier"].sampling == sampling


@pytest.mark.parametrize(
    ("sampling", "said"),
    [
        ({"temperature": float("nan")}, "temperature holds nan; needed: a number from 0"),
        ({"seed": float("inf")}, "seed holds inf; needed: a whole number"),
        ({"min_p": float("nan")}, "min_p holds nan; needed: finite numbers"),
    ],
)
def test_what_is_no_finite_number_is_told_what_is_needed(sampling: dict[str, float], said: str) -> None:
    assert said in str(problem_of(changed("models/frontier/sampling", sampling)))


def test_a_cycle_through_two_hybrids_is_refused() -> None:
    value = base()
    value["contenders"]["other"] = {"worker": "hybrid", "expert": "skilled", "escalate": {"signal": "always"}}
    parse_experiment(value, Path("experiment.yaml"))
    value["contenders"]["hybrid"]["expert"] = "other"
    assert "hybrid -> other -> hybrid" in problem_of(value).problem


@pytest.mark.parametrize(("signal", "share", "like"), [("random:0.25", 0.25, None), ("random:hybrid", None, "hybrid")])
def test_random_takes_a_share_or_a_hybrid(signal: str, share: float | None, like: str | None) -> None:
    value = base()
    value["contenders"]["chance"] = {"worker": "tuned", "expert": "skilled", "escalate": {"signal": signal}}
    escalate = parse_experiment(value, Path("experiment.yaml")).contenders["chance"].escalate
    assert escalate is not None
    assert (escalate.name, escalate.share, escalate.like) == ("random", share, like)


def test_the_order_of_keys_does_not_change_the_digest() -> None:
    value = base()
    turned = {key: value[key] for key in reversed(value)}
    path = Path("experiment.yaml")
    assert parse_experiment(value, path).digest == parse_experiment(turned, path).digest
    assert parse_experiment(changed("seed", 5), path).digest != parse_experiment(value, path).digest


def test_a_report_without_an_experiment(tmp_path: Path) -> None:
    with pytest.raises(UserFileError, match="there is no such file"):
        load_experiment(tmp_path)
    (tmp_path / "experiment.yaml").write_text("")
    with pytest.raises(UserFileError, match="empty"):
        load_experiment(tmp_path)


def test_paths_are_looked_for_upward(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    report = tmp_path / "project" / "reports" / "demo"
    report.mkdir(parents=True)
    (report / "experiment.yaml").write_text(yaml.safe_dump(base()))
    (tmp_path / "project" / "suites" / "tickets").mkdir(parents=True)
    assert resolve(report, "suites/tickets") == tmp_path / "project" / "suites" / "tickets"
    assert resolve(experiment_file(report), "suites/tickets") == tmp_path / "project" / "suites" / "tickets"
    (report / "suites" / "tickets").mkdir(parents=True)
    assert resolve(report, "suites/tickets") == report / "suites" / "tickets"
    (tmp_path / "elsewhere" / "mine").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert resolve(report, "mine") == tmp_path / "elsewhere" / "mine"
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert resolve(report, "~/mine") == tmp_path / "elsewhere" / "mine"
    assert resolve(report, str(report)) == report
    with pytest.raises(UserFileError, match="there is no nowhere") as caught:
        resolve(report, "nowhere", field="suites.0")
    assert caught.value.field == "suites.0"
    assert str(report) in str(caught.value)


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ("0.15,", "price: found 15 as a key, needed: a text; write a number with a point and not with a comma"),
        ('"0,15",', "price.input_usd_per_million: found the text '0,15'; needed: a number; write 0.15"),
    ],
)
def test_a_number_with_a_comma_is_told_to_have_a_point(tmp_path: Path, found: str, said: str) -> None:
    file = tmp_path / "experiment.yaml"
    file.write_text(CONTRACT.replace("0.15,", "0,15," if found == "0.15," else found))
    with pytest.raises(UserFileError) as error:
        load_experiment(tmp_path)
    assert said in str(error.value)


def test_a_path_that_leads_nowhere_names_what_stands_nearest(tmp_path: Path) -> None:
    (tmp_path / "experiment.yaml").write_text(CONTRACT)
    (tmp_path / "tickets").mkdir()
    with pytest.raises(UserFileError, match=r"there is no \S+/tikets; correct the path; did you mean 'tickets'\?$"):
        resolve(tmp_path, str(tmp_path / "tikets"))
    with pytest.raises(UserFileError, match=r"there is no \S+/nope; correct the path$"):
        resolve(tmp_path, str(tmp_path / "nope"))
