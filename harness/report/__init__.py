"""What people read: the scoreboard, paired comparisons, Markdown and figures, all from one view of the evidence.

Reads a run folder and nothing else: no model, no key, no network.
"""

from harness.report.answers import blocks_of, print_view
from harness.report.app import dashboard, reports_and_problems, reports_in, serve
from harness.report.chart_style import png, svg
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.gate_files import gate_junit, write_gate
from harness.report.write import write_report
