"""What contenders did with tools: counts by hand from a table of actions, and none where nothing was done."""

import pyarrow as pa
import pyarrow.parquet as pq

from harness.analysis import scoreboard
from harness.report import write_report
from harness.store.columns import ACTIONS, schema


def rows():
    return [
        {"contender": c, "task": t, "status": "passed", "attempt_id": f"{c}-{t}"} for c in "ab" for t in ("t1", "t2")
    ]


def act(attempt, tool="bash", *, allowed=True, exit_code=None, cause=""):
    given = {"attempt_id": attempt, "turn": 1, "tool": tool, "allowed": allowed, "exit_code": exit_code, "cause": cause}
    return dict.fromkeys(ACTIONS) | given


def test_actions_are_counted_by_contender_and_tool(make_report):
    report = make_report(rows())
    did = [
        act("a-t1", exit_code=0),
        act("a-t1", exit_code=2),
        act("a-t2", allowed=False),
        act("a-t2", cause="timeout", exit_code=-9),
        act("a-t2", "read_file"),
        act("nobody", exit_code=1),  # of an attempt that is not graded
    ]
    pq.write_table(pa.Table.from_pylist(did, schema=schema(ACTIONS)), report / "actions.parquet")
    found = [
        (a.contender, a.tool, a.attempts, a.with_one, a.actions, a.refused, a.failed, a.stopped)
        for a in scoreboard(report).actions
    ]
    assert found == [("a", "bash", 2, 2, 4, 1, 1, 1), ("a", "read_file", 2, 1, 1, 0, 0, 0)]
    write_report(report)
    assert "What was done with tools" in (report / "report.md").read_text()


def test_nothing_is_said_where_no_tool_was_used(make_report):
    report = make_report(rows())
    assert scoreboard(report).actions == ()
    write_report(report)
    assert "What was done with tools" not in (report / "report.md").read_text()
