"""Manifests for Kubernetes: plain data, checked for what their schemas let pass, as YAML. No cluster is asked."""

import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any

import yaml

from harness.core import UserFileError, holds_secret, write_atomic
from harness.experiment import JobEntry
from harness.userfile import read_text

RAY_VERSION = "2.60.0"
QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
HEAD = "# Written by ownbench: a change here is lost when it is written again.\n"
MOST_SCHEMA = 64 << 20
LONGEST_NAME = 47  # of a RayJob: KubeRay makes longer names of it
_Loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_SCALE = {None: 1.0, "m": 1e-3, "k": 1e3, "Ki": 2.0**10, "M": 1e6, "Mi": 2.0**20, "G": 1e9, "Gi": 2.0**30}
_SCALE |= {"T": 1e12, "Ti": 2.0**40}


def ray_job(name: str, job: JobEntry, *, workers: int | None, options: Sequence[str] = ()) -> dict[str, Any]:
    """A RayJob that runs a report's experiment: KubeRay starts it, once Kueue has admitted it."""
    report = f"{job.reports.rstrip('/')}/{name}"
    pods = ceil(workers / job.cpus) if workers else 2

    def template(gpus: int = 0) -> dict[str, Any]:
        needs = {"cpu": str(job.cpus), "memory": f"{job.memory_mb}Mi"} | ({"nvidia.com/gpu": str(gpus)} if gpus else {})
        variables = {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "RAY_USAGE_STATS_ENABLED": "0"}
        container: dict[str, Any] = {
            "name": "ray",
            "image": job.image,
            "resources": {"requests": dict(needs), "limits": dict(needs)},
            "env": [{"name": key, "value": value} for key, value in variables.items()],
            "volumeMounts": [{"name": "reports", "mountPath": job.reports}],
        }
        if job.keys is not None:
            container["envFrom"] = [{"secretRef": {"name": job.keys}}]
        claim = {"name": "reports", "persistentVolumeClaim": {"claimName": job.claim}}
        return {"spec": {"containers": [container], "volumes": [claim]}}

    group = {"groupName": "workers", "replicas": pods, "minReplicas": pods, "maxReplicas": pods}
    metadata: dict[str, Any] = {"name": _label(f"ownbench-{name}"), "labels": {QUEUE_LABEL: job.queue}}
    metadata |= {"namespace": job.namespace} if job.namespace is not None else {}
    return {
        "apiVersion": "ray.io/v1",
        "kind": "RayJob",
        "metadata": metadata,
        "spec": {
            "entrypoint": shlex.join(["ownbench", "run", report, "--executor", "ray", *options]),
            "suspend": True,  # Kueue takes it away once there is room
            "submissionMode": "K8sJobMode",
            "shutdownAfterJobFinishes": True,  # Kueue holds the quota until the cluster is gone
            "ttlSecondsAfterFinished": 60,
            "activeDeadlineSeconds": round(3600 * job.hours),
            "backoffLimit": 2,  # a second try goes on from the journals
            "rayClusterSpec": {
                "rayVersion": RAY_VERSION,
                "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": template()},
                "workerGroupSpecs": [{**group, "rayStartParams": {}, "template": template(job.gpus)}],
            },
        },
    }


def write_job(path: Path, document: Mapping[str, Any], schema: Path | None = None) -> None:
    """Writes a manifest, checked. Raises UserFileError: it would not work, or the file is not ours to replace."""
    for field, problem, advice in problems(document):
        raise UserFileError(path, problem, field=field, advice=advice)
    if schema is not None:
        check_schema(path, document, schema)
    text = HEAD + yaml.safe_dump(dict(document), sort_keys=False, allow_unicode=True, width=1_000)
    try:
        if path.exists() and not path.read_bytes().startswith(HEAD.encode()):
            raise UserFileError(path, "it is there, and was not written by ownbench", advice="name another file")
        write_atomic(path, text)
    except OSError as error:
        raise UserFileError(path, f"cannot be written: {error.strerror or error}", advice="name another file") from None


