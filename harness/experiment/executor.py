"""The entry ``executor`` of ``experiment.yaml``: where attempts are made."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.userfile import Count, Strict, Text

MOST_WORKERS = 1_000
LOCAL, RAY = "local", "ray"


class JobEntry(Strict):
    """What ``ownbench run --job`` writes into the manifest of a RayJob."""

    image: Text = "ownbench:latest"  # it holds this program with the extra ``ray``
    queue: Text = "user-queue"  # a LocalQueue of Kueue, in the job's namespace
    namespace: Text | None = None
    reports: Text = "/reports"  # where the volume with this report and all that it names is mounted
    claim: Text = "reports"  # the volume: a PersistentVolumeClaim that all pods may write to
    keys: Text | None = None  # a Secret, whose entries become environment variables of all pods: the providers' keys
    cpus: Annotated[Count, Field(le=1_024)] = 2  # of each pod
    memory_mb: Annotated[int, Field(strict=True, ge=512, le=1 << 24)] = 4096  # of each pod
    gpus: Annotated[int, Field(strict=True, ge=0, le=64)] = 0  # of each worker's pod, for models in this process
    hours: Annotated[float, Field(gt=0, le=8_760)] = 4.0  # the job is ended after so many


class ExecutorEntry(Strict):
    """Where attempts are made: by processes of this machine, or by workers of a Ray cluster."""

    kind: Literal["local", "ray"] = "local"
    address: Text = "auto"
    """``auto``: the cluster that ``RAY_ADDRESS`` or ``ray start`` names, else a Ray of its own on this machine, which
    ``local`` asks for in any case; or ``HOST:PORT`` of a cluster's head."""
    workers: Annotated[Count, Field(le=MOST_WORKERS)] | None = None
    """Processes. Where not given: of Ray one for each CPU; ``local`` one, and more where that one is at its limit."""
    job: JobEntry = JobEntry()

    @model_validator(mode="before")
    @classmethod
    def _of_ray(cls, value: object) -> object:
        given = value if isinstance(value, dict) else {}
        if given.get("kind", LOCAL) == LOCAL and "address" in given:
            raise ValueError("address goes with kind: ray; write that, or take address out")
        return value
