"""What of a manifest cannot work though its schema lets it pass."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from harness.cluster.entries import LABEL, LONGEST, SUBDOMAIN, is_image, is_name
from harness.core import holds_secret

QUEUE_LABEL = "kueue.x-k8s.io/queue-name"
LONGEST_RAY_JOB = 47  # characters of its name: KubeRay makes longer names of it
Fault = tuple[str, str, str]  # the field, what is wrong with it, what to do
_KINDS = {"RayJob": "ray.io/v1", "Job": "batch/v1", "Deployment": "apps/v1", "Service": "v1"}
_LABEL_VALUE = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?)?")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_QUANTITY = re.compile(r"(\d+(?:\.\d+)?)(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_SCALE = {None: 1.0, "m": 1e-3, "k": 1e3, "Ki": 2.0**10, "M": 1e6, "Mi": 2.0**20, "G": 1e9, "Gi": 2.0**30}
_SCALE |= {"T": 1e12, "Ti": 2.0**40}
_NAMED = "use lower-case letters, digits and -, {} at most"


def manifest_faults(document: Mapping[str, Any]) -> Iterator[Fault]:
    """The field, what is wrong, what to do: of a Job, a RayJob, a Deployment or a Service."""
    kind, metadata, spec = str(document.get("kind")), _of(document, "metadata"), _of(document, "spec")
    if _KINDS.get(kind) != document.get("apiVersion"):
        known = ", ".join(f"{name} of {version}" for name, version in _KINDS.items())
        yield "kind", f"{document.get('apiVersion')} {kind} is none of {known}", ""
        return
    for field in ("name", "namespace"):
        longest = LONGEST_RAY_JOB if (kind, field) == ("RayJob", "name") else LONGEST
        if (field == "name" or field in metadata) and not is_name(metadata.get(field), LABEL, longest):
            yield f"metadata.{field}", f"{metadata.get(field)!r} is no name in Kubernetes", _NAMED.format(longest)
    yield from _label_faults("metadata.labels", _of(metadata, "labels"))
    queue = _of(metadata, "labels").get(QUEUE_LABEL)
    if queue is not None:
        if not is_name(queue, SUBDOMAIN):
            yield f"metadata.labels.{QUEUE_LABEL}", f"{queue!r} is no name of a queue", "name a LocalQueue"
        if spec.get("suspend") is not True:
            said = "a job for a queue has to begin suspended, or it starts at once"
            yield "spec.suspend", said, "write suspend: true"
    yield from {"RayJob": _ray_faults, "Job": _job_faults, "Deployment": _deployment_faults,
                "Service": _service_faults}[kind](spec)  # fmt: skip
    for place, pod in _pods(kind, spec):
        yield from _pod_faults(place, pod)


def _ray_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    if not str(spec.get("entrypoint") or "").strip():
        yield "spec.entrypoint", "there is no command", "write one"
    if spec.get("suspend"):
        if spec.get("shutdownAfterJobFinishes") is not True:
            advice = "write shutdownAfterJobFinishes: true"
            yield "spec.shutdownAfterJobFinishes", "a suspended RayJob that keeps its cluster is refused", advice
        if spec.get("clusterSelector"):
            yield "spec.clusterSelector", "a suspended RayJob has a cluster of its own", "take it out"
    cluster = _of(spec, "rayClusterSpec")
    groups = _list(cluster, "workerGroupSpecs")
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


def _job_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    pod = _of(_of(spec, "template"), "spec")
    policy, rules = pod.get("restartPolicy"), _list(_of(spec, "podFailurePolicy"), "rules")
    if policy not in {"Never", "OnFailure"}:
        said = f"the pods of a Job cannot have restartPolicy {policy}"
        yield "spec.template.spec.restartPolicy", said, "write Never or OnFailure"
    elif rules and policy != "Never":
        said = f"a podFailurePolicy needs pods that are not restarted, and restartPolicy is {policy}"
        yield "spec.template.spec.restartPolicy", said, "write Never"
    names = {container.get("name") for container in _list(pod, "containers")}
    for number, rule in enumerate(rules):
        place, exits = f"spec.podFailurePolicy.rules.{number}", _of(rule, "onExitCodes")
        if bool(exits) == bool(rule.get("onPodConditions")):
            yield place, "a rule is of exit codes or of conditions", "write one of onExitCodes and onPodConditions"
        if exits.get("operator") == "In" and 0 in (exits.get("values") or []):
            yield f"{place}.onExitCodes.values", "0 is no failure", "take it out"
        if "containerName" in exits and exits["containerName"] not in names:
            yield f"{place}.onExitCodes.containerName", f"there is no container {exits['containerName']!r}", "name one"
    yield from _label_faults("spec.template.metadata.labels", _of(_of(_of(spec, "template"), "metadata"), "labels"))


def _deployment_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    template = _of(spec, "template")
    labels, wanted = _of(_of(template, "metadata"), "labels"), _of(_of(spec, "selector"), "matchLabels")
    yield from _label_faults("spec.template.metadata.labels", labels)
    if not wanted or any(labels.get(key) != value for key, value in wanted.items()):
        said = f"it selects {dict(wanted)}, and its pods are labelled {dict(labels)}"
        yield "spec.selector.matchLabels", said, "make them equal"
    if (policy := _of(template, "spec").get("restartPolicy", "Always")) != "Always":
        said = f"the pods of a Deployment cannot have restartPolicy {policy}"
        yield "spec.template.spec.restartPolicy", said, "write Always, or take it out"


def _service_faults(spec: Mapping[str, Any]) -> Iterator[Fault]:
    if not _of(spec, "selector"):
        yield "spec.selector", "it selects no pods", "write the labels of the pods"
    yield from _label_faults("spec.selector", _of(spec, "selector"))
    if not _list(spec, "ports"):
        yield "spec.ports", "there is no port", "add one"


def _pods(kind: str, spec: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if kind in {"Job", "Deployment"}:
        yield "spec.template.spec", _of(_of(spec, "template"), "spec")
    elif kind == "RayJob":
        cluster = _of(spec, "rayClusterSpec")
        groups = [("headGroupSpec", _of(cluster, "headGroupSpec"))]
        groups += [(f"workerGroupSpecs.{n}", group) for n, group in enumerate(_list(cluster, "workerGroupSpecs"))]
        for name, group in groups:
            yield f"spec.rayClusterSpec.{name}.template.spec", _of(_of(group, "template"), "spec")


def _pod_faults(place: str, pod: Mapping[str, Any]) -> Iterator[Fault]:
    volumes = _list(pod, "volumes")
    for number, volume in enumerate(volumes):
        claim = volume.get("persistentVolumeClaim")
        if not is_name(volume.get("name")):
            yield f"{place}.volumes.{number}.name", f"{volume.get('name')!r} is no name", _NAMED.format(LONGEST)
        if "persistentVolumeClaim" in volume and not is_name(_of(volume, "persistentVolumeClaim").get("claimName"),
                                                            SUBDOMAIN, 253):  # fmt: skip
            found = _of(volume, "persistentVolumeClaim").get("claimName") if claim else claim
            where = f"{place}.volumes.{number}.persistentVolumeClaim.claimName"
            yield where, f"{found!r} names no PersistentVolumeClaim", "name one"
    if not _list(pod, "containers"):
        yield f"{place}.containers", "there is no container", "add one"
    for number, container in enumerate(_list(pod, "containers")):
        names = {volume.get("name") for volume in volumes}
        yield from _container_faults(f"{place}.containers.{number}", container, names)


def _container_faults(here: str, container: Mapping[str, Any], volumes: set[Any]) -> Iterator[Fault]:
    if not is_name(container.get("name")):
        yield f"{here}.name", f"{container.get('name')!r} is no name of a container", _NAMED.format(LONGEST)
    if not is_image(container.get("image")):
        yield f"{here}.image", f"{container.get('image')!r} is no image", "write REPOSITORY:TAG, in lower case"
    yield from _resource_faults(f"{here}.resources", _of(container, "resources"))
    for mount in _list(container, "volumeMounts"):
        if mount.get("name") not in volumes:
            yield f"{here}.volumeMounts", f"there is no volume {mount.get('name')!r}", "add it to volumes"
    for variable in _list(container, "env"):
        if not _VARIABLE.fullmatch(str(variable.get("name"))):
            yield f"{here}.env", f"{variable.get('name')!r} is no name of a variable", "use letters, digits and _"
        if holds_secret(str(variable.get("value") or "")):
            said = f"{variable.get('name')} has a value that looks like a key"
            yield f"{here}.env", said, "let it come from a Secret"
    ports = {port.get("name") for port in _list(container, "ports")}
    ports |= {port.get("containerPort") for port in _list(container, "ports")}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        if probe in container and (port := _of(_of(container, probe), "httpGet").get("port")) not in ports:
            yield f"{here}.{probe}", f"it asks the port {port!r}, which the container has not", "name one of its ports"


def _resource_faults(here: str, resources: Mapping[str, Any]) -> Iterator[Fault]:
    requests, limits = _of(resources, "requests"), _of(resources, "limits")
    for what in ("cpu", "memory"):
        if what not in requests:
            yield here, f"{what} is not requested, by which a queue counts", f"add requests: {{{what}: …}}"
    for what, quantity in [*requests.items(), *limits.items()]:
        if _amount(quantity) is None:
            yield here, f"{what} is {quantity!r}, which is no quantity", "write 2, 500m or 4Gi"
        elif "/" in what and what not in limits:
            yield here, f"{what} has no limit, which a device needs", f"add limits: {{{what}: {quantity!r}}}"
        elif what in limits and (_amount(requests.get(what, 0)) or 0) > (_amount(limits[what]) or 0):
            yield here, f"more {what} is requested than the limit allows", "raise the limit"
        elif "/" in what and requests.get(what, quantity) != limits[what]:
            yield here, f"requests and limits of {what} differ", "make them equal"


def _label_faults(place: str, labels: Mapping[str, Any]) -> Iterator[Fault]:
    for key, value in labels.items():
        prefix, _, name = str(key).rpartition("/")
        if (prefix and not is_name(prefix, SUBDOMAIN, 253)) or not name or not _is_label_value(name):
            yield f"{place}.{key}", "it is no key of a label", "write NAME or DOMAIN/NAME"
        if not _is_label_value(value):
            advice = f"use letters, digits, -, _ and ., {LONGEST} at most; quote numbers"
            yield f"{place}.{key}", f"{value!r} is no value of a label", advice


def _is_label_value(value: Any) -> bool:
    return is_name(value, _LABEL_VALUE)


def _amount(quantity: Any) -> float | None:
    found = _QUANTITY.fullmatch(str(quantity)) if isinstance(quantity, (str, int)) else None
    return float(found[1]) * _SCALE[found[2]] if found else None


def _of(within: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    """The mapping at a key; an empty one where there is none."""
    found = within.get(key)
    return found if isinstance(found, Mapping) else {}


def _list(within: Mapping[str, Any], key: str) -> list[Mapping[str, Any]]:
    """The mappings in the list at a key."""
    found = within.get(key)
    return [one for one in found if isinstance(one, Mapping)] if isinstance(found, list) else []
