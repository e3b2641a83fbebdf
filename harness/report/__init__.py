"""What people read: the scoreboard, paired comparisons, Markdown and figures, all from one view of the evidence.

Reads a run folder and nothing else: no model, no key, no network.
"""

from harness.report.app import dashboard, reports_and_problems, reports_in, serve
from harness.report.chart_style import png, svg
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.gate_files import gate_junit, gate_markdown, write_gate
from harness.report.printed import (
    print_advice,
    print_domains,
    print_factorial,
    print_gate,
    print_headline,
    print_pairing,
    print_plan,
    print_scoreboard,
    print_self_test,
    print_sweep,
)
from harness.report.report_md import markdown_page
from harness.report.write import write_report
