"""Manifests as files: checked, as YAML, and never over a file that is not ours."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from harness.cluster.faults import manifest_faults
from harness.cluster.schemas import check_schema
from harness.core import UserFileError, write_atomic

HEAD = "# Written by ownbench: a change here is lost when it is written again.\n"


def write_manifest(path: Path, document: Mapping[str, Any], schema: Path | None = None) -> None:
    """Writes a manifest, checked. Raises UserFileError: it would not work, or the file is not ours to replace."""
    text = HEAD + manifest_text(path, [document])
    if schema is not None:
        check_schema(path, document, schema)
    try:
        if not path.parent.is_dir():
            raise UserFileError(path.parent, "there is no such folder", advice="make it, or name another file")
        if path.exists() and not path.read_bytes().startswith(HEAD.encode()):
            raise UserFileError(path, "it is there, and was not written by ownbench", advice="name another file")
        write_atomic(path, text)
    except OSError as error:
        raise UserFileError(path, f"cannot be written: {error.strerror or error}", advice="name another file") from None


def manifest_text(path: Path, documents: Sequence[Mapping[str, Any]]) -> str:
    """Documents as one text of YAML for ``path``. Raises UserFileError: one would not work."""
    for document in documents:
        for field, problem, advice in manifest_faults(document):
            raise UserFileError(path, problem, field=field, advice=advice)
    return yaml.dump_all(map(dict, documents), Dumper=_Plain, sort_keys=False, allow_unicode=True, width=1_000)


class _Plain(yaml.SafeDumper):
    """Writes out what stands in several places, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True
