"""Descriptors that are closed in the end, and files in memory to hand to other processes."""

import contextlib
import fcntl
import os
from collections.abc import Iterator


@contextlib.contextmanager
def descriptors() -> Iterator[list[int]]:
    """A list whose descriptors are closed in the end."""
    fds: list[int] = []
    try:
        yield fds
    finally:
        for fd in fds:
            os.close(fd)


def in_memory(content: bytes) -> int:
    """A descriptor of a file in memory that nobody can write to any more, at its beginning."""
    fd = os.memfd_create("box", os.MFD_ALLOW_SEALING | os.MFD_CLOEXEC)
    view = memoryview(content)
    while view:
        view = view[os.write(fd, view) :]
    fcntl.fcntl(fd, fcntl.F_ADD_SEALS, fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)
    os.lseek(fd, 0, os.SEEK_SET)
    return fd
