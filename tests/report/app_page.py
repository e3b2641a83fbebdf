"""Drawing one page of the dashboard without a browser."""

import html
import logging
import re
from pathlib import Path

from streamlit.testing.v1 import AppTest

# It says of every test that there is no browser.
logging.getLogger("streamlit.runtime.scriptrunner_utils.script_run_context").disabled = True


def drawn(module, *folders, every=(), **choices):
    """A page of some reports as it stands once it is drawn; ``choices`` are what the address says.

    ``every``: what the dashboard was given, where that is more than what is chosen.
    """

    def script(name, every, *reports):
        import importlib
        from pathlib import Path as FilePath

        from harness.report.pages.loading import Shown, evidence_of
        from harness.report.vega import DAY

        page = importlib.import_module(f"harness.report.pages.{name}").page
        chosen = tuple(evidence_of(FilePath(one)) for one in reports)
        page(Shown(chosen=chosen, theme=DAY, every=tuple(map(FilePath, every))))

    args = (module, [str(one) for one in every], *(str(Path(one)) for one in folders))
    test = AppTest.from_function(script, args=args, default_timeout=60)
    for key, value in choices.items():
        test.query_params[key] = value
    test.run()
    assert not test.exception, test.exception
    return test


def bodies(test):
    """All pieces of HTML on the page, as they are sent to the browser but for the places where a name may break."""
    return [element.proto.body.replace("<wbr>", "") for element in test.get("html")]


def texts(test):
    """Everything that a reader reads in those pieces, marks taken away."""
    return html.unescape(re.sub(r"<[^>]*>", " ", " ".join(bodies(test))))


def table(test, kind):
    """The cells of the first table of a kind, row by row, as texts; its head first."""
    page = next(body for body in bodies(test) if f'<table class="{kind}">' in body)
    rows = re.findall(r"<tr[^>]*>(.*?)</tr>", page, re.DOTALL)
    cells = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.DOTALL) for row in rows]
    return [[html.unescape(re.sub(r"<[^>]*>", " ", cell)).strip() for cell in row] for row in cells]
