"""Reads the table that a user brings, and its cells: numbers, truth values and words, however they were written."""

import csv
import gzip
import io
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UsageError, UserFileError, nearest

if TYPE_CHECKING:
    import pandas as pd

_TRUE = frozenset({"true", "1", "1.0", "yes", "passed", "pass"})
_FALSE = frozenset({"false", "0", "0.0", "no", "failed", "fail"})
_NOTHING = frozenset({"", "na", "n/a", "nan", "null", "none", "<na>"})
_KINDS = ".parquet, .csv, .csv.gz, .tsv or .tsv.gz"


def read_source(path: Path, mapping: Mapping[str, str], known: tuple[str, ...]) -> tuple["pd.DataFrame", list[str]]:
    """The file's columns under our names, and the names of its columns that were left out.

    A column that bears one of our names is taken as it is, unless another is mapped to that name.

    Raises:
        UserFileError: the file is missing, empty or broken, or has no column that the mapping names.
        UsageError: the mapping names a column that is none of ours, or the file is of another kind.
    """
    for ours in mapping:
        if ours not in known:
            raise UsageError(f"--map {ours}={mapping[ours]}: there is no column {ours!r}; {nearest(ours, known)}")
    frame = _parquet(path) if path.suffix == ".parquet" else _text(path)
    found = [str(name) for name in frame.columns]
    for ours, theirs in mapping.items():
        if theirs not in found:
            problem = f"there is no column {theirs!r}, which {ours} is mapped to"
            raise UserFileError(path, problem, advice=nearest(theirs, found))
    taken = dict(mapping)
    for name in found:
        if name in known and name not in taken and name not in mapping.values():
            taken[name] = name
    left_out = [name for name in found if name not in taken.values()]
    if not len(frame):
        raise UserFileError(path, "the table has no rows")
    return frame[list(taken.values())].set_axis(list(taken), axis=1), left_out


def words(column: "pd.Series[Any]", *, name: str, path: Path, needed: bool = False) -> "pd.Series[Any]":
    """Texts without the space around them, whole numbers without a decimal point; null where empty.

    Raises:
        UserFileError: ``needed``, and a row is empty.
    """
    import pandas as pd

    if pd.api.types.is_float_dtype(column.dtype):
        whole = column.dropna() % 1 == 0
        column = column.astype("Int64") if whole.all() else column
    texts = column.astype("string").str.strip()
    texts = texts.mask(texts.str.len() == 0)
    if needed and texts.isna().any():
        raise UserFileError(path, f"the {name} is empty", field=f"row {_first(texts.isna())}", advice="fill it in")
    return texts.astype(object).where(texts.notna(), None)


def numbers(
    column: "pd.Series[Any]",
    *,
    name: str,
    path: Path,
    low: float = 0.0,
    high: float = float("inf"),
    whole: bool = False,
) -> "pd.Series[float]":
    """Floats from ``low`` to ``high``; NaN where unknown.

    Raises:
        UserFileError: a cell is no number, or lies outside; names the row.
    """
    import numpy as np
    import pandas as pd

    if pd.api.types.is_numeric_dtype(column.dtype) or pd.api.types.is_bool_dtype(column.dtype):
        values = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    else:
        texts = column.astype("string").str.strip()
        empty = texts.isna() | texts.str.lower().isin(_NOTHING)
        values = pd.to_numeric(texts.mask(empty), errors="coerce").to_numpy(dtype=np.float64, na_value=np.nan)
        wrong = np.isnan(values) & ~empty.to_numpy(dtype=bool)
        if wrong.any():
            row = int(np.argmax(wrong))
            problem = f"found {str(column.iloc[row])[:60]!r}"
            raise UserFileError(path, problem, field=f"row {row + 1}, {name}", advice="needed: a number")
    if whole:
        wrong = ~np.isnan(values) & (values % 1 != 0)
        _refuse(wrong, values, name, path, "a whole number")
    wrong = (values < low) | (values > high) | np.isinf(values)
    bounds = "" if low == -np.inf else f" from {low:g}" + (f" to {high:g}" if high < np.inf else "")
    _refuse(wrong, values, name, path, f"a finite number{bounds}")
    return pd.Series(values, index=column.index)


