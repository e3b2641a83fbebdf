"""``ownbench report``: report.html, report.md, statistics.json and the figures, written into the report's folder."""

import shlex
from pathlib import Path

from harness.analysis import Scoreboard, load_evidence, pair, scoreboard, statistics_text
from harness.core import EvidenceError, write_atomic
from harness.report.chart_style import png, svg
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.html_page import Page, html_page
from harness.report.report_md import markdown_page
from harness.store import evidence_digest, experiment_file


def write_report(report: Path, *, split: str | None = None, level: float = 0.95) -> list[Path]:
    """Writes the statistics, the pages and the figures, each file whole or not at all.

    Returns:
        The files written, in the order in which a reader wants them. A figure that cannot be drawn, because no cost is
        known or nothing is graded, is not among them, and one of an earlier time is removed.

    Raises:
        EvidenceError: there are no outcomes, or they are broken; ``report.html`` is written all the same and says so.
            Where nothing was begun there is nothing to say, and no file is written.
        UsageError: an unknown split.
    """
    try:
        evidence = evidence_digest(report)  # before the outcomes are read: of later ones it would vouch for too much
        table, manifest = load_evidence(report, split)
    except EvidenceError as error:
        if not _is_begun(report):
            remedy = f"begin with: ownbench run {shlex.quote(str(report))}"
            if not experiment_file(report).is_file():
                remedy = "ownbench init makes an experiment, ownbench import table takes results over"
            raise EvidenceError(
                f"{report}: no results yet (no outcomes.parquet), no run begun: no page is written; {remedy}"
            ) from None
        write_atomic(report / "report.html", html_page(Page(report=report.resolve().name, trouble=str(error))))
        raise EvidenceError(f"{error}; {report / 'report.html'} says so") from None
    view = scoreboard((table, manifest), level=level)
    pairings = [pair((table, None), c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    named, drawn = _figures(view, report / "figures")
    page = Page(report=view.report, view=view, pairings=pairings, table=table, manifest=manifest)
    statistics, markdown, paper = (report / name for name in ("statistics.json", "report.md", "report.html"))
    write_atomic(statistics, statistics_text(view, evidence))
    write_atomic(markdown, markdown_page(view, pairings, named))
    write_atomic(paper, html_page(page))
    return [paper, markdown, statistics, *drawn]


def _is_begun(report: Path) -> bool:
    return any((report / name).exists() for name in ("outcomes.parquet", "manifest.json")) or any(
        report.glob("attempts*.jsonl")
    )


def _figures(view: Scoreboard, folder: Path) -> tuple[list[tuple[str, str]], list[Path]]:
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
