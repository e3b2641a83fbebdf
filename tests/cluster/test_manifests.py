"""Manifests for Kubernetes: what is written, and what is refused though a schema lets it pass."""

import copy

import pytest
import yaml
from kubernetes import conforms, needs_schemas

from harness.cluster import JobEntry, TrainingJobEntry, manifest_faults, ray_job, training_job, write_manifest
from harness.core import UserFileError

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
    *within, last = [int(part) if part.isdigit() else part.replace("~", "/") for part in place.split("/")]
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
    assert not [*manifest_faults(document)]
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
        ("kind", "Job", "kind", "ray.io/v1 Job is none of RayJob of ray.io/v1"),
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
    found = [*manifest_faults(document)]
    assert any(one.endswith(field) and said in text for one, text, _ in found), found


def test_pods_of_a_job_that_start_again_for_ever_are_refused():
    assert not [*manifest_faults(JOB)]
    ((field, said, advice),) = manifest_faults(changed(JOB, "spec/template/spec/restartPolicy", "Always"))
    assert (field, advice) == ("spec.template.spec.restartPolicy", "write Never or OnFailure")
    assert "cannot have restartPolicy Always" in said
    assert [*manifest_faults(changed(JOB, "spec/template/spec/restartPolicy", None))]


TRAINING = training_job("t", TrainingJobEntry(gpus=1), ["ownbench", "adapter", "train", "recipe.yaml"])
TRAINER = "spec/template/spec/containers/0"


@needs_schemas
def test_kubernetes_takes_the_job_and_its_schemas_pass_what_our_own_check_does_not():
    assert conforms(JOB)
    assert conforms(TRAINING)
    assert not conforms(changed(TRAINING, "spec/backoffLimits", 3))
    for place, value, _, _ in MISSED_BY_SCHEMAS:
        assert conforms(changed(TRAINING, place, value)), place


MISSED_BY_SCHEMAS = [
    ("spec/template/spec/restartPolicy", "Always", "spec.restartPolicy", "write Never or OnFailure"),
    ("spec/template/spec/restartPolicy", "OnFailure", "spec.restartPolicy", "needs pods that are not restarted"),
    ("spec/suspend", False, "spec.suspend", "has to begin suspended"),
    ("metadata/name", "Train_1", "metadata.name", "is no name in Kubernetes"),
    ("metadata/labels/team", "a b", "metadata.labels.team", "is no value of a label"),
    ("metadata/labels/team", "a" * 64, "metadata.labels.team", "63 at most"),
    ("spec/template/metadata/labels/-x", "1", "labels.-x", "it is no key of a label"),
    (f"{TRAINER}/name", "The trainer", "containers.0.name", "no name of a container"),
    (f"{TRAINER}/image", "Ownbench", "containers.0.image", "is no image"),
    (f"{TRAINER}/resources/limits/nvidia.com~gpu", None, "resources", "nvidia.com/gpu has no limit"),
    (f"{TRAINER}/resources/limits/nvidia.com~gpu", "2", "resources", "requests and limits of nvidia.com/gpu differ"),
    (f"{TRAINER}/volumeMounts/0/name", "none", "volumeMounts", "there is no volume 'none'"),
    (f"{TRAINER}/env/0/name", "A-B", "env", "is no name of a variable"),
    ("spec/template/spec/volumes/0/persistentVolumeClaim/claimName", "", "claimName", "names no PersistentVolumeClaim"),
    ("spec/podFailurePolicy/rules/1/onExitCodes/values", [0, 2], "onExitCodes.values", "0 is no failure"),
    ("spec/podFailurePolicy/rules/1/onExitCodes/containerName", "x", "containerName", "there is no container 'x'"),
]


@pytest.mark.parametrize(("place", "value", "field", "said"), MISSED_BY_SCHEMAS)
def test_a_job_that_cannot_work_is_refused(place, value, field, said):
    assert not [*manifest_faults(TRAINING)]
    found = [*manifest_faults(changed(TRAINING, place, value))]
    assert any(one.endswith(field) and said in f"{text}; {advice}" for one, text, advice in found), found


def test_a_file_of_the_user_s_may_hold_anything():
    for place in ("spec", "metadata", "spec/template", TRAINER, f"{TRAINER}/resources", "spec/podFailurePolicy"):
        for value in (None, [], "x", {"a": [1]}, 3):
            assert isinstance([*manifest_faults(changed(TRAINING, place, value))], list)


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
    write_manifest(path, document, schema)
    with pytest.raises(UserFileError, match=said):
        write_manifest(path, changed(document, place, value), schema)
    schema.write_text("a: {[x]: 1}\n")
    with pytest.raises(UserFileError) as caught:
        write_manifest(path, document, schema)
    advice = "give the CustomResourceDefinition, as KubeRay has it"
    assert str(caught.value) == f"{schema}: line 1, column 5: it is no YAML; {advice}"
    schema.write_text(yaml.safe_dump(changed(DEFINITION, "spec/group", "apps")))
    with pytest.raises(UserFileError, match=r"it defines no RayJob of ray\.io/v1"):
        write_manifest(path, document, schema)
