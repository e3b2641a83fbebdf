"""The dashboard's pages, drawn by Streamlit from stored records: no model, no key, no network but the browser's own.

Nothing else imports this folder, so that no other command loads Streamlit. `harness.report.dashboard` opens it.
"""

from harness.report.pages.shell import show
from harness.report.pages.warm import warm

__all__ = ["show", "warm"]
