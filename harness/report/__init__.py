"""What people read, all from one view of the evidence: reads a run folder and no model, key or network."""

from harness.report.answers import print_view
from harness.report.app import reports_and_problems, reports_in, serve
from harness.report.write import write_gate, write_report
