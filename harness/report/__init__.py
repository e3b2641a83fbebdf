"""What people read: the scoreboard, paired comparisons, Markdown and figures, all from one view of the evidence.

Reads a run folder and nothing else: no model, no key, no network.
"""

from harness.report.answers import print_view
from harness.report.app import reports_and_problems, reports_in, serve
from harness.report.write import write_gate, write_report
