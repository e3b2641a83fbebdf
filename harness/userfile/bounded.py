"""Bytes and lines of a file that a user named: of a regular file only, and never more than was agreed.

A named pipe would wait for ever, a device never ends, and a file of gigabytes takes the machine's memory with it.
"""

import gzip
import os
import stat
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from harness.core import UserFileError, nearest

MAX_TEXT = 32_000_000
"""Bytes of a file that is read as one text."""
MAX_FILE = 512_000_000
"""Bytes of a file that is read row by row, unpacked."""
MAX_LINE = 16_000_000
"""Bytes of one line: some four million tokens."""


UTF_16 = (b"\xff\xfe", b"\xfe\xff")
"""How a file begins that some programs write without being asked."""


def open_file(path: Path, *, most: int = MAX_FILE, unpack: bool = True) -> BinaryIO:
    """The regular file ``path``, opened; where its name ends in ``.gz`` it is unpacked while it is read.

    Raises:
        UserFileError: the file is missing, a folder, a pipe, a device, unreadable, or larger than ``most`` bytes.
    """
    try:
        # a pipe without a writer must not hold us up, and a terminal must not become ours
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise UserFileError(path, "there is no such file", advice=_neighbours(path)) from None
    except ValueError:
        raise UserFileError(repr(str(path)), "names no file") from None
    except OSError as error:
        raise UserFileError(path, f"cannot be read: {error.strerror}") from None
    status = os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        what = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe"}.get(stat.S_IFMT(status.st_mode), "a device")
        raise UserFileError(path, f"this is {what}, a file is needed")
    if status.st_size > most:
        os.close(handle)
        raise _too_large(path, size(status.st_size), most)
    file = os.fdopen(handle, "rb")
    packed = unpack and path.suffix.lower() == ".gz"
    return _Unpacked(fileobj=file) if packed else file  # type: ignore[return-value]


def read_bytes(path: Path, *, most: int = MAX_TEXT, unpack: bool = True) -> bytes:
    """The file's content, as `open_file` gives it.

    Raises:
        UserFileError: as `open_file`; or the content is larger than ``most`` bytes, or is not what gzip wrote.
    """
    with open_file(path, most=most, unpack=unpack) as file:
        data = _read(file, path, most + 1)
    if len(data) > most:
        raise _too_large(path, "more", most)
    return data


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Numbers (from 1) and texts of the file's lines, without their ends; UTF-8, or UTF-16 with a byte order mark.

    Raises:
        UserFileError: as `open_file`; a line is longer than `MAX_LINE` bytes; or not UTF-8.
    """
    number = place = 0
    with open_file(path) as file:
        while raw := _read(file, path, MAX_LINE + 1, line=True):
            if place == 0 and raw[:2] in UTF_16:
                text = _as_utf_16(raw + _read(file, path, MAX_TEXT), path)
                yield from enumerate(text.replace("\r\n", "\n").replace("\r", "\n").split("\n"), 1)
                return
            if len(raw) > MAX_LINE:
                problem = f"the line has more than {size(MAX_LINE)}"
                raise UserFileError(path, problem, field=f"line {number + 1}", advice="one task a line")
            try:
                text = raw.decode("utf-8-sig" if place == 0 else "utf-8")
            except UnicodeDecodeError as error:
                problem = f"not UTF-8 at byte {place + error.start}"
                raise UserFileError(path, problem, field=f"line {number + 1}", advice="save it as UTF-8") from None
            place += len(raw)
            if place > MAX_FILE:
                raise _too_large(path, "more", MAX_FILE)
            for line in text.removesuffix("\n").removesuffix("\r").split("\r"):  # old files end their lines so
                number += 1
                yield number, line


def _as_utf_16(data: bytes, path: Path) -> str:
    if len(data) > MAX_TEXT:
        raise _too_large(path, "more", MAX_TEXT)
    try:
        return data.decode("utf-16")
    except UnicodeDecodeError as error:
        raise UserFileError(path, f"not UTF-16 at byte {error.start}", advice="save it as UTF-8") from None


class _Unpacked(gzip.GzipFile):
    """A packed file that closes what it reads from."""

    def close(self) -> None:
        raw: Any = self.fileobj
        super().close()
        if raw is not None:
            raw.close()


def size(count: int) -> str:
    """Bytes for a person: ``1.5 GB``."""
    for unit, power in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= power:
            return f"{count / power:.3g} {unit}"
    return f"{count} bytes"


def _read(file: BinaryIO, path: Path, most: int, *, line: bool = False) -> bytes:
    try:
        return file.readline(most) if line else file.read(most)
    except (gzip.BadGzipFile, zlib.error, EOFError) as error:
        raise UserFileError(path, f"not a whole gzip file: {_torn(error)}", advice="pack it again") from None
    except OSError as error:
        raise UserFileError(path, f"cannot be read: {error.strerror or error}") from None


def _torn(error: Exception) -> str:
    if isinstance(error, EOFError):
        return "it is cut off"
    return "it does not begin as one" if "Not a gzipped" in str(error) else "it is damaged"


def _too_large(path: Path, found: str, most: int) -> UserFileError:
    return UserFileError(path, f"the file has {found}, at most {size(most)} are read", advice="take a part of it")


def _neighbours(path: Path) -> str:
    """What stands next to a file that is missing."""
    folder = path.parent
    if not folder.is_dir():
        return f"nor is there a folder {folder}"
    names = sorted(p.name for p in folder.iterdir() if not p.name.startswith("."))
    return nearest(path.name, names[:40]) if names else f"{folder} is empty"
