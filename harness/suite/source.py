"""Where tasks come from: a table, or what ``datasets`` reads; a suite from elsewhere reads nothing outside itself."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from harness.core import UserFileError, install_line, nearest
from harness.suite.schema import FIELDS, HuggingFace, SuiteFile
from harness.userfile import READ, Rows, arrow_rows, open_file, table_kind, table_rows

ADVICE = "copy it in, or give --allow-outside if the suite is yours"
FORMATS = ("csv", "json", "parquet", "text")


def file_inside(folder: Path, name: str, source: Path, field: str, *, outside: bool = False) -> Path:
    """The file ``name`` of a suite's ``folder``, named in ``field`` of ``source``; raises as `path_inside` does."""
    path = path_inside(folder, name, source, field, outside=outside)
    if path.exists() and not path.is_dir() and not path.is_file():
        raise UserFileError(source, f"{name!r} is a pipe or a device, a file is needed", field=field)
    if not path.is_file():
        beside = [p.relative_to(folder).as_posix() for p in path.parent.iterdir()] if path.parent.is_dir() else []
        problem = f"there is no file {name!r} in the suite's folder"
        raise UserFileError(source, problem, field=field, advice=nearest(name, sorted(beside)[:40]))
    return path


def path_inside(folder: Path, name: str, source: Path, field: str, *, outside: bool = False) -> Path:
    """The place that ``name`` means in a suite's ``folder``, or ``outside``. Raises UserFileError: it leads out."""
    pure = PurePosixPath(name)
    if not name or "\0" in name:
        raise UserFileError(source, f"{name!r} names no file", field=field)
    if not outside:
        if pure.is_absolute() or ".." in pure.parts or "\\" in name or name.startswith("~"):
            raise UserFileError(source, f"{name!r} leads out of the suite's folder", field=field, advice=ADVICE)
        if not _is_inside(folder / pure, folder):
            raise UserFileError(source, f"{name!r} is a link out of the suite's folder", field=field, advice=ADVICE)
    return folder / pure


def _is_inside(path: Path, folder: Path) -> bool:
    """Whether a path, its links followed, lies in the folder. Links in a circle lead nowhere, and so not out."""
    return Path(os.path.realpath(path)).is_relative_to(os.path.realpath(folder))


def is_blank(value: Any) -> bool:
    """Whether a cell holds nothing."""
    return value is None or (isinstance(value, str) and not value.strip()) or value in ([], {})


def task_rows(suite: SuiteFile, suite_file: Path, *, outside: bool = False) -> tuple[Path, Rows]:
    """The file that holds the tasks, to be named in messages, and its rows; with ``outside`` it may lie anywhere."""
    if suite.huggingface is not None:
        return suite_file, _huggingface_rows(suite.huggingface, suite_file, outside=outside)
    name = str(suite.tasks)
    path = path_inside(suite_file.parent, name, suite_file, "tasks", outside=outside)
    if (kind := table_kind(path)) is None:
        advice = f"needed: a file that ends in {READ}"
        raise UserFileError(suite_file, f"cannot tell what kind of table {name!r} is", field="tasks", advice=advice)
    rows = table_rows(path, field=suite.field)
    return path, rows if kind in {".jsonl", ".json"} else ((where, _nested(row)) for where, row in rows)


def _nested(row: dict[str, Any]) -> dict[str, Any]:
    """A row of a table whose nested fields may stand as JSON in a text column."""
    found = dict(row)
    for key in ("grader", "metadata", "files", "tests", "oracle", "tools", "environment"):
        if isinstance(found.get(key), str) and found[key].lstrip()[:1] in {"{", "["}:
            with suppress(ValueError, RecursionError):  # then it stays a text, and the schema says what is wrong
                found[key] = json.loads(found[key])
    return found


def _huggingface_rows(source: HuggingFace, suite_file: Path, *, outside: bool) -> Rows:
    datasets, place = _package(suite_file), "huggingface.map"
    if unknown := next((field for field in source.map if field not in FIELDS), None):
        advice = nearest(unknown, FIELDS)
        raise UserFileError(suite_file, "unknown field", field=f"{place}.{unknown}", advice=advice)
    with TemporaryDirectory() as scratch:
        loaded = _loaded(datasets, source, suite_file, scratch, outside=outside)
        table = _one_split(loaded, suite_file, "huggingface.split", "name one of them")
        for field, column in source.map.items():
            if column is not None and column not in table.column_names:
                problem, advice = f"the data set has no column {column!r}", nearest(column, table.column_names)
                raise UserFileError(suite_file, problem, field=f"{place}.{field}", advice=advice)
        columns = {field: field for field in FIELDS if field in table.column_names} | source.map  # null takes none
        rows = _named(datasets, table)
        del table
    for number, (_, row) in enumerate(rows, 1):
        found = {field: row[column] for field, column in columns.items() if column in row}
        yield f"huggingface row {number}", _nested({"id": f"row-{number:06d}"} | found)


def data_set_rows(folder: Path, split: str | None = None) -> Rows:
    """The rows of a data set on this machine: a folder that ``datasets`` saved, or one of its tables."""
    datasets = _package(folder)
    with TemporaryDirectory() as scratch:
        with _loading(datasets, folder, str(folder), offline=True):
            loaded = _local_data_set(datasets, folder, scratch, {"name": None, "split": split})
        yield from _named(datasets, _one_split(loaded, folder, "", "name one with --split"))


def _package(path: Path) -> Any:
    try:
        import datasets
    except ImportError:
        problem = "the package datasets is not installed"
        raise UserFileError(path, problem, field="huggingface", advice=install_line("datasets")) from None
    return datasets


