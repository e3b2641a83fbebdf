"""The vocabulary that every room shares: frozen records, enums, digests, the error tree, seams for clock and chance.

Standard library only; imports nothing of the project.
"""

from harness.core.digest import attempt_id, digest_bytes, digest_folder, digest_json, digest_text
from harness.core.errors import (
    UNBILLED,
    EvidenceError,
    Fault,
    ModelError,
    OwnbenchError,
    StorageError,
    UsageError,
    UserFileError,
    fault_of,
    nearest,
)
from harness.core.extras import install_line
from harness.core.files import disk_is_full, is_at, keeping, unkept, write_atomic
from harness.core.finish import FAILED, LENGTH, MALFORMED, REFUSED, finish_meant
from harness.core.judged import Comparison, Estimate, Manifest
from harness.core.lookalike import difference, skeleton, unseen
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
    "UNBILLED",
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
    "StorageError",
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
    "difference",
    "digest_bytes",
    "digest_folder",
    "digest_json",
    "digest_text",
    "disk_is_full",
    "fault_of",
    "finish_meant",
    "holds_secret",
    "install_line",
    "is_at",
    "keeping",
    "nearest",
    "seeded",
    "skeleton",
    "unkept",
    "unseen",
    "write_atomic",
]
