"""The tables of a long run, written while it goes on: what is made is written as soon as it is enough."""

import copy
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from harness.experiment import Attempt
from harness.store import Compaction, Plan, Recalled, remove_parts

LEAST = 20_000  # attempts that are written at once; a run of fewer than two such parts writes its tables at the end
LOOK_EVERY_S = 1.0
_SWITCH_S = 0.001  # the longest that calls wait for the interpreter while rows are made


def is_long(todo: Sequence[Attempt]) -> bool:
    """Whether a run is worth it."""
    return len(todo) >= 2 * LEAST


class Following:
    """Within it a thread follows the journal of this process. Until the tables are put in place they are aside.

    They are in the order of the plan, in which attempts are mostly made: it goes as far as nothing is missing. What it
    cannot do for whatever reason is left to the end of the run.
    """

    def __init__(self, report: Path, plan: Plan, held: Recalled, todo: Sequence[int], made: Callable[[], int]) -> None:
        """``held`` is what is on record, ``todo`` the places of attempts that are to be made, ``made`` how many are."""
        self.held: Recalled | None = copy.deepcopy(held)  # that one is read by the run meanwhile
        self.tables: Compaction | None = None
        self._report, self._plan, self._made, self._seen = report, plan, made, 0
        self._waited = np.zeros(len(plan.ids), dtype=bool)
        self._waited[list(todo)] = True
        self._new = len(held.attempt_lines)  # the row of the first attempt that is made from now on
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="tables", daemon=True)

    def __enter__(self) -> Self:
        remove_parts(self._report)
        self._switch = sys.getswitchinterval()
        sys.setswitchinterval(_SWITCH_S)
        self._thread.start()
        return self

    def __exit__(self, *error: Any) -> None:
        self.stop()
        self._drop()

    def stop(self) -> None:
        """Nothing more is written from now on. A second call does nothing."""
        self._over.set()
        self._thread.join()
        sys.setswitchinterval(self._switch)

    def _follow(self) -> None:
        try:
            while not self._over.wait(LOOK_EVERY_S):
                if (made := self._made()) - self._seen >= max(LEAST, made // 8):  # what is read is sorted each time
                    self._seen = made
                    self._write()
        except Exception:  # noqa: BLE001 - the end of the run reads and writes all, and says what is in the way
            self._drop()
            self.held = None

    def _write(self) -> None:
        held, ids = self.held, self._plan.ids
        if held is None or held.read_on(actions=False) is not held:
            raise RuntimeError("the journal is another")
        if self.tables is None:
            self.tables = Compaction(self._report, self._plan, held)
        end = at = self.tables.written
        while at == end < len(ids):
            rows = held.rows(ids[at : at + LEAST])
            fresh = (rows >= self._new) | ~self._waited[at : at + LEAST]
            settled = [
                on is not None and on.is_done and new for on, new in zip(held.kinds.at(rows), fresh, strict=True)
            ]
            end = at + (settled.index(False) if False in settled else len(settled))
            at += LEAST
        if end > self.tables.written:
            self.tables.advance(end)

    def _drop(self) -> None:
        if self.tables is not None:
            self.tables.close()
            self.tables = None
