"""Reads the table that a user brings: finds our columns among the file's, and turns a wide table into rows."""

import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from harness.core import UsageError, UserFileError, nearest
from harness.store.importers.table_cells import TIME_WORDS, Source, texts, words_in
from harness.store.importers.table_metadata import metadata_columns
from harness.store.importers.table_words import NOTHING, SUMMARY, UNITS, Reading, plain_name, plain_word, verdicts
from harness.userfile import Loaded, table_columns, tidy

_OFTEN = {
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
}  # what other programs call our columns, as advice only: none is taken unasked
_FAULT = re.compile(r"(^|_)(errors?|exceptions?|failure_(mode|reason)|traceback)(_|$)")
_NEEDED = {"contender", "task", "passed", "score", "status", "passes", "trials"}
_AMOUNTS = ("cost_usd", "latency_s", "input_tokens", "output_tokens")
_MONEY_OF_OTHERS = re.compile(r"(^|_)(eur|euros?|gbp|cny|rmb|jpy|inr|chf)($|_)")
_UNIT_IN_NAME = {word: unit for word, unit in TIME_WORDS.items() if unit != "s" and len(word) > 1}
_UNIT_IN_NAME |= {"nanos": "ns", "cent": "cents", "cents": "cents"}


def read_source(
    path: Path, mapping: Mapping[str, str], known: Sequence[str], reading: Reading
) -> tuple[Source, list[str]]:
    """The file's columns under our names, and those left out. Raises UserFileError, UsageError: one is missing."""
    # A column that bears one of our names, in any case and with any mark for a space, is taken as it is, unless another
    # is mapped to that name.
    for ours in mapping:
        if ours not in known:
            raise UsageError(f"--map {ours}={mapping[ours]}: there is no column {ours!r}; {nearest(ours, known)}")
    told = [part for name in reading.metadata for part in (name, *map(str.strip, name.split(",")))]
    chosen = {name for theirs in (*mapping.values(), *told) for name in (theirs, tidy(theirs))}
    in_headers = {*known, *(word for often in _OFTEN.values() for word in often)}

    def keeps(name: str) -> bool:
        plain = plain_name(name)
        return reading.wide or name in chosen or plain in known or bool(_FAULT.search(plain))

    loaded = table_columns(path, lambda name: name in chosen or plain_name(name) in in_headers, keeps)
    notes = list(loaded.notes)
    taken = _taken(path, loaded, mapping, known, notes) | metadata_columns(path, loaded, reading.metadata)
    for ours, theirs in mapping.items():
        if ours in UNITS and ours not in reading.units:
            _check_unit(ours, theirs, notes)
    if not reading.wide:
        _check_columns(path, loaded, taken)
    if not len(loaded.lines):
        raise UserFileError(path, "the table has no rows")
    source = Source(
        path=path,
        frame=loaded.frame[list(taken.values())].set_axis(list(taken), axis=1),
        lines=loaded.lines,
        place=loaded.place,
        theirs=taken,
        reading=reading,
        notes=notes,
    )
    used = set(taken.values())
    if reading.wide:
        source, across = _long(source, loaded)
        used.update(across)
    else:
        _refuse_a_second_header(source)
    left_out = [name for name in dict.fromkeys(loaded.names) if name and name not in used]
    _note_left_out(loaded, left_out, taken, notes)
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
        if name in known and name not in mapped:
            taken.setdefault(name, name)
        elif name not in mapped and plain_name(name) in known:
            near.setdefault(plain_name(name), []).append(name)
    for ours, names in near.items():
        if ours in taken:
            continue
        if len(names) > 1:
            problem = f"the columns {' and '.join(map(repr, names))} could both be {ours}"
            advice = f"name one: --map {ours}={shlex.quote(names[0])}"
            raise UserFileError(path, problem, field=loaded.header, advice=advice)
        taken[ours] = names[0]
        notes.append(f"the column {names[0]!r} was taken for {ours}")
    return taken


def _check_unit(ours: str, theirs: str, notes: list[str]) -> None:
    """A mapped column whose name tells another unit than ours is not read as ours."""
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
    helpful: dict[str, str] = {}
    for ours in (*missing, *(() if results else ("passed", "score"))):
        often = [ours, *_OFTEN[ours]]
        plain = {name: plain_name(name) for name in loaded.names if name and name not in taken.values()}
        plain = {name: p if p in often else plain_name(name.rpartition(".")[2]) for name, p in plain.items()}
        close = sorted((often.index(p), name) for name, p in plain.items() if p in often)
        if close and not (ours == "score" and "passed" in helpful):
            helpful[ours] = shlex.quote(close[0][1])
    asked = [name for name in missing if name not in helpful] or ([] if missing or helpful else ["passed"])
    maps = [f"--map {ours}={theirs}" for ours, theirs in {**helpful, **dict.fromkeys(asked, "COLUMN")}.items()]
    advice = " ".join(["map it:" if len(maps) == 1 else "map them:", *maps])
    across = "contender" if "contender" in asked and "task" in taken else "task"
    if not results and across in asked and len({"contender", "task"} & set(taken)) == 1:
        advice += f", or add --wide if each other column is a {across}"
    elif loaded.header and len(loaded.names) == 1:
        advice = "part the columns with commas, semicolons, tabs or pipes"
    what = " and no column ".join(missing) if missing else "passed or score"
    there = ", ".join(name or "(no name)" for name in loaded.names[:12]) + (", …" if len(loaded.names) > 12 else "")
    problem = f"there is no column {what}; found {there or 'no column'}"
    raise UserFileError(path, problem, field=loaded.header, advice=advice)


