"""The dashboard: ``streamlit run app.py`` shows the reports in ``reports/``; ``-- FOLDER …`` names others."""

import os
import sys

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as `ownbench app`: matrices are small and readers several

from harness.report import dashboard

dashboard(sys.argv[1:])
