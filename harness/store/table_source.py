"""Reads the table that a user brings: finds our columns among the file's, and turns a wide table into rows."""

import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.core import UsageError, UserFileError, nearest
from harness.store.table_cells import Source, texts
from harness.store.table_file import Loaded, Wanted, is_fault, kind_of, load_parquet
from harness.store.table_json import load_json
from harness.store.table_reading import UNITS, Reading, plain_name, plain_word, tidy
from harness.store.table_text import load_text
from harness.store.table_words import NOTHING, SUMMARY, verdicts

if TYPE_CHECKING:
    import pandas as pd

_OFTEN: dict[str, list[str]] = {
    ours: words.split()
    for ours, words in {
        "contender": "model model_name model_id system system_name agent agent_name method arm variant"
        " candidate llm engine",
        "task": "task_id taskid question_id questionid qid example_id item item_id instance_id instance problem"
        " problem_id sample_id prompt_id query_id doc_id test_id case case_id question example task_name id",
        "passed": "correct is_correct pass success is_success successful resolved is_resolved solved is_solved result"
        " outcome verdict ok right exact_match is_pass",
        "score": "reward accuracy acc rating points value grade",
        "trial": "attempt run seed repeat epoch iteration replicate sample_index",
        "cost_usd": "cost total_cost price usd cost_dollars total_cost_usd dollars",
        "latency_s": "latency duration time elapsed seconds latency_ms duration_ms elapsed_ms time_ms runtime wall_time"
        " latency_seconds duration_s duration_seconds time_s elapsed_s",
        "domain": "category subject area topic",
        "input_tokens": "prompt_tokens tokens_in",
        "output_tokens": "completion_tokens tokens_out",
    }.items()
}
"""What other programs call our columns, as advice only: none is taken unasked."""
_NEEDED = {"contender", "task", "passed", "score", "status", "passes", "trials"}
_AMOUNTS = ("cost_usd", "latency_s", "input_tokens", "output_tokens")
_MONEY_OF_OTHERS = re.compile(r"(^|_)(eur|euros?|gbp|cny|rmb|jpy|inr|chf)($|_)")
_UNIT_IN_NAME = {
    **dict.fromkeys(("ms", "msec", "msecs", "millis", "milliseconds"), "ms"),
    **dict.fromkeys(("us", "usec", "microseconds"), "us"),
    **dict.fromkeys(("ns", "nanoseconds", "nanos"), "ns"),
    **dict.fromkeys(("min", "mins", "minutes"), "min"),
    **dict.fromkeys(("hours", "hrs"), "h"),
    **dict.fromkeys(("cents", "cent"), "cents"),
}


def read_source(
    path: Path, mapping: Mapping[str, str], known: Sequence[str], reading: Reading
) -> tuple[Source, list[str]]:
    """The file's columns under our names, and the names of its columns that were left out.

    A column that bears one of our names, in any case and with any mark for a space, is taken as it is, unless another
    is mapped to that name.

    Raises:
        UserFileError: the file is missing, empty or broken, or lacks a column that is needed or mapped.
        UsageError: the mapping names a column that is none of ours, or the file is of another kind.
    """
    for ours in mapping:
        if ours not in known:
            raise UsageError(f"--map {ours}={mapping[ours]}: there is no column {ours!r}; {nearest(ours, known)}")
    wanted = Wanted(
        chosen=frozenset(name for theirs in mapping.values() for name in (theirs, tidy(theirs))),
        known=frozenset((*known, *(word for words in _OFTEN.values() for word in words))),
        ours=frozenset(known),
        everything=reading.wide,
    )
    kind = kind_of(path)
    if kind == "parquet":
        loaded = load_parquet(path, wanted)
    else:
        loaded = load_json(path, wanted) if kind == "json" else load_text(path, wanted, kind)
    notes = list(loaded.notes)
    taken = _taken(path, loaded, mapping, known, notes)
    _check_units(mapping, reading, notes)
    if not reading.wide:
        _check_columns(path, loaded, taken)
    if not len(loaded.lines):
        raise UserFileError(path, "the table has no rows")
    if reading.wide:
        source, used = _long(path, loaded, taken, reading, notes)
    else:
        used = list(taken.values())
        frame = loaded.frame[list(taken.values())].set_axis(list(taken), axis=1)
        source = Source(
            path=path, frame=frame, lines=loaded.lines, place=loaded.place, theirs=taken, reading=reading, notes=notes
        )
        _check_names(source)
    left_out = [name for name in dict.fromkeys(loaded.names) if name and name not in used]
    notes += [*_alike(left_out, taken), *_faults(loaded, left_out)]
    return source, left_out


