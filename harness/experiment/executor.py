"""The entry ``executor`` of ``experiment.yaml``: where attempts are made."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.cluster import JobEntry
from harness.userfile import Count, Strict, Text

MOST_WORKERS = 1_000
LOCAL, RAY = "local", "ray"


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
