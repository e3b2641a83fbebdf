"""Folders as tar archives. What comes out of a box was written by a contender, so nothing in an archive is trusted.

Regular files, folders, and links that stay below the folder are taken. A device, a pipe, an absolute name, one with
``..``, a link that leads out, and what lies behind a link are left out; too many files, or too large, are refused.
"""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from harness.core import BoxContentError, BoxError, visible

MOST_FILES = 100_000  # of one archive
DEEPEST = 100  # folders in one another
MADE_AT = 1_000_000_000  # the time of files whose own does not count: archives of the same files are the same bytes
LATEST = 1 << 33  # seconds; the largest time that every tar can write


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """One entry of a folder. With neither content nor link it is a folder itself."""

    content: bytes | None = None
    link: str | None = None  # where a symbolic link leads, relative to its own folder
    executable: bool = False
    mtime: int = MADE_AT


Members = Mapping[str, Member]  # by the path below the folder, parents first


def pack(members: Members) -> bytes:
    """A tar of them."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.GNU_FORMAT) as tar:
        for name, member in members.items():
            entry = tarfile.TarInfo(name)
            entry.mtime, entry.mode = member.mtime, 0o755 if member.executable or member.content is None else 0o644
            if member.link is not None:
                entry.type, entry.linkname = tarfile.SYMTYPE, member.link
            elif member.content is None:
                entry.type = tarfile.DIRTYPE
            else:
                entry.size = len(member.content)
            tar.addfile(entry, io.BytesIO(member.content or b""))
    return buffer.getvalue()


def unpack(archive: bytes, cap: int, own: Members | None = None) -> dict[str, Member]:
    """What may be taken of an archive, at most ``cap`` bytes in all; of links that lead out those that ``own`` has too.

    Raises BoxError: it is none, or too large.
    """
    found, total = dict[str, Member](), 0
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for count, entry in enumerate(tar):
                if count > MOST_FILES:
                    raise BoxContentError(f"the folder holds more than {MOST_FILES:,} files")
                if entry.name.count("/") > DEEPEST:
                    raise BoxContentError(f"the folder is more than {DEEPEST} folders deep")
                path = PurePosixPath(entry.name)
                name = str(path)
                if path.is_absolute() or ".." in path.parts or name == "." or _behind(path, found):
                    continue
                member = _member(tar, entry, path, found)
                if member is None and entry.issym() and (known := (own or {}).get(name)) is not None:
                    member = known if known.link == entry.linkname else None
                if member is None or (name in found and (_is_folder(found[name]) or _is_folder(member))):
                    continue
                total += len(member.content or b"")
                if total > cap:
                    raise BoxContentError(f"the folder holds more than {cap >> 20} MB")
                found[name] = member
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        raise BoxError(f"what came out of the box is no archive: {visible(str(error))}") from None
    return found


def unpack_own(archive: bytes) -> dict[str, Member]:
    """What a folder of an image holds, by the path below it: all of its links too, for they are not a contender's.

    Raises BoxError: it is no archive.
    """
    found = dict[str, Member]()
    try:
        with tarfile.open(fileobj=io.BytesIO(archive), mode="r:") as tar:
            for entry in tar:
                path = PurePosixPath(entry.name)
                name = str(PurePosixPath(*path.parts[1:]))  # the first is the folder itself
                if len(path.parts) < 2 or ".." in path.parts:
                    continue
                if entry.issym():
                    found[name] = Member(link=entry.linkname)
                elif entry.islnk():
                    first = found.get(str(PurePosixPath(*PurePosixPath(entry.linkname).parts[1:])))
                    found |= {name: first} if first is not None else {}
                elif entry.isdir():
                    found[name] = Member()
                elif (file := tar.extractfile(entry)) is not None:
                    found[name] = Member(content=file.read(), executable=bool(entry.mode & 0o100))
    except (tarfile.TarError, ValueError, OSError, EOFError) as error:
        raise BoxError(f"what came out of the image is no archive: {visible(str(error))}") from None
    return found


def _is_folder(member: Member) -> bool:
    return member.content is None and member.link is None


def _behind(path: PurePosixPath, found: Members) -> bool:
    """Whether a parent is a file or a link."""
    return any((above := found.get(str(parent))) is not None and not _is_folder(above) for parent in path.parents)


def _member(tar: tarfile.TarFile, entry: tarfile.TarInfo, path: PurePosixPath, found: Members) -> Member | None:
    executable, mtime = bool(entry.mode & 0o100), min(max(0, int(entry.mtime)), LATEST - 1)
    if entry.isdir():
        return Member(mtime=mtime)
    if entry.issym():
        return Member(link=entry.linkname, mtime=mtime) if _stays(path, entry.linkname) else None
    if entry.islnk():  # a second name of a file that came before
        first = found.get(str(PurePosixPath(entry.linkname)))
        return first if first is None or first.link is None or _stays(path, first.link) else None
    file = tar.extractfile(entry) if entry.isreg() else None
    return Member(content=file.read(), executable=executable, mtime=mtime) if file is not None else None


def _stays(path: PurePosixPath, target: str) -> bool:
    """Whether a link leads below the folder: up no further than it lies deep, and never up again after going down.

    Its parents are real folders, so each ``..`` is one step; what it passes on its way down are links of the same kind.
    """
    parts = PurePosixPath(target).parts
    up = next((at for at, part in enumerate(parts) if part != ".."), len(parts))
    return bool(target) and parts[:1] != ("/",) and up < len(path.parts) and ".." not in parts[up:]


def folder_members(folder: Path, *, hidden: bool = True) -> Iterator[tuple[str, Member]]:
    """The regular files of a folder of this machine, links left out. Raises BoxError: it cannot be read.

    Without ``hidden`` ones, which may be secrets or a history, caches are left out too.
    """
    try:
        if not folder.is_dir():
            raise BoxError(f"{folder}: no such folder")
        for path in sorted(folder.rglob("*")):
            name = path.relative_to(folder)
            if not hidden and any(part.startswith(".") or part == "__pycache__" for part in name.parts):
                continue
            if path.is_file() and not path.is_symlink():
                executable = bool(path.stat().st_mode & 0o100)
                yield name.as_posix(), Member(content=path.read_bytes(), executable=executable)
    except OSError as error:
        raise BoxError(f"{error.filename}: {error.strerror}") from None


def write_members(members: Members, folder: Path) -> None:
    """Writes the regular files below a folder of this machine, and nothing else. Raises BoxError: it cannot."""
    try:
        for name, member in members.items():
            if member.content is not None:
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(member.content)
                target.chmod(0o755 if member.executable else 0o644)
    except OSError as error:
        raise BoxError(f"{folder}: files of the box cannot be written: {error.strerror}") from None