def truths(column: "pd.Series[Any]", *, name: str, path: Path) -> "pd.Series[float]":
    """1.0, 0.0, or NaN where unknown.

    Raises:
        UserFileError: a cell is neither; names the row.
    """
    import numpy as np
    import pandas as pd

    texts = column.astype("string").str.strip().str.lower()
    values = np.full(len(texts), np.nan)
    values[texts.isin(_TRUE).to_numpy(dtype=bool)] = 1.0
    values[texts.isin(_FALSE).to_numpy(dtype=bool)] = 0.0
    empty = (texts.isna() | texts.isin(_NOTHING)).to_numpy(dtype=bool)
    wrong = np.isnan(values) & ~empty
    if wrong.any():
        row = int(np.argmax(wrong))
        advice = "needed: true or false, 1 or 0; map a fraction to score"
        raise UserFileError(path, f"found {texts.iloc[row][:60]!r}", field=f"row {row + 1}, {name}", advice=advice)
    return pd.Series(values, index=column.index)


def _refuse(wrong: Any, values: Any, name: str, path: Path, needed: str) -> None:
    if wrong.any():
        row = int(wrong.argmax())
        raise UserFileError(path, f"found {values[row]:g}", field=f"row {row + 1}, {name}", advice=f"needed: {needed}")


def _first(mask: "pd.Series[bool]") -> int:
    """The number of the first row, from 1, where ``mask`` holds."""
    return int(mask.to_numpy(dtype=bool).argmax()) + 1


def _parquet(path: Path) -> "pd.DataFrame":
    import pyarrow as pa
    import pyarrow.parquet as pq

    _must_exist(path)
    try:
        frame: pd.DataFrame = pq.read_table(path).to_pandas()
    except (pa.ArrowException, OSError, ValueError) as error:
        raise UserFileError(path, f"not a readable Parquet file: {str(error).splitlines()[0]}") from None
    return frame.reset_index(drop=True)


def _text(path: Path) -> "pd.DataFrame":
    """A CSV or TSV with every cell as text: 007 stays 007."""
    import pandas as pd

    endings = "".join(path.suffixes[-2:]).lower() if path.suffix.lower() == ".gz" else path.suffix.lower()
    if endings not in {".csv", ".csv.gz", ".tsv", ".tsv.gz"}:
        raise UsageError(f"{path}: cannot tell what kind of table this is; give a file that ends in {_KINDS}")
    _must_exist(path)
    try:
        data = gzip.decompress(path.read_bytes()) if endings.endswith(".gz") else path.read_bytes()
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserFileError(path, f"not UTF-8 at byte {error.start}", advice="save it as UTF-8") from None
    except (OSError, EOFError) as error:
        raise UserFileError(path, f"cannot be read: {error}") from None
    head = text.partition("\n")[0]
    mark = "\t" if endings.startswith(".tsv") else ";" if ";" in head and "," not in head else ","
    names = [name.strip() for name in next(csv.reader([head.rstrip("\r")], delimiter=mark), [])]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise UserFileError(path, f"the column {twice[0]!r} is there twice", advice="rename one")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)  # a row with more cells than the header
            return pd.read_csv(
                io.StringIO(text), sep=mark, dtype=str, keep_default_na=False, header=0, names=names, index_col=False
            )
    except (pd.errors.ParserError, pd.errors.ParserWarning, pd.errors.EmptyDataError, ValueError) as error:
        what = (str(error).splitlines() or ["it is empty"])[0]
        raise UserFileError(path, f"not a readable table: {what}") from None


def _must_exist(path: Path) -> None:
    if path.is_dir():
        raise UserFileError(path, "this is a folder, a table is needed", advice=f"give a file that ends in {_KINDS}")
    if not path.is_file():
        names = [p.name for p in path.parent.iterdir() if p.is_file()] if path.parent.is_dir() else []
        raise UserFileError(path, "there is no such file", advice=nearest(path.name, names[:40]))
