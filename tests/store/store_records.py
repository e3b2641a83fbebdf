"""Records for the tests of this room."""

from datetime import UTC, datetime
from typing import Any

from harness.core import Call, Cost, Kind, Outcome, Reply, Role, Status, ToolCall, Usage, attempt_id


def outcome(number: int = 0, **changes: Any) -> Outcome:
    """The outcome of the attempt at task ``number``."""
    fields: dict[str, Any] = {
        "report": "r",
        "suite": "s",
        "suite_digest": "sd",
        "contender": "c",
        "contender_kind": Kind.MODEL,
        "contender_digest": "cd",
        "task": f"t{number}",
        "task_digest": f"td{number}",
        "domain": "d",
        "cluster": f"t{number}",
        "split": None,
        "trial": 0,
        "status": Status.PASSED,
        "passed": True,
        "score": 1.0,
        "skills_shown": ("a", "b"),
        "cost_usd": 0.25,
        "cost_basis": "tokens",
        "calls": 1,
        "started_at": datetime(2026, 1, 2, 3, 4, 5, 678901, UTC),
        "attempt_id": attempt_id("cd", f"td{number}", 0),
    }
    return Outcome(**(fields | changes))


def call(number: int = 0, **changes: Any) -> Call:
    """A call made for that attempt."""
    fields: dict[str, Any] = {
        "attempt_id": attempt_id("cd", f"td{number}", 0),
        "role": Role.ANSWER,
        "model": "m",
        "request_digest": f"rq{number}",
        "usage": Usage(input=10, output=3, source="provider"),
        "cost": Cost(usd=0.25, basis="tokens", price_date="2026-01-01"),
        "latency_s": 0.5,
        "signals": {"logprob_mean": -0.25, "margin": 0.5},
        "started_at": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC),
    }
    return Call(**(fields | changes))


def reply(number: int = 0, **changes: Any) -> Reply:
    """The reply to that call."""
    fields: dict[str, Any] = {
        "text": f"answer {number}",
        "tool_calls": (ToolCall(id="1", name="open_skill", arguments={"name": "x"}, raw="{}"),),
        "usage": Usage(input=10, output=3, source="provider"),
        "signals": {"logprob_mean": -0.25},
    }
    return Reply(**(fields | changes))
