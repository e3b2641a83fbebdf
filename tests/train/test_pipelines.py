"""Every pipeline on the embedded worker: the same bytes in two processes, and after SIGKILL; and what is learned.

One process imports TRL, whichever test asks first and in whatever worker: `many.py`.
"""

import fcntl
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.adapter import load_adapter, tensor_shapes

ROOT = Path(__file__).parents[2]
RECIPES = ROOT / "adapters" / "recipes"
TINY = {"steps": 4, "batch": 8, "checkpoint_steps": 2}
KILLED = 3  # after a checkpoint at 2
PIPELINES = ("sft", "cpt", "dpo", "grpo", "gkd")
CHANGES: dict[str, dict[str, Any]] = {"grpo": {"batch": 16}}

pytestmark = [pytest.mark.local, pytest.mark.timeout(900)]


@pytest.fixture(scope="session")
def made(tmp_path_factory: Any) -> dict[str, Any]:
    """By job, the folder and what came of it."""
    return _made(tmp_path_factory, "trained", _few)


@pytest.fixture(scope="session")
def killed(tmp_path_factory: Any) -> dict[str, Any]:
    """The same of every pipeline, killed in the midst and resumed."""
    return _made(tmp_path_factory, "killed", _killed)


def _made(tmp_path_factory: Any, name: str, jobs_in: Callable[[Path], Iterator[dict[str, Any]]]) -> dict[str, Any]:
    pytest.importorskip("trl")
    base = tmp_path_factory.getbasetemp()
    shared = base.parent if base.name.startswith("popen-") else base  # of all workers of this run
    folder = shared / name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "made.json").exists():
            jobs = list(jobs_in(folder))
            (folder / "jobs.json").write_text(json.dumps(jobs))
            command = [sys.executable, str(Path(__file__).parent / "many.py"), str(folder / "jobs.json")]
            done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
            assert done.returncode == 0, done.stderr[-2000:]
            said = [json.loads(line) for line in done.stdout.splitlines()]
            found = {job["name"]: {**job, **one} for job, one in zip(jobs, said, strict=True)}
            (folder / "made.json").write_text(json.dumps(found))
    return json.loads((folder / "made.json").read_text())


def _few(folder: Path) -> Iterator[dict[str, Any]]:
    for pipeline in PIPELINES:
        yield _job(folder, pipeline, "whole")
    yield _job(folder, "sft", "again")
    yield _job(folder, "sft", "killed", kill=KILLED)
    yield _job(folder, "sft", "killed", name="sft resumed")
    yield _job(folder, "sft", "full", method="full", learning_rate=0.0005)
    yield _job(folder, "sft", "wild", learning_rate=1e12)
    yield _job(folder, "sft", "rows", rows=True)
    yield _job(folder, "sft", "upper", lora={"first_layer": 1})


def _killed(folder: Path) -> Iterator[dict[str, Any]]:
    for pipeline in PIPELINES:
        yield _job(folder, pipeline, "whole")
        yield _job(folder, pipeline, "killed", kill=KILLED)
        yield _job(folder, pipeline, "killed", name=f"{pipeline} resumed")


def _job(
    folder: Path,
    pipeline: str,
    out: str,
    *,
    name: str = "",
    kill: int | None = None,
    rows: bool = False,
    **changes: Any,
) -> dict[str, Any]:
    recipe = yaml.safe_load((RECIPES / f"{pipeline}-tiny.yaml").read_text())
    recipe = {key: _from_root(value) for key, value in recipe.items()} | TINY | CHANGES.get(pipeline, {}) | changes
    file = folder / f"{pipeline}{'-'.join(changes)}.yaml"
    file.write_text(yaml.safe_dump(recipe))
    name = name or f"{pipeline} {out}"
    return {"name": name, "recipe": str(file), "out": str(folder / f"{pipeline}-{out}"), "kill": kill, "rows": rows}


def _from_root(value: Any) -> Any:
    """Paths of a shipped recipe, found from anywhere."""
    if isinstance(value, dict):
        return {key: _from_root(one) for key, one in value.items()}
    return str(ROOT / value) if isinstance(value, str) and value.split("/")[0] in {"adapters", "skills"} else value


