"""``ownbench report``: report.html, report.md, statistics.json and the figures, written into the report's folder."""

import shlex
from pathlib import Path

from harness.analysis import load_evidence, pair, scoreboard, statistics_text
from harness.core import EvidenceError, write_atomic
from harness.report.blocks import Block, Drawn
from harness.report.chart_style import png, svg
from harness.report.html_page import html_page
from harness.report.markdown_text import markdown_blocks
from harness.report.report_blocks import Page, report_blocks
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
        name = report.resolve().name
        write_atomic(report / "report.html", html_page(name, report_blocks(Page(report=name, trouble=str(error)))))
        raise EvidenceError(f"{error}; {report / 'report.html'} says so") from None
    view = scoreboard((table, manifest), level=level)
    pairings = [pair((table, None), c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    page = Page(report=view.report, view=view, pairings=pairings, table=table, manifest=manifest)
    blocks = list(report_blocks(page))
    drawn, images = _figures(blocks, report / "figures")
    written = {
        "report.html": html_page(page.report, blocks),
        "report.md": markdown_blocks(blocks, images),
        "statistics.json": statistics_text(view, evidence),
    }
    for name, text in written.items():
        write_atomic(report / name, text)
    return [*(report / name for name in written), *drawn]


def _is_begun(report: Path) -> bool:
    return any((report / name).exists() for name in ("outcomes.parquet", "manifest.json")) or any(
        report.glob("attempts*.jsonl")
    )


def _figures(blocks: list[Block], folder: Path) -> tuple[list[Path], dict[str, str]]:
    """The images of the figures that have a file, PNG and SVG of each, and how Markdown names them."""
    drawn: list[Path] = []
    named: dict[str, str] = {}
    for stem in ("pass_rate", "cost_vs_pass"):
        makes = [block for block in blocks if isinstance(block, Drawn) and block.file == stem]
        figure = makes[0].make(*makes[0].of) if makes else None
        for suffix, image in ((".png", png), (".svg", svg)):
            path = folder / f"{stem}{suffix}"
            if figure is None:
                path.unlink(missing_ok=True)
            else:
                named.setdefault(stem, f"![{figure.title}]({folder.name}/{path.name})")
                write_atomic(path, image(figure))
                drawn.append(path)
    return drawn, named
