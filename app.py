"""The dashboard: ``streamlit run app.py`` shows the reports in ``reports/``; ``-- FOLDER …`` names others."""

import sys

from harness.report import dashboard

dashboard(sys.argv[1:])
