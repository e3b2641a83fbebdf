"""The run folder, all that running and judging share: the experiment, the journal, the tables that are judged."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.store.ahead import read_ahead
    from harness.store.browse import (
        AGREEMENTS,
        FLIPS,
        AttemptRow,
        TaskCell,
        TaskFilter,
        TaskRow,
        attempt_columns,
        attempt_of,
        attempt_rows,
        attempts_of,
        find_tasks,
        matching_rows,
        tasks_in,
        words_found,
    )
    from harness.store.browse_answers import (
        Answered,
        AnswerSearch,
        read_answers,
        read_attempt_actions,
        search_answers,
    )
    from harness.store.browse_records import (
        NO_TRANSCRIPTS,
        InputSearch,
        input_text,
        message_text,
        read_attempt_calls,
        read_inputs,
        read_outcome,
        search_inputs,
    )
    from harness.store.cache import AnswerCache
    from harness.store.charged import read_charged_calls
    from harness.store.columns import OUTCOMES, OUTCOMES_FILE
    from harness.store.compacting import PLANNED, Compaction, Plan, compact, remove_parts
    from harness.store.folders import REMEDY, TELLING, is_report, refuse_no_report, reports_inside
    from harness.store.importers import IMPORTERS, Importer, ImportSummary, Option, importer
    from harness.store.importers.table import import_table
    from harness.store.importers.table_words import Reading, parse_mapping, parse_scales, parse_units
    from harness.store.journal import Journal, running_process, wait_for_workers
    from harness.store.lines import get_ready, read_actions_journal, read_calls_journal
    from harness.store.live import is_behind, recorded, so_far, stands_for
    from harness.store.manifest import (
        Economics,
        as_asked,
        described,
        evidence_digest,
        experiment_file,
        installed_versions,
        load_settings,
        locked_parts,
        missing_manifest,
        model_sourcing,
        read_manifest,
        sourced,
        this_machine,
        unread,
        with_terms,
        write_manifest,
    )
    from harness.store.outcomes import ERRORED, GRADED, PARTLY, UNGRADED, Outcomes, TaskKey, count_results
    from harness.store.recall import (
        Recalled,
        Standing,
        Transcript,
        has_answers,
        read_journal,
    )
    from harness.store.skill_texts import keep_skill_texts, read_skill_texts
    from harness.store.skill_use import SkillUse, load_skill_use
    from harness.store.sums import Attempts, TaskTable, load_task_table, split_used
    from harness.store.tables import (
        read_actions,
        read_calls,
        read_outcomes,
        read_transcript,
        recorded_replies,
        refuse_foreign_results,
        tables_are_whole,
    )
    from harness.store.tail import Counts, Tail
    from harness.store.task_metadata import keep_metadata, metadata_found, read_metadata
    from harness.store.task_names import Keys
    from harness.store.task_order import AMOUNTS, BY_RESULT
else:
    __getattr__, __dir__ = lazy_door(__name__)
