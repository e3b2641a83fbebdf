"""What a user says of a job for a cluster, in ``experiment.yaml`` and in a recipe."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from harness.userfile import Count, Strict, Text

LABEL = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")  # a name as DNS has it (RFC 1123)
SUBDOMAIN = re.compile(rf"{LABEL.pattern}(\.{LABEL.pattern})*")
LONGEST = 63  # characters of a label


def _cluster_name(name: str) -> str:
    if not is_name(name, SUBDOMAIN):
        raise ValueError(f"found {name!r}, no name in Kubernetes; take lower-case letters, digits and -, 63 at most")
    return name


def is_name(name: object, pattern: re.Pattern[str] = LABEL, longest: int = LONGEST) -> bool:
    """Whether a thing of Kubernetes may have this name."""
    return isinstance(name, str) and len(name) <= longest and pattern.fullmatch(name) is not None


def _place(path: str) -> str:
    parts = [part for part in path.split("/") if part]
    taken = [[], ["tmp"], ["dev"], ["dev", "shm"], ["proc"], ["sys"], ["etc"]]  # a pod could not start, or not work
    if not path.startswith("/") or parts in taken or {".", ".."} & {*parts} or ":" in path or not path.isprintable():
        raise ValueError(f"found {path!r}, needed the absolute path of a folder of its own, such as /data")
    return f"/{'/'.join(parts)}"


def _image(image: str) -> str:
    if not is_image(image):
        raise ValueError(f"found {image!r}, needed REPOSITORY:TAG, in lower case")
    return image


def is_image(image: object) -> bool:
    """Whether a text may name an image of a container."""
    text = image if isinstance(image, str) else ""
    return bool(text) and not re.search(r"\s", text) and not re.search(r"[A-Z]", _repository(text))


def _repository(image: str) -> str:
    """An image without its tag and digest; a port of its registry is no tag."""
    named = image.partition("@")[0]
    head, _, last = named.rpartition("/")
    return f"{head}/{last.partition(':')[0]}"


ClusterName = Annotated[str, AfterValidator(_cluster_name)]
Place = Annotated[str, AfterValidator(_place)]
Image = Annotated[Text, AfterValidator(_image)]


class ClusterEntry(Strict):
    """What every job has."""

    image: Image = "ownbench:latest"  # it holds this program
    queue: ClusterName = "user-queue"  # a LocalQueue of Kueue, in the job's namespace
    namespace: ClusterName | None = None  # where not given, the one that kubectl uses
    keys: ClusterName | None = None  # a Secret, whose entries become environment variables of all pods
    cpus: Annotated[Count, Field(le=1_024)] = 2  # of each pod
    memory_mb: Annotated[int, Field(strict=True, ge=512, le=1 << 24)] = 4096  # of each pod
    hours: Annotated[float, Field(ge=0.01, le=8_760)] = 4.0  # the job is ended after so many


class JobEntry(ClusterEntry):
    """What ``ownbench run --job`` writes into the manifest of a RayJob."""

    image: Image = "ownbench:latest"  # it holds this program with the extra ``ray``
    keys: ClusterName | None = None  # a Secret, whose entries become variables of all pods: the providers' keys
    reports: Place = "/reports"  # where the volume with this report and all that it names is mounted
    claim: ClusterName = "reports"  # the volume: a PersistentVolumeClaim that all pods may write to
    gpus: Annotated[int, Field(strict=True, ge=0, le=64)] = 0  # of each worker's pod, for models in this process


class TrainingJobEntry(ClusterEntry):
    """``job`` of a recipe: what ``ownbench adapter train --job`` writes into the manifest."""

    kind: Literal["job", "ray"] = "job"  # a Job of Kubernetes, or a RayJob of KubeRay
    image: Image = "ownbench:latest"  # it holds this program with the extra ``tune``
    at: Place = "/training"  # where the volume is mounted
    claim: ClusterName = "training"
    """The volume: a PersistentVolumeClaim with a copy of the folder in which the command is called. It holds the
    recipe, what that names, checkpoints and the result."""
    cpus: Annotated[Count, Field(le=1_024)] = 4  # of the pod that trains
    memory_mb: Annotated[int, Field(strict=True, ge=512, le=1 << 24)] = 32_768  # of the pod that trains
    gpus: Annotated[int, Field(strict=True, ge=0, le=64)] | None = None  # where not given: 1, or none with device: cpu
    tries: Annotated[int, Field(strict=True, ge=0, le=100)] = 3  # pods after the first; evictions are not counted