def problems(document: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """What of a Job or a RayJob cannot work though its schema lets it pass: the field, what is wrong, what to do."""
    kind, metadata, spec = document.get("kind"), document.get("metadata") or {}, document.get("spec") or {}
    if (kind, document.get("apiVersion")) not in {("RayJob", "ray.io/v1"), ("Job", "batch/v1")}:
        yield "kind", f"{document.get('apiVersion')} {kind} is neither a RayJob of ray.io/v1 nor a Job of batch/v1", ""
        return
    for field, text in (("name", metadata.get("name")), ("namespace", metadata.get("namespace"))):
        longest = LONGEST_NAME if (kind, field) == ("RayJob", "name") else 63
        if text is not None and not _is_label(text, longest):
            advice = f"use lower-case letters, digits and -, {longest} at most"
            yield f"metadata.{field}", f"{text!r} is no name in Kubernetes", advice
    queue = (metadata.get("labels") or {}).get(QUEUE_LABEL)
    if queue is not None:
        if not _is_label(queue, 63):
            yield f"metadata.labels.{QUEUE_LABEL}", f"{queue!r} is no name of a queue", "name a LocalQueue"
        if spec.get("suspend") is not True:
            yield (
                "spec.suspend",
                "a job for a queue has to begin suspended, or it starts at once",
                "write suspend: true",
            )
    yield from _ray_problems(spec) if kind == "RayJob" else _job_problems(spec)
    for place, pod in _pods(document):
        yield from _pod_problems(place, pod)


def _ray_problems(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    if not str(spec.get("entrypoint") or "").strip():
        yield "spec.entrypoint", "there is no command", "write one"
    if spec.get("suspend"):
        if spec.get("shutdownAfterJobFinishes") is not True:
            advice = "write shutdownAfterJobFinishes: true"
            yield "spec.shutdownAfterJobFinishes", "a suspended RayJob that keeps its cluster is refused", advice
        if spec.get("clusterSelector"):
            yield "spec.clusterSelector", "a suspended RayJob has a cluster of its own", "take it out"
    cluster = spec.get("rayClusterSpec") or {}
    groups = cluster.get("workerGroupSpecs") or []
    if cluster.get("enableInTreeAutoscaling") and spec.get("suspend"):
        yield "spec.rayClusterSpec.enableInTreeAutoscaling", "a queue counts a fixed number of pods", "take it out"
    if not groups:
        yield "spec.rayClusterSpec.workerGroupSpecs", "there are no workers", "add a group"
    for number, group in enumerate(groups):
        counts = [group.get(key) for key in ("replicas", "minReplicas", "maxReplicas")]
        place = f"spec.rayClusterSpec.workerGroupSpecs.{number}.replicas"
        if not all(isinstance(count, int) and count > 0 for count in counts):
            yield place, f"replicas, minReplicas and maxReplicas are {counts}", "write numbers from 1"
        elif len(set(counts)) > 1 and not cluster.get("enableInTreeAutoscaling"):
            yield place, f"replicas, minReplicas and maxReplicas are {counts}, and nothing scales", "make them equal"


def _job_problems(spec: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    policy = ((spec.get("template") or {}).get("spec") or {}).get("restartPolicy")
    if policy not in {"Never", "OnFailure"}:
        said = f"the pods of a Job cannot have restartPolicy {policy}"
        yield "spec.template.spec.restartPolicy", said, "write Never or OnFailure"


def _pods(document: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    spec = document.get("spec") or {}
    if document.get("kind") == "Job":
        yield "spec.template.spec", (spec.get("template") or {}).get("spec") or {}
        return
    cluster = spec.get("rayClusterSpec") or {}
    groups = [("headGroupSpec", cluster.get("headGroupSpec") or {})]
    groups += [(f"workerGroupSpecs.{n}", group) for n, group in enumerate(cluster.get("workerGroupSpecs") or [])]
    for name, group in groups:
        yield f"spec.rayClusterSpec.{name}.template.spec", (group.get("template") or {}).get("spec") or {}


def _pod_problems(place: str, pod: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    volumes = {volume.get("name") for volume in pod.get("volumes") or []}
    if not pod.get("containers"):
        yield f"{place}.containers", "there is no container", "add one"
    for number, container in enumerate(pod.get("containers") or []):
        here = f"{place}.containers.{number}"
        if re.search(r"[A-Z\s]", str(container.get("image") or " ").partition(":")[0]):
            yield f"{here}.image", f"{container.get('image')!r} is no image", "write REPOSITORY:TAG, in lower case"
        yield from _resource_problems(f"{here}.resources", container.get("resources") or {})
        for mount in container.get("volumeMounts") or []:
            if mount.get("name") not in volumes:
                yield f"{here}.volumeMounts", f"there is no volume {mount.get('name')!r}", "add it to volumes"
        for variable in container.get("env") or []:
            if holds_secret(str(variable.get("value") or "")):
                said = f"{variable.get('name')} has a value that looks like a key"
                yield f"{here}.env", said, "let it come from a Secret (executor.job.keys)"


def _resource_problems(here: str, resources: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    requests, limits = resources.get("requests") or {}, resources.get("limits") or {}
    for what in ("cpu", "memory"):
        if what not in requests:
            yield here, f"{what} is not requested, by which a queue counts", f"add requests: {{{what}: …}}"
    for what, quantity in [*requests.items(), *limits.items()]:
        if _amount(quantity) is None:
            yield here, f"{what} is {quantity!r}, which is no quantity", "write 2, 500m or 4Gi"
        elif what in limits and (_amount(requests.get(what, 0)) or 0) > (_amount(limits[what]) or 0):
            yield here, f"more {what} is requested than the limit allows", "raise the limit"
        elif "/" in what and requests.get(what, quantity) != limits.get(what):
            yield here, f"requests and limits of {what} differ", "make them equal"


def check_schema(path: Path, document: Mapping[str, Any], schema: Path) -> None:
    """Checks a manifest against a CustomResourceDefinition, such as KubeRay's. Raises UserFileError."""
    import jsonschema

    text = read_text(schema, most=MOST_SCHEMA)
    try:  # such a definition has megabytes, and is no file of ours to be strict about
        found: Any = yaml.load(text, Loader=_Loader)  # noqa: S506 - it is a safe one
    except yaml.YAMLError as fault:
        raise UserFileError(schema, f"it is no YAML: {' '.join(str(fault).split())[:200]}") from None
    spec = found.get("spec") if isinstance(found, dict) else None
    spec = spec if isinstance(spec, dict) else {}
    versions = spec.get("versions") or []
    group, _, version = str(document["apiVersion"]).partition("/")
    whole = next((one for one in versions if isinstance(one, dict) and one.get("name") == version), None)
    names = (spec.get("names") or {}).get("kind"), spec.get("group")
    if whole is None or names != (document["kind"], group):
        problem = f"it defines no {document['kind']} of {document['apiVersion']}"
        raise UserFileError(schema, problem, advice="give the CustomResourceDefinition of that kind, as KubeRay has it")
    strict = _strict(whole["schema"]["openAPIV3Schema"])
    strict.get("properties", {}).update(metadata={"type": "object"})
    for error in jsonschema.Draft7Validator(strict).iter_errors(document):
        field = ".".join(map(str, error.absolute_path))
        raise UserFileError(path, error.message[:300], field=field, advice=f"{schema} does not allow it")


def _strict(schema: Any) -> dict[str, Any]:
    """A structural schema as JSON Schema has it, in which an unknown key is an error, not dropped."""
    found = dict(schema)
    if found.pop("x-kubernetes-int-or-string", False):
        return {"type": ["integer", "string"]}
    if found.pop("nullable", False) and isinstance(found.get("type"), str):
        found["type"] = [found["type"], "null"]
    if "properties" in found:
        found["properties"] = {key: _strict(value) for key, value in found["properties"].items()}
        if not found.get("x-kubernetes-preserve-unknown-fields"):
            found.setdefault("additionalProperties", False)
    for key in ("items", "additionalProperties"):
        if isinstance(found.get(key), dict):
            found[key] = _strict(found[key])
    return found


def _label(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:LONGEST_NAME].strip("-")


def _is_label(text: Any, longest: int) -> bool:
    return isinstance(text, str) and len(text) <= longest and _LABEL.fullmatch(text) is not None


def _amount(quantity: Any) -> float | None:
    found = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, (str, int)) else None
    return float(found[1]) * _SCALE[found[2]] if found else None
