"""``ownbench report``: statistics.json, report.md, report.html and the figures, written into the report's folder."""

from pathlib import Path

from harness.core import EvidenceError, write_atomic
from harness.report.evidence import load_evidence
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.html_page import Page, html_page
from harness.report.look import png, svg
from harness.report.markdown import markdown_page
from harness.report.pairing import pair_of
from harness.report.scoreboard import scoreboard_of
from harness.report.sections import sections
from harness.report.statistics import statistics_text
from harness.report.view import Scoreboard
from harness.store import evidence_digest


def write_report(report: Path, *, split: str | None = None, level: float = 0.95) -> list[Path]:
    """Writes the statistics, the pages and the figures, each file whole or not at all.

    Returns:
        The files written, in the order in which a reader wants them. A figure that cannot be drawn, because no cost is
        known or nothing is graded, is not among them, and one of an earlier time is removed.

    Raises:
        EvidenceError: there are no outcomes, or they are broken; ``report.html`` is written all the
            same and says so, unless nothing was begun.
        UsageError: an unknown split.
    """
    try:
        evidence = evidence_digest(report)  # before the outcomes are read: of later ones it would vouch for too much
        table, manifest = load_evidence(report, split, attempts=True)
    except EvidenceError as error:
        if any((report / name).exists() for name in ("outcomes.parquet", "manifest.json")):  # else nothing was begun
            write_atomic(report / "report.html", html_page(Page(report=report.resolve().name, trouble=str(error))))
        raise
    view = scoreboard_of(table, manifest=manifest, level=level)
    pairings = [pair_of(table, c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    named, drawn = _figures(view, report / "figures")
    advice, more = sections(table, manifest, view, level)
    page = Page(report=view.report, view=view, pairings=pairings, advice=advice, tables=more)
    statistics, markdown, paper = (report / name for name in ("statistics.json", "report.md", "report.html"))
    write_atomic(statistics, statistics_text(view, evidence))
    write_atomic(markdown, markdown_page(view, pairings, named))
    write_atomic(paper, html_page(page))
    return [paper, markdown, statistics, *drawn]


def _figures(view: Scoreboard, folder: Path) -> tuple[list[tuple[str, str]], list[Path]]:
    """Titles and relative paths for the page in Markdown, and the files."""
    graded = any(c.pass_rate.value is not None for c in view.contenders)
    charts = {
        "Pass rate": ("pass_rate", pass_rate_figure(view) if graded else None),
        "Cost per task and pass rate": ("cost_vs_pass", cost_figure(view)),
    }
    named, drawn = [], []
    for title, (stem, chart) in charts.items():
        for suffix in (".png", ".svg"):
            path = folder / f"{stem}{suffix}"
            if chart is None:
                path.unlink(missing_ok=True)
                continue
            write_atomic(path, png(chart) if suffix == ".png" else svg(chart))
            drawn.append(path)
        if chart is not None:
            named.append((title, f"{folder.name}/{stem}.png"))
    return named, drawn