def _named(datasets: Any, table: Any) -> list[tuple[str, dict[str, Any]]]:
    """The rows of a loaded data set, numbers of class labels as the labels' names."""
    labels = {name: kind for name, kind in (table.features or {}).items() if isinstance(kind, datasets.ClassLabel)}
    rows = list(arrow_rows([table.with_format("arrow")[:]]))
    for _, row in rows:
        for name, kind in labels.items():
            if isinstance(row.get(name), int) and row[name] >= 0:
                row[name] = kind.int2str(row[name])
    return rows


def _loaded(datasets: Any, source: HuggingFace, suite_file: Path, scratch: str, *, outside: bool) -> Any:
    """What ``datasets`` loads; a local path touches neither the network nor the user's cache."""
    folder = suite_file.parent
    options: dict[str, Any] = {"name": source.name, "split": source.split}
    is_format = source.path in FORMATS
    if is_format and source.data_files is None:
        problem = f"path {source.path!r} names a format; its files are missing"
        raise UserFileError(suite_file, problem, field="huggingface.data_files", advice="add data_files: FILE")
    files = _data_files(source.data_files, suite_file, local=is_format, outside=outside)
    local = folder if is_format else path_inside(folder, source.path, suite_file, "huggingface.path", outside=outside)
    if not is_format and local.is_dir() and not outside:
        _refuse_links(local, folder, suite_file)
    if not local.exists() and source.path.startswith((".", "/", "~")):
        raise UserFileError(suite_file, f"there is no {source.path!r} next to suite.yaml", field="huggingface.path")
    with _loading(datasets, suite_file, source.path, offline=local.exists()):
        if is_format:
            options |= {"data_files": files, "cache_dir": scratch, "keep_in_memory": True}
            return datasets.load_dataset(source.path, **options)
        if local.exists():
            return _local_data_set(datasets, local, scratch, options)
        return datasets.load_dataset(source.path, data_files=files, revision=source.revision, **options)


def _local_data_set(datasets: Any, local: Path, scratch: str, options: dict[str, Any]) -> Any:
    if (local / "dataset_info.json").exists() or (local / "dataset_dict.json").exists():
        saved = datasets.load_from_disk(str(local), keep_in_memory=True)
        return saved[options["split"]] if isinstance(saved, dict) and options["split"] else saved
    return datasets.load_dataset(str(local), cache_dir=scratch, keep_in_memory=True, **options)


def _data_files(value: Any, suite_file: Path, *, local: bool, outside: bool) -> Any:
    """``data_files`` as they may be read: of a format the files in the suite's folder, else names in the data set."""
    folder, field = suite_file.parent, "huggingface.data_files"
    if isinstance(value, dict):
        return {k: _data_files(files, suite_file, local=local, outside=outside) for k, files in value.items()}
    if isinstance(value, list):
        return [_data_files(file, suite_file, local=local, outside=outside) for file in value]
    if value is None:
        return None
    name = str(value)
    if "::" in name or ("://" in name and (local or not name.startswith(("https://", "hf://")))):
        problem = f"{value!r} is an address; a path that is a format reads local files only"
        raise UserFileError(suite_file, problem, field=field, advice="download the file first")
    if not local:
        if "://" not in name:
            path_inside(folder, name, suite_file, field)  # it would be read from this machine, not from the hub
        return value
    path = path_inside(folder, name, suite_file, field, outside=outside)
    found = [path] if path.exists() else sorted(folder.glob(name))
    if not found:
        raise UserFileError(suite_file, f"there is no file {value!r}", field=field)
    files = [file for file in found if not file.is_dir()]
    for file in files:
        with open_file(file, unpack=False):  # no pipe, no device, and no file without end
            pass
    names = sorted(os.path.relpath(file, folder) for file in files)
    return [str(file_inside(folder, name, suite_file, field, outside=outside)) for name in names]


def _refuse_links(local: Path, folder: Path, suite_file: Path) -> None:
    """Refuses a local data set in which a link leads out of the suite's folder."""
    for path in (Path(place) / name for place, *inside in os.walk(local) for names in inside for name in names):
        shown = repr(path.relative_to(folder).as_posix())
        if path.is_symlink() and not _is_inside(path, folder):
            problem = f"{shown} is a link out of the suite's folder"
            raise UserFileError(suite_file, problem, field="huggingface.path", advice=ADVICE)
        if not path.is_dir() and not path.is_file():
            raise UserFileError(suite_file, f"{shown} is no file", field="huggingface.path", advice="take it out")


def _one_split(loaded: Any, path: Path, field: str, advice: str) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    problem = f"the data set has the splits {', '.join(map(str, loaded))}"
    raise UserFileError(path, problem, field=field, advice=advice)


@contextmanager
def _loading(datasets: Any, path: Path, name: str, *, offline: bool) -> Iterator[None]:
    """What goes wrong in ``datasets`` is one message; its progress bars would stand among the program's output."""
    import huggingface_hub.constants as hub

    shown, before = datasets.is_progress_bar_enabled(), (datasets.config.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE)
    datasets.disable_progress_bars()
    if offline:  # both packages read their environment once, at import, hence the settings
        datasets.config.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE = True
    try:
        yield
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, datasets.exceptions.DatasetsError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        if any(words in cause for words in ("dataset_name", "data files", "builder_name", "config_name should")):
            cause = "it holds no file that the package datasets reads"
        raise UserFileError(path, f"cannot load {name!r}: {cause}", field="huggingface") from None
    finally:
        datasets.config.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE = before
        if shown:
            datasets.enable_progress_bars()