def _taken(
    path: Path, loaded: Loaded, mapping: Mapping[str, str], known: Sequence[str], notes: list[str]
) -> dict[str, str]:
    """Our names and the file's."""
    taken: dict[str, str] = {}
    by_look = {tidy(name): name for name in reversed(loaded.names)}
    for ours, theirs in mapping.items():
        there = theirs if theirs in loaded.names else by_look.get(tidy(theirs))
        if there is None:
            problem = f"there is no column {theirs!r}, which {ours} is mapped to"
            raise UserFileError(path, problem, field=loaded.header, advice=nearest(theirs, filter(None, loaded.names)))
        taken[ours] = there
    mapped = set(taken.values())
    near: dict[str, list[str]] = {}
    for name in loaded.names:
        if name in mapped:
            continue
        if name in known and name not in taken:
            taken[name] = name
        elif name not in known and plain_name(name) in known:
            near.setdefault(plain_name(name), []).append(name)
    for ours, names in near.items():
        if ours not in taken:
            if len(names) > 1:
                advice = f"name one: --map {ours}={shlex.quote(names[0])}"
                problem = f"the columns {' and '.join(map(repr, names))} could both be {ours}"
                raise UserFileError(path, problem, field=loaded.header, advice=advice)
            taken[ours] = names[0]
            notes.append(f"the column {names[0]!r} was taken for {ours}")
    return taken


def _check_units(mapping: Mapping[str, str], reading: Reading, notes: list[str]) -> None:
    """A mapped column whose name tells another unit than ours is not read as ours."""
    for ours, theirs in mapping.items():
        if ours not in UNITS or ours in reading.units:
            continue
        unit = _UNIT_IN_NAME.get(plain_name(theirs).rpartition("_")[2], "")
        if unit in UNITS[ours]:
            default = "s" if ours == "latency_s" else "usd"
            problem = f"--map {ours}={theirs}: the name says {unit}"
            raise UsageError(f"{problem}; add --unit {ours}={unit}, or --unit {ours}={default} if the name is wrong")
        if ours != "latency_s" and _MONEY_OF_OTHERS.search(plain_name(theirs)):
            notes.append(f"{ours}: the numbers of {theirs!r} were taken as they are; no exchange rate was applied")


def _check_columns(path: Path, loaded: Loaded, taken: Mapping[str, str]) -> None:
    """Refuses a table without what is needed, with the mappings that would help."""
    results = {"passed", "score", "status", "passes"} & set(taken)
    missing = [name for name in ("contender", "task") if name not in taken]
    if ("passes" in taken) != ("trials" in taken) and not missing:
        raise UserFileError(path, "passes and trials go together", field=loaded.header, advice="map both, or neither")
    if not missing and results:
        return
    free = [name for name in loaded.names if name and name not in taken.values()]
    help_: list[str] = []
    for ours in (*missing, *(() if results else ("passed", "score"))):
        often = [ours, *_OFTEN[ours]]
        look = {name: plain_name(name) for name in free}
        look = {name: full if full in often else plain_name(name.rpartition(".")[2]) for name, full in look.items()}
        close = sorted((often.index(plain), name) for name, plain in look.items() if plain in often)
        if close and not (ours == "score" and any(part.startswith("--map passed=") for part in help_)):
            help_.append(f"--map {ours}={shlex.quote(close[0][1])}")
    what = " and no column ".join(missing) if missing else "passed or score"
    there = ", ".join(name or "(no name)" for name in loaded.names[:12]) + (", …" if len(loaded.names) > 12 else "")
    there = there or "no column"
    asked = [name for name in missing if not any(part.startswith(f"--map {name}=") for part in help_)]
    if not missing and not help_:
        asked = ["passed"]
    advice = " ".join(
        ["map it:" if len(help_) + len(asked) == 1 else "map them:", *help_, *(f"--map {a}=COLUMN" for a in asked)]
    )
    if "contender" in asked and "task" in taken and not results:
        advice += ", or add --wide if each other column is a contender"
    elif "task" in asked and "contender" in taken and not results:
        advice += ", or add --wide if each other column is a task"
    elif loaded.header and len(loaded.names) == 1:
        advice = "part the columns with commas, semicolons, tabs or pipes"
    raise UserFileError(path, f"there is no column {what}; found {there}", field=loaded.header, advice=advice)


def _check_names(source: Source) -> None:
    """A header that is there again with its columns in another order is no row."""
    names = set(source.theirs.values())
    if source.place != "line" or len(source.theirs) < 3:
        return
    frame = source.frame
    for row in [
        int(r) for r in (frame["contender"].isin(names) & frame["task"].isin(names)).to_numpy().nonzero()[0][:1]
    ]:
        cells = {str(frame[name].iloc[row]) for name in frame}
        if cells <= names:
            problem = "the header is there again, with its columns in another order"
            raise UserFileError(source.path, problem, field=source.at(row), advice="import each table by itself")


