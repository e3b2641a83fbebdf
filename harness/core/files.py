"""Writing so that nothing of the user's is ever half-written: aside first, then renamed into place."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from harness.core.errors import StorageError

_ADVICE = {
    errno.ENOSPC: "free some space",
    errno.EDQUOT: "free some space",
    errno.EFBIG: "allow larger files (ulimit -f)",
}


@contextmanager
def keeping(path: Path) -> Iterator[None]:
    """What the system says while ``path`` is written, as the end of a run: raises a StorageError."""
    try:
        yield
    except OSError as error:
        raise unkept(path, error) from None


def unkept(path: Path | str, error: OSError) -> StorageError:
    """What it means for a run that the system could not write ``path``."""
    problem = f"cannot be written: {error.strerror or error}"
    return StorageError(path, problem, advice=_ADVICE.get(error.errno or 0, "see that it can be written"))


def disk_is_full(error: OSError) -> bool:
    """Whether there was no room: on the disk, in the quota, or under the limit on a file's size."""
    return error.errno in _ADVICE


def is_at(handle: int, path: Path | str, *, least: int = 0) -> bool:
    """Whether the open file is the one at ``path`` (not deleted, moved or replaced), with ``least`` bytes or more."""
    mine = os.fstat(handle)
    return stands(path, (mine.st_ino, mine.st_dev), least)


def stands(path: Path | str, inode: tuple[int, int], least: int) -> bool:
    """Whether the file at ``path`` is the one with this number on this device, with ``least`` bytes or more."""
    try:
        there = os.stat(path)  # noqa: PTH116 - on the way of every attempt
    except OSError:
        return False
    return (there.st_ino, there.st_dev) == inode and there.st_size >= least


def write_atomic(path: Path, content: str | bytes) -> None:
    """Replaces ``path`` by ``content`` at once: at any instant the old file or the new one stands there."""
    with replacing(path) as file:
        file.write(content.encode("utf-8") if isinstance(content, str) else content)


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """A file aside, which takes the place of ``path``, whole and on the disk, when all that was to be done is done."""
    import tempfile  # it brings every way to pack a file, and most commands write none

    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle, aside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    except OSError as error:  # it names the file aside, which nobody asked for
        raise type(error)(error.errno, error.strerror, str(path)) from None
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        umask = os.umask(0)
        os.umask(umask)
        Path(aside).chmod(0o666 & ~umask)
        Path(aside).replace(path)
    except BaseException:
        Path(aside).unlink(missing_ok=True)
        raise


@contextmanager
def folder_aside(path: Path) -> Iterator[Path]:
    """An empty folder next to ``path``, in which what may take its place is made; at the end it is gone."""
    import shutil
    import tempfile

    path.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A folder aside, which takes the place of ``path``, whole, when all that was to be done in it is done.

    What stood there is gone once the new one stands. Its files have the permissions that new ones of the user's have.
    """
    import shutil

    with folder_aside(path) as folder:
        yield folder
        umask = os.umask(0)
        os.umask(umask)
        folder.chmod(0o777 & ~umask)
        for file in folder.rglob("*"):  # some writers keep their files to the user
            file.chmod((0o777 if file.is_dir() or os.access(file, os.X_OK) else 0o666) & ~umask)
        old = folder.with_suffix(".old")
        if path.exists():
            path.rename(old)
        folder.rename(path)
        shutil.rmtree(old, ignore_errors=True)