def _refuse_a_second_header(source: Source) -> None:
    """A header that is there again with its columns in another order is no row."""
    names, frame = set(source.theirs.values()), source.frame
    if source.place != "line" or len(names) < 3:
        return
    for row in np.flatnonzero(frame["contender"].isin(names) & frame["task"].isin(names))[:1].tolist():
        if {str(frame[name].iloc[row]) for name in frame} <= names:
            problem = "the header is there again, with its columns in another order"
            raise source.fault(row, problem, "import each table by itself")


def _long(source: Source, loaded: Loaded) -> tuple[Source, list[str]]:
    """A wide table as rows: each column that is none of ours is a contender, or a task where contenders are rows."""
    import pandas as pd

    path, taken, reading = source.path, source.theirs, source.reading
    missing = [name for name in ("contender", "task") if name not in taken]
    results = [name for name in ("passed", "score", "status", "passes", "trials") if name in taken]
    if len(missing) == 2:
        index = shlex.quote(loaded.names[0]) if str(loaded.names[0]).startswith("Unnamed") else "COLUMN"
        problem, advice = "--wide: there is no column task", f"name it: --map task={index}"
        raise UserFileError(path, problem, field=loaded.header, advice=advice)
    if not missing or results:
        what = f"is a column {results[0]}" if results else "are columns contender and task"
        problem = f"--wide: there {what}, so this table is not wide"
        raise UserFileError(path, problem, field=loaded.header, advice="leave --wide out")
    names = [name for name in loaded.frame.columns if name not in taken.values()]
    raw = replace(source, frame=loaded.frame, theirs={})
    cells = {name: texts(raw, name) for name in names}
    columns = [
        name
        for name in names
        if _may_be_across(name)
        and any(_numeric([word]) or not verdicts([word], reading)[1] for word in list(words_in(cells[name]))[:1000])
    ]
    if not columns:
        problem = f"--wide: no column holds results; found {', '.join(names[:12]) or 'no other column'}"
        raise UserFileError(path, problem, field=loaded.header, advice="name the words: --true WORD --false WORD")
    long = pd.concat([source.frame.assign(value=cells[name]) for name in columns], ignore_index=True)
    long[missing[0]] = np.repeat([tidy(name) for name in columns], len(source.frame))
    there = list(words_in(long["value"]))
    kind = "score" if "score" in reading.scales or (verdicts(there, reading)[1] and _numeric(there)) else "passed"
    source.notes.append(f"--wide: {len(columns):,} columns were read as {missing[0]}s, their cells as {kind}")
    lines = np.tile(loaded.lines, len(columns))
    return replace(source, frame=long.rename(columns={"value": kind}), lines=lines, across=missing[0]), columns


def _may_be_across(name: str) -> bool:
    """Whether a column may be a contender: no index, no sum of others, and nothing that looks like one of ours."""
    plain = plain_name(name)
    amounts = [f"_{word}" for ours in _AMOUNTS for word in (ours, *_OFTEN[ours])]
    ours = any(plain in names for names in _OFTEN.values()) or plain.endswith(tuple(amounts))
    index = plain in {"", "index", "row"} or re.fullmatch(r"unnamed_\d+", plain)
    return not (ours or index or plain_word(name) in SUMMARY)


def _numeric(words: Sequence[str]) -> bool:
    return all(re.fullmatch(r"[+-]?[\d.,]*\d[\d.,]*(e[+-]?\d+)?\s*%?", word, re.IGNORECASE) for word in words)


def _note_left_out(loaded: Loaded, left_out: Sequence[str], taken: Mapping[str, str], notes: list[str]) -> None:
    """Notes columns left out that look like one of ours that is missing, or that tell of errors and are filled in."""
    alike: dict[str, str] = {}
    for name in left_out:
        for ours, often in _OFTEN.items():
            if plain_name(name) in often and ours not in taken and ours not in _NEEDED:
                alike.setdefault(ours, f"--map {ours}={shlex.quote(name)}")
    if alike:
        notes.append(f"columns that look like ours were left out; to take them in: {' '.join(alike.values())}")
    nothing = NOTHING | {"false", "0", "0.0", "no", "unset", "[]", "{}", "-"}
    advice = "a row that an error of the instrument spoilt is no failure; give it the status errored"
    for name in left_out:
        if _FAULT.search(plain_name(name)) and name in loaded.frame.columns:
            cells = loaded.frame[name].astype("string").str.strip().str.lower().fillna("")
            if filled := int((~cells.isin(nothing)).sum()):
                share = f"filled in {filled:,} of {len(loaded.frame):,} rows"
                notes.append(f"the column {name!r} was left out and is {share}: {advice}")
