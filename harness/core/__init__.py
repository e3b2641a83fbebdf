"""The vocabulary that every room shares: frozen records, enums, digests, the error tree, seams for clock and chance.

Standard library only; imports nothing of the project.
"""

from harness.core.digest import attempt_id, digest_bytes, digest_folder, digest_json, digest_text
from harness.core.errors import (
    EvidenceError,
    Fault,
    ModelError,
    OwnbenchError,
    UsageError,
    UserFileError,
    fault_of,
    nearest,
)
from harness.core.files import write_atomic
from harness.core.finish import FAILED, LENGTH, MALFORMED, REFUSED, finish_meant
from harness.core.judged import Comparison, Estimate, Manifest
from harness.core.offline import is_this_machine, stay_offline
from harness.core.plain import as_json
from harness.core.records import (
    Answer,
    Call,
    Contender,
    Cost,
    Grade,
    Message,
    ModelSpec,
    Outcome,
    Price,
    Reply,
    Request,
    Suite,
    Task,
    Tool,
    ToolCall,
    Usage,
)
from harness.core.redact import Redactor, holds_secret
from harness.core.seams import Clock, ManualClock, SystemClock, seeded
from harness.core.words import Cause, Decision, Kind, Role, Status

__all__ = [
    "FAILED",
    "LENGTH",
    "MALFORMED",
    "REFUSED",
    "Answer",
    "Call",
    "Cause",
    "Clock",
    "Comparison",
    "Contender",
    "Cost",
    "Decision",
    "Estimate",
    "EvidenceError",
    "Fault",
    "Grade",
    "Kind",
    "Manifest",
    "ManualClock",
    "Message",
    "ModelError",
    "ModelSpec",
    "Outcome",
    "OwnbenchError",
    "Price",
    "Redactor",
    "Reply",
    "Request",
    "Role",
    "Status",
    "Suite",
    "SystemClock",
    "Task",
    "Tool",
    "ToolCall",
    "Usage",
    "UsageError",
    "UserFileError",
    "as_json",
    "attempt_id",
    "digest_bytes",
    "digest_folder",
    "digest_json",
    "digest_text",
    "fault_of",
    "finish_meant",
    "holds_secret",
    "is_this_machine",
    "nearest",
    "seeded",
    "stay_offline",
    "write_atomic",
]
