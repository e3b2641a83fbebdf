"""Manifests for Kubernetes: what `run --job` writes, and what is refused though a schema lets it pass."""

import copy

import live
import pytest
import yaml
from live import Server

from harness.core import UserFileError
from harness.experiment import JobEntry
from harness.run.jobs import HEAD, problems, ray_job, write_job

POD = "spec.rayClusterSpec.workerGroupSpecs.0.template.spec.containers.0"
JOB = {
    "apiVersion": "batch/v1",
    "kind": "Job",
    "metadata": {"name": "train", "labels": {"kueue.x-k8s.io/queue-name": "training"}},
    "spec": {
        "suspend": True,
        "template": {
            "spec": {
                "restartPolicy": "Never",
                "containers": [{"name": "train", "image": "registry.example:5000/ownbench:1",
                                "resources": {"requests": {"cpu": 2, "memory": "4Gi"}}}],
            }
        },
    },
}  # fmt: skip
INTEGER, TEXT, ANY = {"type": "integer"}, {"type": "string"}, {"x-kubernetes-preserve-unknown-fields": True}
CLUSTER = {"type": "object", "properties": {"rayVersion": TEXT, "headGroupSpec": ANY, "workerGroupSpecs": {
    "type": "array", "items": {"type": "object", "properties": {
        **dict.fromkeys(("replicas", "minReplicas", "maxReplicas"), INTEGER),
        "groupName": TEXT, "rayStartParams": ANY, "template": ANY}}}}}  # fmt: skip
DEFINITION = {
    "spec": {
        "group": "ray.io",
        "names": {"kind": "RayJob"},
        "versions": [{"name": "v1", "schema": {"openAPIV3Schema": {"type": "object", "properties": {
            "apiVersion": TEXT, "kind": TEXT, "metadata": {"type": "object"},
            "spec": {"type": "object", "properties": {
                **{key: {"type": "boolean"} for key in ("suspend", "shutdownAfterJobFinishes")},
                **dict.fromkeys(("backoffLimit", "activeDeadlineSeconds", "ttlSecondsAfterFinished"), INTEGER),
                "entrypoint": TEXT, "submissionMode": TEXT, "rayClusterSpec": CLUSTER}}}}}}],
    }
}  # fmt: skip


def changed(document, place, value):
    """The same with another value at a place; ``None`` takes it out."""
    found = copy.deepcopy(document)
    *within, last = [int(part) if part.isdigit() else part for part in place.split("/")]
    at = found
    for part in within:
        at = at[part]
    if value is None:
        del at[last]
    else:
        at[last] = value
    return found


def test_the_manifest_joins_a_queue_and_runs_the_report():
    job = JobEntry(image="registry.example/ownbench:1", queue="gate", keys="providers", gpus=1, cpus=4)
    document = ray_job("My report", job, workers=6, options=["--only", "a b"])
    assert not [*problems(document)]
    assert document["metadata"] == {"name": "ownbench-my-report", "labels": {"kueue.x-k8s.io/queue-name": "gate"}}
    spec = document["spec"]
    assert spec["entrypoint"] == "ownbench run '/reports/My report' --executor ray --only 'a b'"
    assert (spec["suspend"], spec["shutdownAfterJobFinishes"]) == (True, True)
    (group,) = spec["rayClusterSpec"]["workerGroupSpecs"]
    assert [group[key] for key in ("replicas", "minReplicas", "maxReplicas")] == [2, 2, 2]
    (container,) = group["template"]["spec"]["containers"]
    assert container["resources"]["limits"] == {"cpu": "4", "memory": "4096Mi", "nvidia.com/gpu": "1"}
    assert container["envFrom"] == [{"secretRef": {"name": "providers"}}]
    head = spec["rayClusterSpec"]["headGroupSpec"]
    assert head["rayStartParams"] == {"num-cpus": "0"}
    assert "nvidia.com/gpu" not in head["template"]["spec"]["containers"][0]["resources"]["limits"]


