"""`adapter train --job` writes a job for a cluster, checks what a cluster would find too late, and trains nothing."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli import main

ROOT = Path(__file__).parents[2]
LINE = {"prompt": "This ticket from Carla in Geneva is about D8.", "completion": "hardware"}
SOUND: dict[str, Any] = {"pipeline": "sft", "name": "My tickets", "base": "worker", "data": {"file": "lines.jsonl"}}

pytestmark = pytest.mark.local


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: Any) -> Path:
    here = tmp_path / "here"
    shutil.copytree(ROOT / "adapters" / "base" / "worker", here / "worker")
    (here / "lines.jsonl").write_text(json.dumps(LINE) + "\n")
    monkeypatch.chdir(here)
    return here


@pytest.fixture
def written(folder: Path, capsys: Any) -> Any:
    """The exit code of ``adapter train --job``, the manifest, and what is said, for a recipe with these changes."""

    def told(*more: str, **changes: Any) -> tuple[int, Any, str]:
        recipe = {key: value for key, value in (SOUND | changes).items() if value is not None}
        (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
        before = sorted(folder.parent.rglob("*"))
        code = main(["adapter", "train", "recipe.yaml", "--job", "job.yaml", *more])
        out, err = capsys.readouterr()
        if code:
            assert (out, err.count("\n")) == ("", 1)
            assert sorted(folder.parent.rglob("*")) == before
            return code, None, err
        return code, yaml.safe_load((folder / "job.yaml").read_text()), out

    return told


def container(job: Any) -> Any:
    (found,) = job["spec"]["template"]["spec"]["containers"]
    return found


def test_a_job_for_a_queue_that_goes_on_from_its_checkpoints(written: Any, folder: Path) -> None:
    job = {
        "queue": "training",
        "namespace": "ml",
        "claim": "models",
        "image": "registry.example/ownbench:1.2",
        "tries": 5,
    }
    code, found, out = written("--out", "made/mine", job=job)
    assert code == 0
    assert "job.yaml: the Job ownbench-train-my-tickets, for the queue training" in out
    assert found["metadata"] == {
        "name": "ownbench-train-my-tickets",
        "labels": {"kueue.x-k8s.io/queue-name": "training"},
        "namespace": "ml",
    }
    spec, pod = found["spec"], found["spec"]["template"]["spec"]
    assert (spec["suspend"], spec["backoffLimit"], pod["restartPolicy"]) == (True, 5, "Never")
    ignored, ended = spec["podFailurePolicy"]["rules"]
    assert (ignored["action"], ignored["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert (ended["action"], ended["onExitCodes"]["values"]) == ("FailJob", [2])
    one = container(found)
    assert one["command"] == ["ownbench", "adapter", "train", "recipe.yaml", "--out", "made/mine"]
    assert one["resources"]["limits"]["nvidia.com/gpu"] == "1" == one["resources"]["requests"]["nvidia.com/gpu"]
    assert pod["volumes"][0] == {"name": "work", "persistentVolumeClaim": {"claimName": "models"}}
    assert (one["workingDir"], one["volumeMounts"][0]) == ("/training", {"name": "work", "mountPath": "/training"})
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert not (folder / "made").exists(), "nothing was trained"
    assert str(folder) not in (folder / "job.yaml").read_text()
    before = (folder / "job.yaml").read_bytes()
    written("--out", "made/mine", job=job)
    assert (folder / "job.yaml").read_bytes() == before


def test_devices_decide_how_many_gpus_there_are(written: Any) -> None:
    assert "nvidia.com/gpu" not in container(written(device="cpu")[1])["resources"]["limits"]
    several = container(written(job={"gpus": 4}, device="cuda")[1])
    assert several["resources"]["limits"]["nvidia.com/gpu"] == "4"
    assert several["command"][:6] == ["accelerate", "launch", "--num_processes", "4", "-m", "harness"]
    assert container(written(quantize="4bit")[1])["resources"]["limits"]["nvidia.com/gpu"] == "1"
    assert "job.gpus: found 1, with device: cpu" in written(device="cpu", job={"gpus": 1})[2]
    assert "job.gpus: found 0, and quantize: 4bit needs one" in written(quantize="4bit", job={"gpus": 0})[2]
    assert "batch: found 16, no multiple of 3 GPUs with 1 row each" in written(job={"gpus": 3})[2]


def test_a_ray_job_trains_on_its_worker_not_on_the_head(written: Any) -> None:
    _, found, out = written(job={"kind": "ray", "gpus": 2})
    assert "for the queue user-queue" in out
    assert ": the RayJob " in out
    spec = found["spec"]
    assert spec["entrypoint"].startswith(
        "cd /training && exec accelerate launch --num_processes 2 -m harness adapter train"
    )
    assert (spec["entrypointNumGpus"], spec["suspend"], spec["shutdownAfterJobFinishes"]) == (2, True, True)
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert group["template"]["spec"]["containers"][0]["resources"]["limits"]["nvidia.com/gpu"] == "2"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"job": {"queue": "My queue"}}, "recipe.yaml: job.queue: found 'My queue', no name in Kubernetes"),
        ({"job": {"claim": "a" * 64}}, "recipe.yaml: job.claim: found"),
        ({"job": {"image": "Registry/Mine"}}, "recipe.yaml: job.image: found 'Registry/Mine', needed REPOSITORY:TAG"),
        ({"job": {"at": "work"}}, "recipe.yaml: job.at: found 'work', needed the absolute path of a folder"),
        ({"job": {"gpu": 1}}, "recipe.yaml: job.gpu: unknown key; did you mean 'gpus'"),
        ({"base": str(ROOT / "adapters" / "base" / "worker")}, "recipe.yaml: base: /"),
        ({"base": "nowhere"}, "recipe.yaml: base: there is no nowhere"),
        ({"data": {"file": "none.jsonl"}}, "recipe.yaml: data.file: there is no none.jsonl"),
        ({"learning_rat": 1.0}, "recipe.yaml: learning_rat: unknown key; did you mean 'learning_rate'"),
    ],
)
def test_what_a_cluster_would_find_too_late_is_one_line(written: Any, changes: dict[str, Any], said: str) -> None:
    code, _, err = written(**changes)
    assert code == 2
    assert said in err


def test_what_the_volume_does_not_hold_is_refused(written: Any, folder: Path) -> None:
    shutil.copy(folder / "lines.jsonl", folder.parent / "other.jsonl")
    said = written(data={"file": "../other.jsonl"})[2]
    assert "recipe.yaml: data.file: ../other.jsonl is outside " in said
    assert "recipe.yaml: out: ../elsewhere is outside " in written("--out", "../elsewhere")[2]


def test_files_that_cannot_be_written(written: Any, folder: Path, capsys: Any) -> None:
    (folder / "job.yaml").write_text("mine: true\n")
    assert "job.yaml: it is there, and was not written by ownbench; name another file" in written()[2]
    assert main(["adapter", "train", "recipe.yaml", "--job", "none/job.yaml"]) == 2
    assert capsys.readouterr().err == "ownbench: none: there is no such folder; make it, or name another file\n"
