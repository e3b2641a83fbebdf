"""What a report's evidence is, in one word: equal digests, equal figures."""

import hashlib
from pathlib import Path

from harness.core import EvidenceError, digest_json
from harness.store.columns import OUTCOMES_FILE
from harness.store.manifest import FILE as MANIFEST_FILE
from harness.store.sourcing import experiment_file


def evidence_digest(report: Path) -> str:
    """32 hex digits over the outcomes, the manifest and the experiment: whatever a figure is computed from.

    Calls and transcripts are not in it: of the judging only a sweep of a call's signal looks at calls. A file that is
    not there counts as such. About a twentieth of a second for a million outcomes.

    Raises:
        EvidenceError: a file cannot be read.
    """
    found = {}
    for path in (report / OUTCOMES_FILE, report / MANIFEST_FILE, experiment_file(report)):
        try:
            with path.open("rb") as stream:
                found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            continue
        except OSError as error:
            raise EvidenceError(f"{path}: cannot be read: {error.strerror or error}") from None
    return digest_json(found)
