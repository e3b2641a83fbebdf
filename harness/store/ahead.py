"""Reading the columns of a report while the program is still loading the rest of itself."""

import threading
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.store.columns import OUTCOMES_FILE, Ahead, OutcomeFile
from harness.store.words import Words, words_in

if TYPE_CHECKING:
    import pyarrow as pa

COLUMNS = ("contender", "suite", "suite_digest", "task", "task_digest", "status", "passed", "domain", "cluster",
           "trial", "split", "score", "cost_usd", "confidence", "escalated")  # fmt: skip
WORDS = ("task_digest", "task", "contender", "status", "suite_digest", "domain", "cluster")  # the longest first
ROWS = 4_000_000  # of a larger file the columns may not all fit beside one another
_under_way: dict[Path, tuple[threading.Thread, list[tuple[Any, Ahead]]]] = {}


def read_ahead(report: Path) -> None:
    """Starts to read what every table of sums needs; whoever loads the report next takes it from `read_before`.

    What is wrong with the file is said there.
    """
    found: list[tuple[Any, Ahead]] = []

    def read() -> None:
        with suppress(Exception):
            file = OutcomeFile(report)
            if file.rows <= ROWS:
                read = file.read([name for name in COLUMNS if file.holds(name)])
                columns = dict(zip(read.column_names, read.columns, strict=True))
                words = _words(columns)
                found.append((file.stamp, Ahead(columns, words)))

    thread = threading.Thread(target=read, daemon=True)
    _under_way[report / OUTCOMES_FILE] = thread, found
    thread.start()


def _words(columns: "dict[str, pa.ChunkedArray]") -> dict[str, Words]:
    alike = "task" in columns and "cluster" in columns and columns["cluster"].equals(columns["task"])
    names = [name for name in WORDS if name in columns and not (alike and name == "cluster")]
    with ThreadPoolExecutor(2) as pool:
        words = dict(zip(names, pool.map(lambda name: words_in(columns[name]), names), strict=True))
    return words | ({"cluster": words["task"]} if alike else {})  # each task by itself


def read_before(file: OutcomeFile) -> Ahead:
    """What was read ahead of this very file."""
    thread, found = _under_way.pop(file.path, (None, []))
    if thread is not None:
        thread.join()
    return next((ahead for stamp, ahead in found if stamp == file.stamp), Ahead())
