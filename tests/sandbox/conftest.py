"""Boxes of every kind that this machine can make: as root, as an ordinary user, and in containers."""

import multiprocessing
import os
import pickle
import shutil
import sys

import pytest

from harness.core import Limits
from harness.sandbox import BubblewrapBox

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
            name, args, how = pickle.loads(pipe.recv_bytes())
            try:
                value = getattr(box, name)(*args, **how)
                pipe.send((True, None if value is box else value))
            except Exception as error:
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


KINDS = {"bubblewrap": _bubblewrap, "bubblewrap as an ordinary user": _ordinary_user}


@pytest.fixture(params=KINDS)
def kind(request):
    if request.param.startswith("bubblewrap") and not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    return request.param


@pytest.fixture
def make(kind):
    boxes = []

    def made(limits=SMALL):
        boxes.append(KINDS[kind](limits))
        return boxes[-1]

    yield made
    for box in boxes:
        box.close()


@pytest.fixture
def box(make):
    return make()
