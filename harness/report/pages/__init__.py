"""The dashboard's pages, drawn by Streamlit from stored records: no model, no key, no network but the browser's own.

Nothing else imports this folder, so that no other command loads Streamlit. `harness.report.app` opens it.
"""

from harness.report.pages.shell import show, warm
