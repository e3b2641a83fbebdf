"""``ownbench report``: statistics.json, report.md and the figures, written into the report's folder."""

import json
from pathlib import Path

from harness.core import write_atomic
from harness.report.evidence import load_evidence
from harness.report.figures import cost_figure, pass_rate_figure
from harness.report.look import png, svg
from harness.report.markdown import markdown_page
from harness.report.pairing import pair_of
from harness.report.scoreboard import scoreboard_of


def write_report(report: Path, *, split: str | None = None, level: float = 0.95) -> list[Path]:
    """Writes the statistics, the page and the figures, each file whole or not at all.

    Returns:
        The files written, in the order in which a reader wants them. A figure that cannot be drawn, because no cost is
        known or nothing is graded, is not among them, and one of an earlier time is removed.

    Raises:
        EvidenceError: there are no outcomes, or they are broken.
        UsageError: an unknown split.
    """
    table, manifest = load_evidence(report, split, attempts=True)
    view = scoreboard_of(table, manifest=manifest, level=level)
    pairings = [pair_of(table, c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    graded = any(c.pass_rate.value is not None for c in view.contenders)
    charts = {
        "Pass rate": ("pass_rate", pass_rate_figure(view) if graded else None),
        "Cost per task and pass rate": ("cost_vs_pass", cost_figure(view)),
    }
    figures, drawn = [], []
    for title, (stem, chart) in charts.items():
        for suffix in (".png", ".svg"):
            path = report / "figures" / f"{stem}{suffix}"
            if chart is None:
                path.unlink(missing_ok=True)
                continue
            write_atomic(path, png(chart) if suffix == ".png" else svg(chart))
            drawn.append(path)
        if chart is not None:
            figures.append((title, f"figures/{stem}.png"))
    statistics, page = report / "statistics.json", report / "report.md"
    write_atomic(statistics, json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n")
    write_atomic(page, markdown_page(view, pairings, figures))
    return [page, statistics, *drawn]
