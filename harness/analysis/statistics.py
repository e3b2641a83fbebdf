"""``statistics.json``: the scoreboard as it was written, and read again as long as it is of the evidence there is."""

import json
from pathlib import Path

from harness.analysis.views import Scoreboard
from harness.core import EvidenceError
from harness.store import evidence_digest, read_manifest, split_used

FILE = "statistics.json"


def statistics_text(view: Scoreboard, evidence: str) -> str:
    """What ``statistics.json`` holds: the scoreboard, and the digest of the evidence that it was computed from."""
    return json.dumps(view.as_json() | {"evidence": evidence}, indent=2, allow_nan=False) + "\n"


def read_statistics(report: Path, *, split: str | None = None, level: float = 0.95) -> Scoreboard | None:
    """What `scoreboard` would compute, from ``statistics.json``, without a look at the outcomes but for their digest.

    ``None`` where there is no such file, or it is of other evidence, of another split or level, or written by another
    version of this program whose scoreboard had other fields.
    """
    from pydantic import TypeAdapter

    try:
        text = (report / FILE).read_bytes()
        record = json.loads(text)
        if not isinstance(record, dict) or record.pop("evidence", None) != evidence_digest(report):
            return None
        view = TypeAdapter(Scoreboard).validate_json(text, strict=True)
        manifest = read_manifest(report)
        name = manifest.report if manifest and manifest.report else report.resolve().name
        if (view.report, view.split, view.level) != (name, split_used(report, split), level):
            return None
    except (OSError, ValueError, EvidenceError, RecursionError):
        return None
    return view if view.as_json() == record else None  # a file of another make has other fields
