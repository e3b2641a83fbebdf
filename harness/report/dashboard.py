"""The door to the dashboard: what ``app.py`` and ``ownbench app`` call."""

from collections.abc import Sequence
from pathlib import Path

from harness.core import UsageError


def dashboard(arguments: Sequence[str] = ()) -> None:
    """Draws the dashboard inside a Streamlit script.

    Args:
        arguments: folders of reports, or folders that hold some; ``reports`` by default.
    """
    from harness.report.pages import show

    show([Path(one) for one in arguments] or [Path("reports")])


def reports_in(given: Sequence[Path]) -> list[Path]:
    """The report folders that are meant, each once, in the order given.

    Args:
        given: each a report's folder, the name of one under ``reports/``, or a folder that holds reports.

    Returns:
        Folders with an experiment, a journal or outcomes; a folder that is named itself is there whatever it holds.

    Raises:
        UsageError: there is no such folder.
    """
    found: dict[Path, Path] = {}
    for one in given:
        named = Path("reports") / one
        folder = named if not one.exists() and not one.is_absolute() and named.is_dir() else one
        if not folder.is_dir():
            what = "is a file, a report is a folder" if folder.exists() else "there is no such report"
            raise UsageError(f"{folder}: {what}")
        inside = [] if is_report(folder) else sorted(f for f in folder.iterdir() if f.is_dir() and is_report(f))
        for report in inside or [folder]:
            found.setdefault(report.resolve(), report)
    return list(found.values())


def is_report(folder: Path) -> bool:
    """Whether a folder holds an experiment or its evidence."""
    names = ("experiment.yaml", "outcomes.parquet", "manifest.json", "statistics.json", "verdict.json")
    return any((folder / name).is_file() for name in names) or any(folder.glob("attempts*.jsonl"))


OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "server.headless": True,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # a default that follows the report is set so
}
"""What Streamlit is told: above all, to send nothing to anybody."""


def serve(reports: Sequence[Path], *, port: int, address: str = "127.0.0.1") -> None:
    """Serves the dashboard of these reports until the process is stopped.

    The figures of the first page are computed beside the start of the server, so that they are there when somebody
    looks.

    Raises:
        UsageError: Streamlit is not installed.
    """
    import threading

    try:
        from streamlit.web import bootstrap
    except ImportError:
        raise UsageError("the dashboard needs Streamlit; install the extra: pip install 'ownbench[app]'") from None
    from harness.report.pages import warm

    threading.Thread(target=warm, args=(list(reports),), daemon=True).start()
    options = {**OPTIONS, "server.port": port, "server.address": address}
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    script = Path(__file__).parent / "pages" / "script.py"
    bootstrap.load_config_options(flag_options=flags)
    bootstrap.run(str(script), is_hello=False, args=[str(one) for one in reports], flag_options=flags)
