"""One word for the evidence: it changes with whatever a figure is computed from, and with nothing else."""

import hashlib
import json

import pytest

from harness.core import EvidenceError
from harness.store import evidence_digest


@pytest.fixture
def report(tmp_path):
    folder = tmp_path / "r"
    folder.mkdir()
    (folder / "outcomes.parquet").write_bytes(b"rows")
    (folder / "manifest.json").write_text("{}")
    return folder


def test_it_is_the_digest_of_the_files_digests(report):
    parts = {"manifest.json": b"{}", "outcomes.parquet": b"rows"}
    listing = json.dumps({k: hashlib.sha256(v).hexdigest() for k, v in parts.items()}, separators=(",", ":"))
    assert evidence_digest(report) == hashlib.sha256(listing.encode()).hexdigest()[:32]


@pytest.mark.parametrize("name", ["outcomes.parquet", "manifest.json", "experiment.yaml"])
def test_it_changes_with_each_file_that_figures_come_from(report, name):
    before = evidence_digest(report)
    (report / name).write_bytes(b"other")
    changed = evidence_digest(report)
    (report / name).unlink()
    assert len({before, changed, evidence_digest(report)}) == (2 if name == "experiment.yaml" else 3)


def test_it_does_not_change_with_what_was_written_from_them(report):
    before = evidence_digest(report)
    for name in ("statistics.json", "report.md", "verdict.json", "calls.parquet"):
        (report / name).write_text("x")
    assert evidence_digest(report) == before


def test_what_is_no_file_is_named(report):
    (report / "manifest.json").unlink()
    (report / "manifest.json").mkdir()
    with pytest.raises(EvidenceError, match=r"manifest\.json: cannot be read"):
        evidence_digest(report)
