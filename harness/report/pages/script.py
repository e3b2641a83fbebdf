"""The script that Streamlit runs for ``ownbench app``; its arguments are the folders of the reports."""

import sys
from pathlib import Path

from harness.report.pages import show

show([Path(one) for one in sys.argv[1:]] or [Path("reports")])
