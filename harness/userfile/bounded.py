"""Bytes and lines of a file that a user named: of a regular file only, and never more than was agreed."""

import bz2
import codecs
import gzip
import io
import lzma
import os
import stat
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from harness.core import UserFileError, listed, nearest

MAX_TEXT = 32_000_000  # bytes of a file that is read as one text
MAX_FILE = 512_000_000  # bytes of a file that is read row by row, unpacked
_LOOKED_AT, _NAMED = 1_000, 6  # names of a folder in which a missing file is looked for, and that are said
MAX_LINE = 16_000_000  # characters of one line: some four million tokens

PACKED = {".gz": "gzip", ".bz2": "bzip2", ".xz": "xz", ".zst": "Zstandard", ".zstd": "Zstandard"}
_BEGINS = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "Zstandard"}
_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@contextmanager
def open_file(path: Path, *, most: int = MAX_FILE, unpack: bool = True) -> Iterator[BinaryIO]:
    """The regular file, unpacked while it is read. Raises UserFileError: it is none, unreadable, too large or cut."""
    try:  # a pipe without a writer must not hold us up, and a terminal must not become ours
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY)
    except FileNotFoundError:
        raise UserFileError(path, "there is no such file", advice=_instead(path)) from None
    except ValueError:
        raise UserFileError(repr(str(path)), "names no file") from None
    except OSError as error:
        raise UserFileError(path, f"cannot be read: {error.strerror}") from None
    kind, status = None, os.fstat(handle)
    if not stat.S_ISREG(status.st_mode):
        os.close(handle)
        what = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a named pipe"}.get(stat.S_IFMT(status.st_mode), "a device")
        raise UserFileError(path, f"this is {what}, a file is needed")
    with os.fdopen(handle, "rb") as file:
        if status.st_size > most:
            raise _too_large(path, size(status.st_size), most)
        try:
            start = file.peek(8) if unpack else b""
            kind = next((kind for begin, kind in _BEGINS.items() if start.startswith(begin)), None)
            said = PACKED.get(path.suffix.lower())
            if unpack and said is not None and kind is None:
                raise UserFileError(path, f"not a whole {said} file: it does not begin as one", advice="pack it again")
            if kind is None:
                yield file
            else:
                with io.BufferedReader(_unpacked(file, kind), 1 << 16) as stream:
                    yield stream
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
            if kind is None:
                raise UserFileError(path, f"cannot be read: {getattr(error, 'strerror', '') or error}") from None
            what = "it is cut off" if isinstance(error, EOFError) else "it is cut off or damaged"
            raise UserFileError(path, f"not a whole {kind} file: {what}", advice="pack it again") from None


def _instead(path: Path) -> str:
    """What is there in place of a file: the nearest name, else those of its kind, a few."""
    folder = path.parent
    if not folder.is_dir():
        return f"nor is there a folder {folder}"
    names = sorted(one.name for one in folder.iterdir() if not one.name.startswith("."))
    near = nearest(path.name, names[:_LOOKED_AT])
    if not near.startswith("known: "):
        return near if names else f"{folder} is empty"
    where = "this folder" if folder == Path() else str(folder)
    alike = [name for name in names if path.suffix and name.endswith(path.suffix)]
    if alike:
        return f"{where} has {listed(alike, _NAMED)}"
    return f"{where} has no file {f'that ends in {path.suffix}' if path.suffix else 'of a similar name'}"


def _unpacked(file: BinaryIO, kind: str) -> Any:
    if kind == "Zstandard":
        import pyarrow as pa

        return pa.CompressedInputStream(file, "zstd")
    return {"gzip": gzip.open, "bzip2": bz2.open, "xz": lzma.open}[kind](file)  # type: ignore[operator]


def read_bytes(path: Path, *, most: int = MAX_TEXT, unpack: bool = True) -> bytes:
    """The content, as `open_file` gives it. Raises UserFileError: as that; or it is larger than ``most`` bytes."""
    with open_file(path, most=most, unpack=unpack) as file:
        data = file.read(most + 1)
    if len(data) > most:
        raise _too_large(path, "more", most)
    return data


def read_lines(
    path: Path, *, most: int = MAX_FILE, longest: int = MAX_LINE, guess: bool = False
) -> Iterator[tuple[int, str]]:
    r"""Numbers (from 1) and texts of lines, ended by ``\n``. Raises UserFileError: as `open_file`; or no text."""
    coding = _coding(path, most, guess=guess)
    number = read = 0
    errors = "surrogateescape" if coding.startswith("utf-8") else "strict"
    try:
        with (
            open_file(path, most=most) as file,
            io.TextIOWrapper(file, encoding=coding, errors=errors, newline=None) as text,
        ):
            for line in iter(lambda: text.readline(longest + 1), ""):
                number += 1
                read += len(line)
                _check_line(path, f"line {number}", line, longest)
                if read > most:
                    raise _too_large(path, "more", most)
                yield number, line
    except UnicodeDecodeError:
        problem = f"not {'UTF-8' if coding == 'cp1252' else coding.upper()}, which its first bytes promise"
        raise UserFileError(path, problem, field=f"line {number + 1}", advice="save it as UTF-8") from None


def _coding(path: Path, most: int, *, guess: bool) -> str:
    """UTF-8, or UTF-16 or UTF-32 with a byte order mark; by ``guess`` also UTF-16 without one, and Windows' cp1252."""
    with open_file(path, most=most) as file:
        head = file.read(200)
        coding = next((name for mark, name in _MARKS.items() if head.startswith(mark)), "")
        if coding or not guess:
            return coding or "utf-8"
        if b"\0" in head:  # what some programs write without a mark
            return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
        decoder, read = codecs.getincrementaldecoder("utf-8")(), 0
        try:
            while head and read <= most:
                decoder.decode(head)
                head = file.read(1 << 20)
                read += len(head)
        except UnicodeDecodeError:
            return "cp1252"
    return "utf-8"


def _check_line(path: Path, field: str, line: str, longest: int) -> None:
    if len(line) > longest:
        raise UserFileError(path, f"the line has more than {size(longest)}", field=field, advice="write one row a line")
    if "\0" in line:
        raise UserFileError(path, "found a zero byte: no UTF-8, or damaged", field=field, advice="save it as UTF-8")
    try:
        _ = line.isascii() or line.encode()
    except UnicodeEncodeError as error:
        problem = f"not UTF-8: found the byte 0x{ord(line[error.start]) & 0xFF:02x} at character {error.start + 1}"
        raise UserFileError(path, problem, field=field, advice="save the file as UTF-8") from None


def size(count: int) -> str:
    """Bytes for a person: ``1.5 GB``."""
    for unit, power in (("GB", 1_000_000_000), ("MB", 1_000_000), ("kB", 1_000)):
        if count >= power:
            return f"{count / power:.3g} {unit}"
    return f"{count} bytes"


def _too_large(path: Path, found: str, most: int) -> UserFileError:
    return UserFileError(path, f"the file has {found}, at most {size(most)} are read", advice="take a part of it")
