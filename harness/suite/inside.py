"""Files that a suite names must lie in its folder: a suite from elsewhere must not read the user's other files."""

import os
from pathlib import Path, PurePosixPath

from harness.core import UserFileError, nearest

ADVICE = "copy it in, or give --allow-outside if the suite is yours"


def file_inside(folder: Path, name: str, source: Path, field: str, *, outside: bool = False) -> Path:
    """The file ``name`` of a suite's ``folder``; ``source`` and ``field`` say where it is named.

    Raises:
        UserFileError: as `path_inside`; or it is no file.
    """
    path = path_inside(folder, name, source, field, outside=outside)
    if path.exists() and not path.is_dir() and not path.is_file():
        raise UserFileError(source, f"{name!r} is a pipe or a device, a file is needed", field=field)
    if not path.is_file():
        beside = [p.relative_to(folder).as_posix() for p in path.parent.iterdir()] if path.parent.is_dir() else []
        problem = f"there is no file {name!r} in the suite's folder"
        raise UserFileError(source, problem, field=field, advice=nearest(name, sorted(beside)[:40]))
    return path


def path_inside(folder: Path, name: str, source: Path, field: str, *, outside: bool = False) -> Path:
    """The place that ``name`` means in a suite's ``folder``, or with ``outside`` anywhere.

    Raises:
        UserFileError: the path is absolute, or leads out of the folder, by ``..`` or by a link.
    """
    pure = PurePosixPath(name)
    if not name or "\0" in name:
        raise UserFileError(source, f"{name!r} names no file", field=field)
    if outside:
        return folder / pure
    if pure.is_absolute() or ".." in pure.parts or "\\" in name or name.startswith("~"):
        raise UserFileError(source, f"{name!r} leads out of the suite's folder", field=field, advice=ADVICE)
    if not is_inside(folder / pure, folder):
        raise UserFileError(source, f"{name!r} is a link out of the suite's folder", field=field, advice=ADVICE)
    return folder / pure


def is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, lies in the folder. Links in a circle lead nowhere, and so not out."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))
