"""A model that is served: a Deployment and a Service for Kubernetes, and a file for Docker Compose."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from harness.cluster.jobs import confined, labels, resources, scratch, scratch_mounts, slug, unprivileged

MODELS, ADAPTERS = "/models", "/adapters"  # where volumes are mounted
PORT = 8000
KEY = "VLLM_API_KEY"  # the variable in which vLLM finds the key that it asks for
_HEALTH = f"http://127.0.0.1:{PORT}/health"
_QUIET = {"HF_HUB_OFFLINE": "1", "VLLM_NO_USAGE_STATS": "1", "DO_NOT_TRACK": "1"}
_HOME = {"HOME": "/tmp", "LOGNAME": "vllm"}  # noqa: S108 - of a user whom the image does not know


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedModel:
    """What serves a base and an adapter on it."""

    name: str  # of the adapter
    base: str  # the name of the base's folder in ``MODELS``
    image: str
    command: Sequence[str]
    arguments: Sequence[str]  # with the places in the container
    gpus: int = 1
    cpus: int = 4
    memory_gb: int = 32


def served_model(served: ServedModel) -> list[dict[str, Any]]:
    """A Deployment and a Service. The base and the adapter come from volumes, the key from a Secret."""
    name = _name_of(served.name)
    own = labels("model") | {"app.kubernetes.io/instance": name}
    key = {"name": KEY, "valueFrom": {"secretKeyRef": {"name": secret_of(served.name), "key": "api-key"}}}
    container: dict[str, Any] = {
        "name": "vllm",
        "image": served.image,
        "command": [*served.command],
        "args": [*served.arguments],
        "env": [*({"name": k, "value": v} for k, v in (_QUIET | _HOME).items()), key],
        "ports": [{"name": "http", "containerPort": PORT}],
        "resources": resources(str(served.cpus), f"{served.memory_gb}Gi", served.gpus),
        "startupProbe": _probe(period=10, failures=90),  # a large model takes minutes to load
        "readinessProbe": _probe(period=5, failures=3),
        "livenessProbe": _probe(period=10, failures=6),
        "securityContext": confined(),
        "volumeMounts": [
            {"name": "models", "mountPath": MODELS, "readOnly": True},
            {"name": "adapters", "mountPath": ADAPTERS, "readOnly": True},
            *scratch_mounts(),
        ],
    }
    claims = [{"name": one, "persistentVolumeClaim": {"claimName": one, "readOnly": True}}
              for one in ("models", "adapters")]  # fmt: skip
    pod = {
        "terminationGracePeriodSeconds": 120,  # for what is being answered
        **unprivileged(),
        "containers": [container],
        "volumes": [*claims, *scratch()],
    }
    deployment = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": own},
        "spec": {
            "replicas": 1,
            "strategy": {"type": "Recreate"},  # a second pod would wait for a second GPU
            "selector": {"matchLabels": own},
            "template": {"metadata": {"labels": own}, "spec": pod},
        },
    }
    ports = [{"name": "http", "port": PORT, "targetPort": "http"}]
    service = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": own},
        "spec": {"selector": own, "ports": ports},
    }
    return [deployment, service]


def secret_of(adapter: str) -> str:
    """The name of the Secret that holds the key."""
    return f"{_name_of(adapter)[:59].strip('-')}-key"


def _name_of(adapter: str) -> str:
    return slug(f"ownbench-{adapter}")


def compose_file(served: ServedModel) -> dict[str, Any]:
    """The same for Docker Compose: the base's folder and the key are variables, the adapter lies next to the file."""
    device = {"driver": "nvidia", "count": served.gpus, "capabilities": ["gpu"]}
    service = {
        "image": served.image,
        "entrypoint": [*served.command],
        "command": [_literal(text) for text in served.arguments],
        "environment": {**_QUIET, **_HOME, KEY: f"${{{KEY}:?set a key that those who ask have to give}}"},
        "volumes": [
            f"${{BASE:?set the folder of the base model {_literal(served.base)}}}:{MODELS}/{_literal(served.base)}:ro",
            f".:{ADAPTERS}/{served.name}:ro",
        ],
        "ports": [f"127.0.0.1:{PORT}:{PORT}"],
        "user": "1000:1000",
        "read_only": True,
        "tmpfs": ["/tmp"],  # noqa: S108
        "shm_size": "2gb",
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges:true"],
        "restart": "unless-stopped",
        "healthcheck": {
            "test": ["CMD", "python3", "-c", f"import urllib.request as u; u.urlopen('{_HEALTH}', timeout=5)"],
            "interval": "10s",
            "timeout": "5s",
            "retries": 6,
            "start_period": "15m",
        },
        "deploy": {"resources": {"reservations": {"devices": [device]}}},
    }
    return {"services": {"vllm": service}}


def _literal(text: str) -> str:
    """A text in which Compose replaces nothing."""
    return text.replace("$", "$$")


def _probe(*, period: int, failures: int) -> dict[str, Any]:
    asked = {"path": "/health", "port": "http"}
    return {"httpGet": asked, "periodSeconds": period, "failureThreshold": failures, "timeoutSeconds": 5}
