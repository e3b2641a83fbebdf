"""Manifests for Kubernetes: written, and checked for what their schemas let pass. No cluster is asked."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.cluster.entries import JobEntry, TrainingJobEntry, is_image
    from harness.cluster.faults import QUEUE_LABEL, manifest_faults
    from harness.cluster.jobs import ray_job, training_job
    from harness.cluster.served import ADAPTERS, KEY, MODELS, PORT, ServedModel, compose_file, secret_of, served_model
    from harness.cluster.writing import HEAD, manifest_text, write_manifest
else:
    __getattr__, __dir__ = lazy_door(__name__)
