"""A real podman of an ordinary user: on cgroup v1 it takes limits and ignores them, so it is refused, twice."""

import os
import shutil
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from harness.core import BoxError, Environment, Limits
from harness.sandbox import ContainerBox, cgroups, containers, images

NOBODY = 65534
HELD = ("/bin", "/lib", "/lib64", "/usr/bin/sh", "/usr/bin/dash", "/usr/bin/sleep", "/usr/lib64/ld-linux-x86-64.so.2",
        "/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "/usr/lib/x86_64-linux-gnu/libc.so.6")  # fmt: skip
"""Enough of Debian for a shell."""


@pytest.fixture
def rootless(monkeypatch):
    if os.getuid() != 0 or not shutil.which("podman") or not shutil.which("setpriv"):
        pytest.skip("root starts a podman of an ordinary user; not root, or no podman")
    if cgroups._version() != 1:
        pytest.skip("on cgroup v2 a rootless podman may hold limits")
    home = Path(tempfile.mkdtemp())
    for place in (home, home / "run"):
        place.mkdir(exist_ok=True, mode=0o700)
        os.chown(place, NOBODY, NOBODY)
    wrapper = home / "bin" / "podman"
    wrapper.parent.mkdir()
    wrapper.write_text(
        f"#!/bin/sh\ncd /\nexec setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups env -i HOME={home} "
        f'XDG_RUNTIME_DIR={home}/run PATH=/usr/sbin:/usr/bin:/bin {shutil.which("podman")} "$@"\n'
    )
    wrapper.chmod(0o755)
    home.chmod(0o711)
    monkeypatch.setenv("PATH", f"{wrapper.parent}:{os.environ['PATH']}")
    monkeypatch.setattr(images, "_FOUND", {})
    yield home
    subprocess.run([wrapper, "system", "reset", "-f"], capture_output=True, check=False)
    shutil.rmtree(home, ignore_errors=True)


@pytest.mark.slow
def test_a_rootless_podman_is_refused_by_what_it_says_and_by_what_it_does(rootless, monkeypatch):
    assert "rootless podman ignores limits of memory and processes here (cgroup v1)" in containers.enforces("podman")
    archive = rootless / "tiny.tar"
    with tarfile.open(archive, "w") as tar:
        for path in HELD:
            if Path(path).is_symlink() or Path(path).exists():
                tar.add(path, recursive=False)
        for path in ("tmp", "proc", "sys", "dev", "usr/lib64"):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o755
            tar.addfile(folder)
    archive.chmod(0o644)
    if not (rootless / "tiny.tar").exists() or _fails("import", "-q", str(archive), "tiny:1"):
        pytest.skip("a rootless podman takes no image here")
    monkeypatch.setattr(containers, "KEEPER_USER", "0:0")  # the one user that an ordinary user has without more set up
    box = ContainerBox("podman", Limits(memory_mb=128, disk_mb=16, pids=32), Environment(image="localhost/tiny:1"))
    with pytest.raises(BoxError, match="podman does not enforce limits of memory and processes here"):
        box.start()
    assert box._name not in containers.call("podman", "ps", "-a", "--format", "{{.Names}}")


def _fails(*arguments):
    try:
        containers.call("podman", *arguments)
    except BoxError:
        return True
    return False
