"""The script that Streamlit runs for ``ownbench app``; its arguments are the folders of the reports."""

import sys

from harness.report.app import dashboard

dashboard(sys.argv[1:])