@pytest.mark.slow
@pytest.mark.parametrize("pipeline", PIPELINES)
def test_every_pipeline_killed_and_resumed_gives_the_same_bytes(killed: Any, pipeline: str) -> None:
    _goes_on(killed, pipeline)


def test_killed_in_the_midst_and_resumed_gives_the_same_bytes(made: Any) -> None:
    _goes_on(made, "sft")


def _goes_on(made: dict[str, Any], pipeline: str) -> None:
    whole, killed, resumed = (made[f"{pipeline} {name}"] for name in ("whole", "killed", "resumed"))
    assert (whole["code"], killed["code"], resumed["code"]) == (0, -9, 0), (whole, resumed)
    assert whole["said"]["first_step"] == 1
    assert resumed["said"]["first_step"] == KILLED  # the checkpoint at 2 was gone on from
    one, other = (load_adapter(job["out"]) for job in (whole, resumed))
    assert one.digest == other.digest
    assert resumed["said"]["cpu_seconds"] > 0
    left = sorted(path.name for path in Path(whole["out"]).parent.iterdir() if path.name.startswith("."))
    assert left == []  # no checkpoint and no part is left


def test_the_same_seed_gives_the_same_digest_in_two_processes(made: Any) -> None:
    assert load_adapter(made["sft again"]["out"]).digest == load_adapter(made["sft whole"]["out"]).digest


def test_the_folder_is_canonical(made: Any) -> None:
    folder = Path(made["sft whole"]["out"])
    assert sorted(path.name for path in folder.iterdir()) == [
        "adapter_config.json",
        "adapter_model.safetensors",
        "card.yaml",
    ]
    text = (folder / "adapter_config.json").read_text()
    config = json.loads(text)
    assert config["target_modules"] == sorted(config["target_modules"])
    assert str(ROOT) not in text
    assert config["base_model_name_or_path"] == "worker"


def test_the_card_says_where_it_comes_from(made: Any) -> None:
    adapter = load_adapter(made["sft whole"]["out"])
    assert adapter.warnings == ()
    card = adapter.card
    assert card["base_digest"].startswith("sha256:")
    assert card["recipe"].startswith("sft, LoRA r=8 alpha=16 all-linear, AdamW lr 0.002")
    assert (card["examples"], card["seed"], card["licence"]) == (240, 0, "CC0-1.0")
    assert card["cpu_seconds"] > 0
    assert "training_usd" not in card  # no price was named: not known is not nothing
    assert adapter.training["seed"] == 0


def test_what_is_trained_is_learned(made: Any) -> None:
    for pipeline in ("sft", "cpt", "dpo", "gkd"):
        said = made[f"{pipeline} whole"]["said"]
        assert said["final_loss"] < said["first_loss"], pipeline


def test_every_adapter_fits_its_base_whole(made: Any) -> None:
    assert {made[f"{pipeline} whole"]["said"]["fits"] for pipeline in PIPELINES} == {True}


def test_full_weights_are_a_model_of_its_own(made: Any) -> None:
    from harness.adapter import base_digest

    assert made["sft full"]["code"] == 0, made["sft full"]
    folder = Path(made["sft full"]["out"])
    assert base_digest(folder) != base_digest(ROOT / "adapters" / "base" / "worker")
    assert not list(folder.glob("*.bin"))


def test_the_upper_layers_alone_are_trained_where_that_is_asked(made: Any) -> None:
    assert made["sft upper"]["code"] == 0, made["sft upper"]
    assert made["sft upper"]["said"]["fits"]
    folder = Path(made["sft upper"]["out"])
    files = [Path(made[name]["out"]) / "adapter_model.safetensors" for name in ("sft upper", "sft whole")]
    upper, every = ({name.split(".layers.")[1][0] for name in tensor_shapes(file)} for file in files)
    assert upper == every - {"0"}
    assert "from layer 1 on" in load_adapter(folder).card["recipe"]


