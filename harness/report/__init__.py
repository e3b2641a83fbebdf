"""What people read, all from one view of the evidence: reads a run folder and no model, key or network."""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.report.app import reports_and_problems, reports_in, serve
    from harness.report.gate_files import write_gate
    from harness.report.model_cards import adapter_results, passes_nothing
    from harness.report.one_page import write_one_page
    from harness.report.opening import opened
    from harness.report.printing import print_view
    from harness.report.write import write_report
else:
    __getattr__, __dir__ = lazy_door(__name__)
