"""Boxes of every kind that this machine can make: as root, as an ordinary user, and in containers."""

import multiprocessing
import os
import pickle
import re
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from harness.core import Environment, Limits
from harness.sandbox import BubblewrapBox, ContainerBox
from harness.sandbox.containers import enforces

SMALL = Limits(seconds=15, memory_mb=512, disk_mb=64, pids=64, files=20_000, output_bytes=100_000)
NOBODY = 65534


class Elsewhere:
    """A box that another process holds, which is an ordinary user: its methods are called over a pipe."""

    def __init__(self, limits):
        self.limits = limits
        self._ours, theirs = multiprocessing.Pipe()
        self._child = os.fork()
        if self._child == 0:
            try:
                self._serve(theirs)
            finally:
                os._exit(0)
        theirs.close()
        self._call("start")

    def _serve(self, pipe):
        os.setgroups([])
        os.setresgid(NOBODY, NOBODY, NOBODY)
        os.setresuid(NOBODY, NOBODY, NOBODY)
        os.chdir("/")
        sys.executable = "/usr/bin/python3"  # the one of the tests may lie in a home
        box = BubblewrapBox(self.limits)
        while True:
            name, args, how = pickle.loads(pipe.recv_bytes())  # noqa: S301 - our own
            try:
                value = getattr(box, name)(*args, **how)
                pipe.send((True, None if value is box else value))
            except Exception as error:  # noqa: BLE001 - raised by who asked
                pipe.send((False, error))
            if name == "close":
                return

    def _call(self, name, *args, **how):
        self._ours.send_bytes(pickle.dumps((name, args, how)))
        fine, value = self._ours.recv()
        if not fine:
            raise value
        return value

    def __getattr__(self, name):
        return lambda *args, **how: self._call(name, *args, **how)

    def close(self):
        if self._child:
            self._call("close")
            os.waitpid(self._child, 0)
            self._child = 0


def _bubblewrap(limits):
    return BubblewrapBox(limits).start()


def _ordinary_user(limits):
    if os.getuid() != 0:
        pytest.skip("this is an ordinary user already")
    return Elsewhere(limits)


KINDS = ["bubblewrap", "bubblewrap as an ordinary user", pytest.param("podman", marks=pytest.mark.slow)]
PACKAGES = (
    "bash coreutils dash findutils grep hostname libc-bin sed tar util-linux login passwd python3-minimal python3.11"
)
"""Of Debian: what a small image of this machine's own files is made of; they bring what they depend on."""


@pytest.fixture(scope="session")
def image(tmp_path_factory):
    """A container image made without a network, removed in the end."""
    if not shutil.which("podman"):
        pytest.skip("podman is not installed")
    if not shutil.which("dpkg") or enforces("podman"):
        pytest.skip(enforces("podman") or "the image is made of Debian's packages")
    depends = ["apt-cache", "depends", "--recurse", "--installed", "--no-recommends", "--no-suggests", "--no-conflicts",
               "--no-breaks", "--no-replaces", "--no-enhances", *PACKAGES.split()]  # fmt: skip
    listed = subprocess.run(depends, capture_output=True, text=True, check=True).stdout
    names = sorted({line.split(":")[0] for line in listed.splitlines() if line[:1].isalnum()})
    owned = subprocess.run(["dpkg", "-L", *names], capture_output=True, text=True, check=False).stdout.splitlines()
    wanted = {"/bin", "/sbin", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/passwd", "/etc/group"}
    wanted |= {re.sub("^/(bin|sbin|lib|lib64)/", r"/usr/\1/", path) for path in owned if "/share/" not in path}
    empty = tmp_path_factory.mktemp("image")
    archive = empty / "base.tar"
    with tarfile.open(archive, "w") as tar:
        for path in sorted(wanted):
            if Path(path).is_symlink() or Path(path).is_file():
                tar.add(path, recursive=False)
        for path in ("tmp", "proc", "sys", "dev", "root"):
            folder = tarfile.TarInfo(path)
            folder.type, folder.mode = tarfile.DIRTYPE, 0o1777 if path == "tmp" else 0o755
            tar.addfile(folder)
    name = f"ownbench-test-{os.getpid()}:1"
    subprocess.run(["podman", "import", "-q", str(archive), name], capture_output=True, check=True)
    archive.unlink()
    yield f"localhost/{name}"
    subprocess.run(["podman", "rmi", "-f", name], capture_output=True, check=False)


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param.startswith("bubblewrap") and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    return request.param


@pytest.fixture
def make(kind, request):
    boxes = []

    def made(limits=SMALL):
        if kind == "podman":
            box = ContainerBox("podman", limits, Environment(image=request.getfixturevalue("image"))).start()
        else:
            box = _bubblewrap(limits) if kind == "bubblewrap" else _ordinary_user(limits)
        boxes.append(box)
        return box

    yield made
    for box in boxes:
        box.close()


@pytest.fixture
def box(make):
    return make()
