"""What is written into files: a report's pages, statistics and figures; a verdict for pipelines."""

import json
import os
import re
import shlex
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.analysis import load_evidence, pair, scoreboard, statistics_text
from harness.core import UNKNOWN, Decision, EvidenceError, p_equation, points, visible, write_atomic
from harness.report.answers import blocks_of
from harness.report.blocks import Block, Drawn, Text
from harness.report.html_parts import html_page
from harness.report.markdown_text import markdown_blocks
from harness.report.report_blocks import report_blocks
from harness.report.vega import png, svg
from harness.store import evidence_digest, experiment_file
from harness.verdict import VERDICT, Gate, log_verdict


def write_report(report: Path, *, split: str | None = None, level: float = 0.95) -> list[Path]:
    """Writes the statistics, the pages and the figures, each file whole or not at all; the files in reading order.

    A figure that cannot be drawn, because no cost is known or nothing is graded, is not among them, and one of an
    earlier time is removed. Raises EvidenceError where there are no outcomes, or they are broken: ``report.html`` is
    written all the same and says so, unless nothing was begun. Raises UsageError for an unknown split.
    """
    try:
        evidence = evidence_digest(report)  # before the outcomes are read: of later ones it would vouch for too much
        table, manifest = load_evidence(report, split)
    except EvidenceError as error:
        begun = any((report / name).exists() for name in ("outcomes.parquet", "manifest.json"))
        if not begun and not any(report.glob("attempts*.jsonl")):
            remedy = f"begin with: ownbench run {shlex.quote(str(report))}"
            if not experiment_file(report).is_file():
                remedy = "ownbench init makes an experiment, ownbench import table takes results over"
            raise EvidenceError(
                f"{report}: no results yet (no outcomes.parquet), no run begun: no page is written; {remedy}"
            ) from None
        name, page = report.resolve().name, report / "report.html"
        write_atomic(page, html_page(name, [Text([name], "title"), Text([str(error)], "loud")]))
        raise EvidenceError(f"{error}; {page} says so") from None
    view = scoreboard((table, manifest), level=level)
    pairings = [pair((table, None), c.a, c.b, level=level) for c in view.comparisons if c.delta is not None]
    blocks = list(report_blocks(view, pairings, table, manifest))
    drawn, images = _figures(blocks, report / "figures")
    texts = {
        "report.html": html_page(view.report, blocks),
        "report.md": markdown_blocks(blocks, images),
        "statistics.json": statistics_text(view, evidence),
    }
    return [*_write(report, texts), *drawn]


def _write(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return [folder / name for name in texts]


def _figures(blocks: Sequence[Block], folder: Path) -> tuple[list[Path], dict[str, str]]:
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


def write_gate(
    view: Gate, folder: Path, environment: Mapping[str, str] | None = None, *, at: datetime | None = None
) -> tuple[Path, ...]:
    """Writes ``verdict.json``, ``junit.xml`` and ``summary.md`` into ``folder``, and where they went is returned.

    Where ``GITHUB_STEP_SUMMARY`` names a file, the summary is appended to it. With ``at``, when the verdict was given,
    ``verdicts.jsonl`` keeps it next to all earlier ones.
    """
    markdown = markdown_blocks(blocks_of(view))
    verdict = json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n"
    files = _write(folder, {VERDICT: verdict, "junit.xml": _junit(view), "summary.md": markdown})
    logged = () if at is None else (log_verdict(view, folder, at),)
    page = (os.environ if environment is None else environment).get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(markdown)
    return (*files, *logged)


def _junit(view: Gate) -> str:
    """The verdict as JUnit XML: one case a rule and a domain, readable by what a pipeline has for test results.

    A rule that does not hold, or cannot be told, is a failure whose type is the decision; where the evidence cannot be
    judged it is an error. An exempt domain is skipped.
    """
    fault = "error" if view.decision is Decision.INVALID else "failure"
    told = [("rule", r.rule, "" if r.holds else fault, r.text, r.text) for r in view.reasons]
    for one in view.domains:
        text = f"{points(one.delta)} points on {one.n_tasks:,} tasks"
        kind, message = "", text
        if one.role == "exempt":
            kind, message, text = "skipped", f"exempt by policy: {text}", ""
        elif one.harmed:
            text += f", {p_equation(one.p_adjusted)} in the family"
            kind, message = "failure", f"harmed: {text}"
        told.append(("domain", one.domain or UNKNOWN, kind, message, text))
    kinds = [kind for _, _, kind, _, _ in told]
    numbers = {"tests": f"{len(told)}", "failures": f"{kinds.count('failure')}", "errors": f"{kinds.count('error')}",
               "skipped": f"{kinds.count('skipped')}", "time": "0"}  # fmt: skip
    suites = ET.Element("testsuites", {"name": "ownbench gate", **numbers})
    suite = ET.SubElement(suites, "testsuite", {"name": _xml(f"{view.baseline} -> {view.candidate}"), **numbers})
    for of, name, kind, message, text in told:
        case = ET.SubElement(suite, "testcase", classname=f"ownbench.gate.{of}", name=_xml(name), time="0")
        said = {"type": view.decision.value} if kind in {"failure", "error"} else {}
        said |= {"message": _xml(message)} if kind else {}
        ET.SubElement(case, kind or "system-out", said).text = _xml(text) or None
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    """Text without what XML 1.0 has no place for, which no escape would save."""
    return _NOT_XML.sub("?", visible(text))