@pytest.mark.parametrize(
    ("place", "value", "field", "said"),
    [
        ("spec/shutdownAfterJobFinishes", False, "spec.shutdownAfterJobFinishes", "keeps its cluster is refused"),
        ("spec/shutdownAfterJobFinishes", None, "spec.shutdownAfterJobFinishes", "keeps its cluster is refused"),
        ("spec/clusterSelector", {"a": "b"}, "spec.clusterSelector", "a cluster of its own"),
        ("spec/suspend", False, "spec.suspend", "it starts at once"),
        ("spec/entrypoint", " ", "spec.entrypoint", "there is no command"),
        ("metadata/name", "My_job", "metadata.name", "is no name in Kubernetes"),
        ("metadata/name", "a" * 48, "metadata.name", "is no name in Kubernetes"),
        ("kind", "Job", "kind", "neither a RayJob of ray.io/v1 nor a Job of batch/v1"),
        ("spec/rayClusterSpec/workerGroupSpecs/0/maxReplicas", 5, "replicas", "nothing scales"),
        ("spec/rayClusterSpec/workerGroupSpecs/0/replicas", "one", "replicas", "['one', 2, 2]"),
        ("spec/rayClusterSpec/workerGroupSpecs", [], "workerGroupSpecs", "there are no workers"),
        (f"{POD}/image", "REGISTRY/ownbench:TAG", f"{POD}.image", "is no image"),
        (f"{POD}/resources/requests/cpu", None, f"{POD}.resources", "cpu is not requested"),
        (f"{POD}/resources/limits/memory", "1Gi", f"{POD}.resources", "more memory is requested"),
        (f"{POD}/resources/limits/memory", "4 GB", f"{POD}.resources", "'4 GB', which is no quantity"),
        (f"{POD}/volumeMounts/0/name", "other", f"{POD}.volumeMounts", "there is no volume 'other'"),
        (f"{POD}/env/0/value", "sk-proj-4711abcdefgh4711abcdefgh", f"{POD}.env", "looks like a key"),
    ],
)
def test_a_ray_job_that_cannot_work_is_refused(place, value, field, said):
    document = changed(ray_job("r", JobEntry(), workers=4), place.replace(".", "/"), value)
    found = [*problems(document)]
    assert any(one.endswith(field) and said in text for one, text, _ in found), found


def test_pods_of_a_job_that_start_again_for_ever_are_refused():
    assert not [*problems(JOB)]
    ((field, said, advice),) = problems(changed(JOB, "spec/template/spec/restartPolicy", "Always"))
    assert (field, advice) == ("spec.template.spec.restartPolicy", "write Never or OnFailure")
    assert "cannot have restartPolicy Always" in said
    assert [*problems(changed(JOB, "spec/template/spec/restartPolicy", None))]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        ("spec/shutDownAfterFinishes", True, "'shutDownAfterFinishes' was unexpected"),
        ("spec/backoffLimit", "3", "'3' is not of type 'integer'"),
    ],
)
def test_a_schema_that_is_given_finds_what_it_can(tmp_path, place, value, said):
    schema, path = tmp_path / "crd.yaml", tmp_path / "job.yaml"
    schema.write_text(yaml.safe_dump(DEFINITION))
    document = ray_job("r", JobEntry(), workers=4)
    write_job(path, document, schema)
    with pytest.raises(UserFileError, match=said):
        write_job(path, changed(document, place, value), schema)
    schema.write_text(yaml.safe_dump(changed(DEFINITION, "spec/group", "apps")))
    with pytest.raises(UserFileError, match=r"it defines no RayJob of ray\.io/v1"):
        write_job(path, document, schema)


def test_the_command_writes_it_and_runs_nothing(tmp_path, capfd):
    job = {"queue": "gate", "image": "registry.example/ownbench:1"}
    with Server() as served:
        model = live.served_model(served, api_key_env="MY_KEY")
        executor = {"kind": "ray", "workers": 8, "job": job}
        report = live.write_experiment(tmp_path / "r", models={"m": model}, executor=executor)
        path = tmp_path / "rayjob.yaml"
        code, out, err = live.inside(capfd, "run", report, "--job", path, "--limit", "5")
        assert (code, out) == (0, "")
        assert "a RayJob of 4 worker pods with 2 CPUs each, for the queue gate" in err
        assert "its pods have no MY_KEY: name a Secret that holds them, as executor.job.keys" in err
        assert path.read_text().startswith(HEAD)
        document = yaml.safe_load(path.read_text())
        assert document["spec"]["entrypoint"] == "ownbench run /reports/r --executor ray --limit 5"
        otlp = ("--otlp", "http://collector:4318/")
        assert live.inside(capfd, "run", report, "--job", path, *otlp)[0] == 0  # its own file is written again
        assert "--executor ray --otlp http://collector:4318" in path.read_text()
        live.edit(report, cache={"path": "answers"})
        code, _, err = live.inside(capfd, "run", report, "--job", path)
        assert (code, "cache: is one file, which only one machine may write" in err) == (2, True)
        live.edit(report, cache={"path": "answers", "mode": "read_only"})
        assert live.inside(capfd, "run", report, "--job", path)[0] == 0
        live.edit(report, cache=None)
        path.write_text("mine: true\n")
        code, _, err = live.inside(capfd, "run", report, "--job", path)
        assert (code, path.read_text()) == (2, "mine: true\n")
        assert err == f"ownbench: {path}: it is there, and was not written by ownbench; name another file\n"
        live.edit(report, executor=executor | {"address": "local"})
        code, _, err = live.inside(capfd, "run", report, "--job", tmp_path / "other.yaml")
        assert code == 2
        assert "executor.address: a RayJob has a cluster of its own" in err
        assert not served.seen
    assert sorted(p.name for p in report.iterdir()) == ["experiment.yaml"]
