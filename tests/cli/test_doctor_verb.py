"""``ownbench doctor`` says which sandboxes this machine has, and what each limit rests on."""

import json
import shutil

import pytest

from harness.cli import main
from harness.sandbox import opening


def test_the_sandboxes_are_named_with_what_holds_their_limits(capsys):
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    at = next(at for at, line in enumerate(lines) if line.startswith("  bubblewrap: "))
    assert lines[at].startswith("  bubblewrap: not usable: ") or lines[at + 1].startswith("    limits: memory")
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["sandbox"]
    assert set(found) == {"bubblewrap", "podman", "docker"}
    for box in found.values():
        assert box["usable"] == (box["problem"] == "") == bool(box["limits"])


def test_no_sandbox_at_all_is_said(capsys, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    opening.probe.cache_clear()
    try:
        assert main(["doctor"]) == 0
    finally:
        opening.probe.cache_clear()
    out = capsys.readouterr().out
    assert "bubblewrap: not usable: bubblewrap is not installed" in out
    assert "never without a sandbox" in out
