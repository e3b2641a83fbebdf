"""Jobs for a cluster: a report's run as a RayJob of KubeRay, a training as a Job or a RayJob; Kueue admits them."""

import re
import shlex
from collections.abc import Sequence
from math import ceil
from typing import Any

from harness.cluster.entries import LONGEST, ClusterEntry, JobEntry, TrainingJobEntry
from harness.cluster.faults import LONGEST_RAY_JOB, QUEUE_LABEL

RAY_VERSION = "2.60.0"
GPU = "nvidia.com/gpu"
WRONG_USE = 2  # the exit code of what no further try makes right
_KEPT = 24 * 3600  # seconds for which a finished job can be looked at
_OFFLINE = {"HF_HUB_OFFLINE": "1"}
_USER = 1000  # whom processes in pods belong to, and what is written on volumes


PODS = 2  # where nobody says how many workers there are


def ray_job(
    name: str, job: JobEntry, *, workers: int | None, most: int | None = None, options: Sequence[str] = ()
) -> dict[str, Any]:
    """A RayJob that runs a report's experiment: KubeRay starts it, once Kueue has admitted it.

    Each pod has room for as many workers as it has CPUs. ``most`` workers have something to do.
    """
    command = ["ownbench", "run", f"{job.reports}/{name}", "--executor", "ray", *options]
    wanted = workers or PODS * job.cpus
    pods = ceil(min(wanted, most or wanted) / job.cpus)
    spec = _ray_spec(job, shlex.join(command), ("reports", job.reports), pods=pods)
    return _job("RayJob", f"ownbench-{name}", job, spec | {"ttlSecondsAfterFinished": 60, "backoffLimit": 2})


def training_job(name: str, job: TrainingJobEntry, command: Sequence[str], *, threads: int = 1) -> dict[str, Any]:
    """A Job, or a RayJob, that trains by a command; a pod that is lost is replaced and goes on from its checkpoints."""
    title = f"ownbench-train-{name}"
    if job.kind == "ray":
        entrypoint = f"cd {shlex.quote(job.at)} && exec {shlex.join(command)}"
        spec = _ray_spec(job, entrypoint, ("work", job.at), pods=1)
        # else it would run on the head, which has no GPU
        spec |= {"entrypointNumGpus": job.gpus} if job.gpus else {"entrypointNumCpus": job.cpus}
        return _job("RayJob", title, job, spec | {"ttlSecondsAfterFinished": _KEPT, "backoffLimit": job.tries})
    container: dict[str, Any] = {
        "name": "train",
        "image": job.image,
        "command": [*command],
        "workingDir": job.at,
        **_container(job, job.gpus or 0, {"OMP_NUM_THREADS": str(threads), **_OFFLINE, "HOME": "/tmp"}),  # noqa: S108
        "securityContext": confined(),
        "volumeMounts": [{"name": "work", "mountPath": job.at}, *scratch_mounts()],
    }
    pod = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": 60,
        **unprivileged(),
        "containers": [container],
        "volumes": [_claimed("work", job.claim), *scratch()],
    }
    rules = [
        {"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget", "status": "True"}]},  # evicted, preempted
        {"action": "FailJob", "onExitCodes": {"containerName": "train", "operator": "In", "values": [WRONG_USE]}},
    ]
    spec = {
        "suspend": True,  # Kueue takes it away once there is room
        "parallelism": 1,
        "completions": 1,
        "backoffLimit": job.tries,
        "podFailurePolicy": {"rules": rules},
        "podReplacementPolicy": "Failed",  # two pods would write the same checkpoints
        "activeDeadlineSeconds": round(3600 * job.hours),
        "ttlSecondsAfterFinished": _KEPT,
        "template": {"metadata": {"labels": labels("training")}, "spec": pod},
    }
    return _job("Job", title, job, spec)


def _job(kind: str, title: str, job: ClusterEntry, spec: dict[str, Any]) -> dict[str, Any]:
    longest = LONGEST_RAY_JOB if kind == "RayJob" else LONGEST
    metadata: dict[str, Any] = {"name": slug(title, longest), "labels": {QUEUE_LABEL: job.queue}}
    metadata |= {"namespace": job.namespace} if job.namespace is not None else {}
    version = "ray.io/v1" if kind == "RayJob" else "batch/v1"
    return {"apiVersion": version, "kind": kind, "metadata": metadata, "spec": spec}


