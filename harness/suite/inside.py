"""Files that a suite names must lie in its folder: a suite from elsewhere must not read the user's other files."""

from pathlib import Path, PurePosixPath

from harness.core import UserFileError, nearest


def file_inside(folder: Path, name: str, source: Path, field: str) -> Path:
    """The file ``name`` of a suite's ``folder``; ``source`` and ``field`` say where it is named.

    Raises:
        UserFileError: the path is absolute, leads out of the folder (by ``..`` or by a link), or names no file.
    """
    pure = PurePosixPath(name)
    if not name or "\0" in name:
        raise UserFileError(source, f"{name!r} names no file", field=field)
    if pure.is_absolute() or ".." in pure.parts or "\\" in name:
        raise UserFileError(source, f"{name!r} leads out of the suite's folder", field=field, advice="copy it in")
    path = folder / pure
    if not path.resolve().is_relative_to(folder.resolve()):
        raise UserFileError(source, f"{name!r} is a link out of the suite's folder", field=field, advice="copy it in")
    if not path.is_file():
        beside = [p.relative_to(folder).as_posix() for p in path.parent.iterdir()] if path.parent.is_dir() else []
        problem = f"there is no file {name!r} in the suite's folder"
        raise UserFileError(source, problem, field=field, advice=nearest(name, sorted(beside)[:40]))
    return path
