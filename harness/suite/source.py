"""Where a suite's tasks come from: JSON lines, Parquet, or whatever the package ``datasets`` reads."""

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from harness.core import UserFileError, install_line, nearest
from harness.suite.schema import FIELDS, HuggingFace, SuiteFile
from harness.userfile import read_json_lines

Rows = Iterator[tuple[str, dict[str, Any]]]
"""Where a row stands in its file (``line 3``, ``row 3``; from 1), and the row."""

FORMATS = ("csv", "json", "parquet", "text")


def task_rows(suite: SuiteFile, suite_file: Path) -> tuple[Path, Rows]:
    """The file that holds the tasks, to be named in messages, and its rows."""
    if suite.huggingface is not None:
        return suite_file, _huggingface_rows(suite.huggingface, suite_file)
    path = suite_file.parent / str(suite.tasks)
    if path.suffix == ".jsonl":
        return path, ((f"line {number}", row) for number, row in read_json_lines(path))
    if path.suffix == ".parquet":
        return path, _parquet_rows(path)
    problem = f"tasks must be a .jsonl or a .parquet file, found {suite.tasks!r}"
    raise UserFileError(suite_file, problem, field="tasks")


def _parquet_rows(path: Path) -> Rows:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except FileNotFoundError:
        raise UserFileError(path, "there is no such file") from None
    except (pa.ArrowException, OSError) as error:
        raise UserFileError(path, f"not a Parquet file: {str(error).splitlines()[0]}") from None
    for number, row in enumerate(table.to_pylist(), 1):
        yield f"row {number}", _from_table(row)


def _from_table(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose empty cells are absent, and whose nested fields may stand as JSON in a text column."""
    found = {key: value for key, value in row.items() if value is not None}
    for key in ("grader", "metadata", "files"):
        if isinstance(found.get(key), str) and found[key].lstrip()[:1] in {"{", "["}:
            with suppress(ValueError):  # then it stays a text, and the schema says what is wrong with it
                found[key] = json.loads(found[key])
    if isinstance(found.get("grader"), dict):
        found["grader"] = {k: v for k, v in found["grader"].items() if v is not None}
    if isinstance(found.get("input"), list):
        found["input"] = [
            {k: v for k, v in part.items() if v is not None} if isinstance(part, dict) else part
            for part in found["input"]
        ]
    return found


def _huggingface_rows(source: HuggingFace, suite_file: Path) -> Rows:
    try:
        import datasets
    except ImportError:
        problem = "the package datasets is not installed"
        raise UserFileError(suite_file, problem, field="huggingface", advice=install_line("datasets")) from None
    for field in source.map:
        if field not in FIELDS:
            raise UserFileError(
                suite_file, "unknown field", field=f"huggingface.map.{field}", advice=nearest(field, FIELDS)
            )
    with TemporaryDirectory() as scratch:
        table = _one_split(_loaded(datasets, source, suite_file, scratch), suite_file)
        columns = _columns(source, list(table.column_names), suite_file)
        labels = {
            column: feature
            for column, feature in (table.features or {}).items()
            if isinstance(feature, datasets.ClassLabel)
        }
        rows = table.with_format(None).to_list()
        del table
    for number, row in enumerate(rows, 1):
        found = {
            field: labels[column].int2str(row[column])
            if column in labels and isinstance(row[column], int) and row[column] >= 0
            else row[column]
            for field, column in columns.items()
        }
        found.setdefault("id", f"row-{number:06d}")
        yield f"huggingface row {number}", _from_table(found)


def _columns(source: HuggingFace, present: list[str], suite_file: Path) -> dict[str, str]:
    """Which column holds which field: as mapped, else the column of the field's own name; null takes none."""
    for field, column in source.map.items():
        if column is not None and column not in present:
            raise UserFileError(
                suite_file,
                f"the data set has no column {column!r}",
                field=f"huggingface.map.{field}",
                advice=nearest(column, present),
            )
    own = {field: field for field in FIELDS if field in present}
    return {field: column for field, column in (own | source.map).items() if column is not None}


def _loaded(datasets: Any, source: HuggingFace, suite_file: Path, scratch: str) -> Any:
    """What ``datasets`` loads; a local path touches neither the network nor the user's cache."""
    folder = suite_file.parent
    local = folder / source.path
    options: dict[str, Any] = {"name": source.name, "split": source.split}
    try:
        if source.path in FORMATS:
            if source.data_files is None:
                problem = f"path {source.path!r} names a format; its files are missing"
                raise UserFileError(suite_file, problem, field="huggingface.data_files", advice="add data_files: FILE")
            files = _local_files(source.data_files, folder, suite_file)
            with _offline(datasets):
                return datasets.load_dataset(
                    source.path, data_files=files, cache_dir=scratch, keep_in_memory=True, **options
                )
        if local.exists():
            with _offline(datasets):
                if (local / "dataset_info.json").exists() or (local / "dataset_dict.json").exists():
                    saved = datasets.load_from_disk(str(local), keep_in_memory=True)
                    return saved[source.split] if isinstance(saved, dict) and source.split else saved
                return datasets.load_dataset(str(local), cache_dir=scratch, keep_in_memory=True, **options)
        if source.path.startswith((".", "/", "~")):
            raise UserFileError(suite_file, f"there is no {source.path!r} beside suite.yaml", field="huggingface.path")
        with _quiet(datasets):
            return datasets.load_dataset(source.path, data_files=source.data_files, revision=source.revision, **options)
    except (OSError, ValueError, RuntimeError, LookupError, TypeError, datasets.exceptions.DatasetsError) as error:
        cause = (str(error).splitlines() or [type(error).__name__])[0]
        raise UserFileError(suite_file, f"cannot load {source.path!r}: {cause}", field="huggingface") from None


def _local_files(value: Any, folder: Path, suite_file: Path) -> Any:
    """``data_files`` relative to the suite's folder; an address is refused, since a format by itself is local."""
    if isinstance(value, dict):
        return {key: _local_files(files, folder, suite_file) for key, files in value.items()}
    if isinstance(value, list):
        return [_local_files(file, folder, suite_file) for file in value]
    if "://" in str(value):
        problem = f"{value!r} is an address; a path that is a format reads local files only"
        raise UserFileError(suite_file, problem, field="huggingface.data_files", advice="download the file first")
    path = folder / str(value)
    if not path.exists() and not any(mark in str(value) for mark in "*?["):
        raise UserFileError(suite_file, f"there is no file {value!r}", field="huggingface.data_files")
    return str(path)


def _one_split(loaded: Any, suite_file: Path) -> Any:
    if not isinstance(loaded, dict):
        return loaded
    if len(loaded) == 1:
        return next(iter(loaded.values()))
    problem = f"the data set has the splits {', '.join(map(str, loaded))}"
    raise UserFileError(suite_file, problem, field="huggingface.split", advice="name one of them")


@contextmanager
def _quiet(datasets: Any) -> Iterator[None]:
    """No progress bars, for a while: standard output and error belong to the program."""
    shown = datasets.is_progress_bar_enabled()
    datasets.disable_progress_bars()
    try:
        yield
    finally:
        if shown:
            datasets.enable_progress_bars()


@contextmanager
def _offline(datasets: Any) -> Iterator[None]:
    """The network is off, for a while. Both packages read their environment once, at import, hence the settings."""
    import huggingface_hub.constants as hub

    before = datasets.config.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE
    datasets.config.HF_HUB_OFFLINE = hub.HF_HUB_OFFLINE = True
    try:
        with _quiet(datasets):
            yield
    finally:
        datasets.config.HF_HUB_OFFLINE, hub.HF_HUB_OFFLINE = before
