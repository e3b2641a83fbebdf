"""The door to the dashboard: what ``app.py`` and ``ownbench app`` call."""

import importlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from harness.core import UsageError, install_line


def dashboard(arguments: Sequence[str] = ()) -> None:
    """Draws the dashboard inside a Streamlit script, of reports or folders that hold some, else ``reports``."""
    from harness.report.pages import show

    show([Path(one) for one in arguments] or [Path("reports")])


def reports_in(given: Sequence[Path]) -> list[Path]:
    """The report folders that are meant, each once, in the order given, whether they can be read or not.

    Each of those given is a report's folder, the name of one under ``reports/``, or a folder that holds reports.

    Raises:
        UsageError: one of them is no folder, is no report and holds none; says what to do.
    """
    found, problems = reports_and_problems(given)
    if problems:
        raise UsageError(problems[0])
    return found


def reports_and_problems(given: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """As `reports_in`, for a reader who shows what there is: a sentence for each that is or holds no report.

    The folders are looked at anew each time, so that a report made since is found.
    """
    found: dict[str, Path] = {}
    problems = []
    for one in given:
        named = Path("reports") / one
        folder = named if not one.exists() and not one.is_absolute() and named.is_dir() else one
        try:
            reports = _reports_of(folder)
        except OSError as error:
            problems.append(f"{folder}: cannot be read: {error.strerror or error}")
            continue
        if not reports:
            problems.append(_no_report(folder))
        found |= {os.path.realpath(report): report for report in reports if os.path.realpath(report) not in found}
    return list(found.values()), problems


def _reports_of(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    if is_report(folder):
        return [folder]
    with os.scandir(folder) as inside:
        names = sorted(entry.name for entry in inside if entry.is_dir())
    return [report for name in names if is_report(report := folder / name)]


def _no_report(folder: Path) -> str:
    if folder.exists() and not folder.is_dir():
        return f"{folder}: is a file, a report is a folder"
    remedy = "ownbench init begins a report, ownbench import table makes one of results"
    if not folder.exists():
        return f"{folder}: there is no such report; {remedy}"
    if _reports_of(folder / "reports"):
        return f"{folder}: no report; those in {folder / 'reports'} are shown by: ownbench app {folder / 'reports'}"
    return f"{folder}: no report, and none in it: a report has {' or '.join(_TELLING[:2])}; {remedy}"


_TELLING = ("experiment.yaml", "outcomes.parquet", "manifest.json", "statistics.json", "verdict.json")
"""Files by which a report is known."""


def is_report(folder: Path) -> bool:
    """Whether a folder holds an experiment or its evidence."""
    place = str(folder)  # some hundred folders are looked at for each page
    if any(os.path.isfile(f"{place}/{name}") for name in _TELLING):  # noqa: PTH113 — and no error where it may not look
        return True
    return any(folder.glob("attempts*.jsonl"))


SCRIPT = Path(__file__).parent / "pages" / "script.py"
"""What Streamlit runs for each page."""
OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "logger.hideWelcomeMessage": True,  # to print all addresses of this machine it asks somebody outside
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "runner.postScriptGC": False,  # it takes long in a process that holds a million outcomes; Python collects by itself
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # a default that follows the report is set so
}
"""What Streamlit is told: above all, to send nothing to anybody."""


def serve(given: Sequence[Path], *, port: int, address: str = "127.0.0.1") -> None:
    """Serves the dashboard of these reports, given as in `reports_in`, until the process is stopped.

    The figures of the first page are computed beside the start of the server, so that they are there when somebody
    looks. The folders are looked at anew for each page: reports that are made later are shown.

    Raises:
        UsageError: Streamlit is not installed, or there is no report.
    """
    import threading

    try:
        from streamlit.web import bootstrap

        server: Any = importlib.import_module("streamlit.web.server.starlette.starlette_server")
    except ImportError:
        raise UsageError(f"the dashboard needs Streamlit 1.67 or newer; {install_line('app')}") from None
    from harness.report.own_name import OwnName
    from harness.report.pages import warm

    create = server.create_starlette_app
    server.create_starlette_app = lambda runtime: OwnName(create(runtime))
    threading.Thread(target=warm, args=(reports_in(given),), daemon=True).start()
    options = {**OPTIONS, "server.port": port, "server.address": address}
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flag_options=flags)
    bootstrap.run(str(SCRIPT), is_hello=False, args=[str(one) for one in given], flag_options=flags)
