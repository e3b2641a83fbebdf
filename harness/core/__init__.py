"""The vocabulary that every room shares: records, enums, digests, errors, seams. Standard library and orjson only."""

from typing import TYPE_CHECKING

from harness.core.door import lazy_door

if TYPE_CHECKING:
    from harness.core.boxes import (
        SKILLS,
        WORK,
        Acted,
        Action,
        Box,
        Done,
        Environment,
        Image,
        Limits,
        Result,
        SkillFolder,
    )
    from harness.core.errors import (
        UNBILLED,
        BoxContentError,
        BoxError,
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
    from harness.core.files import (
        disk_is_full,
        folder_aside,
        is_at,
        keeping,
        replacing,
        replacing_folder,
        stands,
        unkept,
        write_atomic,
    )
    from harness.core.finish import FAILED, LENGTH, MALFORMED, REFUSED, finish_meant
    from harness.core.lookalike import difference, skeleton, unseen, visible
    from harness.core.manifest import (
        ContenderRecord,
        Described,
        JudgeRecord,
        Manifest,
        ModelRecord,
        SuiteRecord,
        is_general,
        kin_note,
        kinship,
    )
    from harness.core.numbers import (
        NO_PASSES,
        NO_SPREAD,
        NOT_KNOWN,
        NOTHING_PASSED,
        UNKNOWN,
        amount_of,
        amount_text,
        chance,
        cost_words,
        disagreement,
        dollars,
        dollars_interval,
        is_number,
        is_shown,
        listed,
        many_of,
        moment,
        no_width,
        number,
        p_equation,
        p_text,
        percent,
        percent_interval,
        plural,
        points,
        points_interval,
        round_dollars,
        seconds,
        spread_points,
    )
    from harness.core.offline import is_this_machine, stay_offline
    from harness.core.patterns import late
    from harness.core.plain import (
        Groups,
        as_json,
        attempt_id,
        digest_bytes,
        digest_file,
        digest_folder,
        digest_json,
        digest_list,
        digest_text,
        is_deep,
        known_sum,
    )
    from harness.core.records import (
        DROPPED,
        Answer,
        Call,
        Comparison,
        Contender,
        Cost,
        Estimate,
        Grade,
        ModelSpec,
        Outcome,
        Price,
        Reply,
        Request,
        ToolCall,
        Tuned,
        Usage,
    )
    from harness.core.redact import Redactor, holds_secret
    from harness.core.registry import Registry, install_line
    from harness.core.seams import Clock, Grader, Remaining, Session, seeded
    from harness.core.tasks import Message, PromptTemplate, RenderedPrompt, Suite, Task, Tool
    from harness.core.words import Cause, Decision, Exposure, Kind, Role, Status
else:
    __getattr__, __dir__ = lazy_door(__name__)
