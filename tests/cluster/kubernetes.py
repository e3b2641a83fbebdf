"""Kubernetes' own schemas, as a judge of manifests that this project did not write."""

import importlib.util
from collections.abc import Mapping
from typing import Any

import pytest

needs_schemas = pytest.mark.skipif(
    importlib.util.find_spec("kubernetes_validate") is None, reason="needs kubernetes-validate, of the extra dev"
)
VERSION = "1.37"


def conforms(document: Mapping[str, Any]) -> bool:
    """Whether Kubernetes' strict schema of this kind takes the document."""
    import kubernetes_validate

    try:
        kubernetes_validate.validate(dict(document), VERSION, strict=True)
    except kubernetes_validate.ValidationError:
        return False
    return True
