"""The gate, the sweep and the advice: policy applied to statistics, from stored records only; no model, no network."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.verdict.advice import Advice, advise, advise_at
    from harness.verdict.advice_inputs import AdviceInputs, AdviceSettings, Bills, advice_inputs_of, bills_at
    from harness.verdict.advice_reasons import SAY_KINDS, Option
    from harness.verdict.baseline import Approval, set_baseline
    from harness.verdict.drawing import stratified_order
    from harness.verdict.early import Evidence, StoppingRule
    from harness.verdict.early_run import EarlyCandidate, UntilDecided, interval_text
    from harness.verdict.economics import MONTHS, SPREAD, Assumptions, largest_allowed, load_assumptions
    from harness.verdict.flipping import FlipPoint
    from harness.verdict.gate_evidence import Reason
    from harness.verdict.gate_statistics import Decided, gate_tests, tasks_to_decide
    from harness.verdict.gating import EXIT_CODES, VERDICT, DomainVerdict, Gate, gate
    from harness.verdict.options import BELOW, KINDS_MEAN
    from harness.verdict.policy import Policy, load_policy
    from harness.verdict.report_history import (
        History,
        HistoryEntry,
        changed_of,
        entry_of,
        in_order,
        under_way,
    )
    from harness.verdict.report_list import ReportLine, ReportList, list_reports
    from harness.verdict.rules import in_words
    from harness.verdict.self_testing import SelfTest, self_test
    from harness.verdict.stored_verdicts import StoredVerdict, latest_verdict
    from harness.verdict.sweep_records import (
        Measured,
        Sweep,
        SweepControl,
        SweepGoal,
        SweepPoint,
        SweepSettings,
        against_control,
        gap_text,
    )
    from harness.verdict.sweep_rows import can_be_replayed
    from harness.verdict.sweeping import sweep, sweep_of
    from harness.verdict.trends import ReportRates, TrendPoint, Trends, of_contenders, rates_in, trends_of
    from harness.verdict.verdict_log import log_verdict, one_at_a_time
else:
    __getattr__, __dir__ = lazy_door(__name__)