def test_a_training_that_comes_to_no_numbers_leaves_nothing(made: Any) -> None:
    assert made["sft wild"]["code"] == 2
    assert "lower learning_rate" in made["sft wild"]["said"]
    assert not Path(made["sft wild"]["out"]).exists()


def test_the_trainer_is_given_the_tokens_that_were_checked(made: Any) -> None:
    """TRL adds nothing to prompts and answers: a batch of its own loader holds the rows and padding."""
    said = made["sft rows"]["said"]
    assert (said["rows"], said["equal"]) == (240, 240)


def test_on_a_cpu_the_head_scores_what_is_in_the_loss_alone(made: Any) -> None:
    said = made["sft rows"]["said"]
    assert said["scored"] == said["answers"] > 0


# ------------------------------------------------------------------------------------------------- what is learned


@pytest.fixture(scope="session")
def learned(tmp_path_factory: Any) -> dict[str, Any]:
    """The shipped recipes, as they are; and the report that one of them reads, run before."""
    return _made(tmp_path_factory, "learned", _learning)


def _learning(folder: Path) -> Iterator[dict[str, Any]]:
    teach = yaml.safe_load((ROOT / "reports" / "teach" / "experiment.yaml").read_text())
    teach["suites"][0]["path"] = str(ROOT / teach["suites"][0]["path"])
    teach["models"]["generalist"]["path"] = str(ROOT / teach["models"]["generalist"]["path"])
    teach["contenders"]["skilled"]["skills"] = str(ROOT / teach["contenders"]["skilled"]["skills"])
    _run(folder / "teach", teach)
    for name in ("grpo-tiny", "gkd", "distil", "dpo"):
        recipe = {
            key: _from_root(value) for key, value in yaml.safe_load((RECIPES / f"{name}.yaml").read_text()).items()
        }
        if "report" in recipe.get("data", {}):
            recipe["data"]["report"] = str(folder / "teach")
        if name == "grpo-tiny":  # in the recipe's own 20 the reward hardly moves: its start passes four of five
            recipe["steps"] = 60
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(recipe))
        yield {"name": name, "recipe": str(folder / f"{name}.yaml"), "out": str(folder / f"{name}-made")}


def _run(report: Path, experiment: dict[str, Any]) -> None:
    report.mkdir()
    (report / "experiment.yaml").write_text(yaml.safe_dump(experiment))
    command = [sys.executable, "-m", "harness", "run", str(report), "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.mark.slow
def test_a_graders_reward_rises_on_train_tasks(learned: Any) -> None:
    said = learned["grpo-tiny"]["said"]
    assert learned["grpo-tiny"]["code"] == 0, said
    assert said["final_reward"] > said["first_reward"] + 0.08


@pytest.mark.slow
def test_a_student_follows_its_teacher(learned: Any) -> None:
    said = learned["gkd"]["said"]
    assert learned["gkd"]["code"] == 0, said
    assert said["final_loss"] < said["first_loss"] / 3


@pytest.mark.slow
def test_what_a_skill_said_moves_into_the_weights(learned: Any) -> None:
    """Distilled from a contender with the skill, the worker without it passes more than the bare worker: above 0."""
    import harness

    job = learned["distil"]
    assert job["code"] == 0, job["said"]
    card = load_adapter(job["out"]).card
    assert (card["sources"]["contender"], card["sources"]["splits"]) == ("skilled", ["train"])
    report = Path(job["out"]).parent / "judged"
    if not report.exists():
        worker = {"backend": "transformers", "path": str(ROOT / "adapters" / "base" / "worker")}
        contenders = {"base": {"model": "worker"}, "distilled": {"model": "worker", "adapter": job["out"]}}
        suites = [{"path": str(ROOT / "suites" / "order-extraction"), "split": "test"}]
        sampling = {"temperature": 0, "max_tokens": 48}
        models = {"worker": worker | {"sampling": sampling, "gpu_hour_usd": 2.5}}
        _run(report, {"name": "judged", "suites": suites, "models": models, "contenders": contenders})
    found = harness.open_report(report).compare("distilled", "base")
    assert found.low is not None
    assert found.low > 0