def _ray_spec(
    job: JobEntry | TrainingJobEntry, entrypoint: str, mount: tuple[str, str], *, pods: int
) -> dict[str, Any]:
    volume, at = mount

    def template(gpus: int = 0) -> dict[str, Any]:
        variables = {"OMP_NUM_THREADS": "1", **_OFFLINE, "RAY_USAGE_STATS_ENABLED": "0"}
        own = {"name": "ray", "image": job.image, **_container(job, gpus, variables)}
        own["volumeMounts"] = [{"name": volume, "mountPath": at}]
        return {"spec": {"containers": [own], "volumes": [_claimed(volume, job.claim)]}}

    group = {"groupName": "workers", "replicas": pods, "minReplicas": pods, "maxReplicas": pods}
    return {
        "entrypoint": entrypoint,
        "suspend": True,  # Kueue takes it away once there is room
        "submissionMode": "K8sJobMode",
        "shutdownAfterJobFinishes": True,  # Kueue holds the quota until the cluster is gone
        "activeDeadlineSeconds": round(3600 * job.hours),
        "rayClusterSpec": {
            "rayVersion": RAY_VERSION,
            "headGroupSpec": {"rayStartParams": {"num-cpus": "0"}, "template": template()},
            "workerGroupSpecs": [{**group, "rayStartParams": {}, "template": template(job.gpus or 0)}],
        },
    }


def _container(job: ClusterEntry, gpus: int, variables: dict[str, str]) -> dict[str, Any]:
    """Resources and variables of a container."""
    found: dict[str, Any] = {
        "resources": resources(str(job.cpus), f"{job.memory_mb}Mi", gpus),
        "env": [{"name": key, "value": value} for key, value in variables.items()],
    }
    if job.keys is not None:
        found["envFrom"] = [{"secretRef": {"name": job.keys}}]
    return found


# ------------------------------------------------------------------------------------------- what all manifests share


def resources(cpus: str, memory: str, gpus: int = 0) -> dict[str, Any]:
    """Requests and limits, which are equal."""
    needs = {"cpu": cpus, "memory": memory} | ({GPU: str(gpus)} if gpus else {})
    return {"requests": dict(needs), "limits": dict(needs)}


def labels(component: str) -> dict[str, str]:
    """Labels of pods, by Kubernetes' own recommendation."""
    return {"app.kubernetes.io/name": "ownbench", "app.kubernetes.io/component": component}


def unprivileged() -> dict[str, Any]:
    """What a pod is not allowed: root, the cluster's API, system calls out of the ordinary."""
    context: dict[str, Any] = {"runAsNonRoot": True, "runAsUser": _USER, "runAsGroup": _USER, "fsGroup": _USER}
    context |= {"fsGroupChangePolicy": "OnRootMismatch", "seccompProfile": {"type": "RuntimeDefault"}}
    return {"automountServiceAccountToken": False, "enableServiceLinks": False, "securityContext": context}


def confined() -> dict[str, Any]:
    """What a container is not allowed: more rights than it has, and writing but on its volumes."""
    return {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }


def scratch() -> list[dict[str, Any]]:
    """Volumes that go with the pod: temporary files, and the memory that processes of one pod share."""
    return [{"name": "tmp", "emptyDir": {}}, {"name": "shm", "emptyDir": {"medium": "Memory"}}]


def scratch_mounts() -> list[dict[str, Any]]:
    """Where they are."""
    return [{"name": "tmp", "mountPath": "/tmp"}, {"name": "shm", "mountPath": "/dev/shm"}]  # noqa: S108


def _claimed(name: str, claim: str) -> dict[str, Any]:
    return {"name": name, "persistentVolumeClaim": {"claimName": claim}}


def slug(text: str, longest: int = LONGEST) -> str:
    """A text as a name in Kubernetes."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:longest].strip("-")