def _long(
    path: Path, loaded: Loaded, taken: dict[str, str], reading: Reading, notes: list[str]
) -> tuple[Source, list[str]]:
    """A wide table as rows: each column that is none of ours is a contender, or a task where contenders are rows."""
    import numpy as np
    import pandas as pd

    missing = [name for name in ("contender", "task") if name not in taken]
    results = [name for name in ("passed", "score", "status", "passes", "trials") if name in taken]
    if len(missing) != 1 or results:
        problem = (
            f"--wide: there is a column {results[0]}" if results else "--wide: there are columns contender and task"
        )
        problem = "--wide: there is no column task" if len(missing) == 2 else f"{problem}, so this table is not wide"
        index = shlex.quote(loaded.names[0]) if str(loaded.names[0]).startswith("Unnamed") else "COLUMN"
        advice = f"name it: --map task={index}" if len(missing) == 2 else "leave --wide out"
        raise UserFileError(path, problem, field=loaded.header, advice=advice)
    across = missing[0]
    names = [name for name in loaded.frame.columns if name not in taken.values()]
    raw = Source(
        path=path, frame=loaded.frame, lines=loaded.lines, place=loaded.place, theirs={}, reading=reading, notes=notes
    )
    cells = {name: texts(raw, name) for name in names}
    columns = [name for name in names if _may_be_across(name) and _holds_results(cells[name], reading)]
    if not columns:
        raise UserFileError(
            path,
            f"--wide: no column holds results; found {', '.join(names[:12]) or 'no other column'}",
            field=loaded.header,
            advice="name the words: --true WORD --false WORD",
        )
    base = loaded.frame[list(taken.values())].set_axis(list(taken), axis=1)
    parts = [base.assign(value=cells[name]) for name in columns]
    long: pd.DataFrame = pd.concat(parts, ignore_index=True)
    long[across] = np.repeat([tidy(name) for name in columns], len(base))
    there = [word for word in long["value"].dropna().unique() if word.lower() not in NOTHING]
    kind = "score" if "score" in reading.scales or (verdicts(there, reading)[1] and _numeric(there)) else "passed"
    long = long.rename(columns={"value": kind})
    notes.append(f"--wide: {len(columns):,} columns were read as {across}s, their cells as {kind}")
    lines = np.tile(loaded.lines, len(columns))
    source = Source(
        path=path,
        frame=long,
        lines=lines,
        place=loaded.place,
        theirs=taken,
        reading=reading,
        across=across,
        notes=notes,
    )
    return source, [*taken.values(), *columns]


def _may_be_across(name: str) -> bool:
    """Whether a column may be a contender: no index, no sum of others, and nothing that looks like one of ours."""
    plain = plain_name(name)
    often = any(plain in names for names in _OFTEN.values()) or any(
        plain.endswith(f"_{word}") for ours in _AMOUNTS for word in (ours, *_OFTEN[ours])
    )
    return not (
        often or plain in {"", "index", "row"} or re.match(r"unnamed_\d+$", plain) or plain_word(name) in SUMMARY
    )


def _holds_results(cells: "pd.Series[Any]", reading: Reading) -> bool:
    there = [word for word in cells.dropna().unique() if word.lower() not in NOTHING]
    return any(_numeric([word]) or not verdicts([word], reading)[1] for word in there[:1000])


def _numeric(words: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*(e[+-]?\d+)?\s*%?", word, re.IGNORECASE) for word in words)


def _alike(left_out: Sequence[str], taken: Mapping[str, str]) -> list[str]:
    """A note on columns that were left out and look like one of ours that is missing."""
    found: dict[str, str] = {}
    for name in left_out:
        for ours, theirs in _OFTEN.items():
            if plain_name(name) in theirs and ours not in taken and ours not in _NEEDED:
                found.setdefault(ours, f"--map {ours}={shlex.quote(name)}")
    return [f"columns that look like ours were left out; to take them in: {' '.join(found.values())}"] if found else []


def _faults(loaded: Loaded, left_out: Sequence[str]) -> list[str]:
    """A note on each column that tells of errors and was left out with something in it."""
    nothing = NOTHING | {"false", "0", "0.0", "no", "unset", "[]", "{}", "-"}
    notes = []
    for name in left_out:
        if is_fault(name) and name in loaded.frame.columns:
            filled = int((~loaded.frame[name].astype("string").str.strip().str.lower().fillna("").isin(nothing)).sum())
            if filled:
                text = f"the column {name!r} was left out and is filled in {filled:,} of {len(loaded.frame):,} rows"
                notes.append(
                    f"{text}: a row that an error of the instrument spoilt is no failure; give it the status errored"
                )
    return notes
