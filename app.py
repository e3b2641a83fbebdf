"""The dashboard: ``streamlit run app.py`` shows the reports in ``reports/``; ``-- FOLDER …`` names others."""

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as `ownbench app`: matrices are small and readers several

import streamlit as st
from starlette.middleware import Middleware

from harness.report.app import SCRIPT, OwnName
from harness.report.front import FirstLook

app = st.App(SCRIPT, middleware=[Middleware(OwnName), Middleware(FirstLook)])
