"""A verdict for people and for pipelines: the terminal, a Markdown summary, JUnit XML, and the files of them."""

import json
import os
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path
from typing import TextIO
from xml.etree import ElementTree as ET

from harness.core import UNKNOWN, Decision, p_equation, p_text, points, points_interval, visible, write_atomic
from harness.report.layout import name_text, open_console, print_line, print_table
from harness.report.markdown_text import markdown_code, markdown_table, markdown_text
from harness.verdict import VERDICT, DomainVerdict, Gate, SelfTest, log_verdict

DOMAINS_SHOWN = 15
"""Domains in a table; the harmed, critical and exempt ones are always among them."""
JUNIT, SUMMARY = "junit.xml", "summary.md"
_STYLE = {Decision.SHIP: "bold green", Decision.BLOCK: "bold red"}
_HOLDS = {True: "holds", False: "FAILS", None: "UNKNOWN"}


def print_gate(view: Gate, file: TextIO | None = None) -> None:
    """Writes a verdict to ``file``, standard output by default: its sentence, its reasons, its domains, the changes."""
    console = open_console(file)
    print_line(console, view.sentence, _STYLE.get(view.decision, "bold yellow"))
    print_line(console, "")
    for reason in view.reasons:
        style = "" if reason.holds else "bold"
        print_line(console, f"{_HOLDS[reason.holds]:<8} {reason.rule}: {reason.text}", style)
    if len(view.domains) > 1:
        print_line(console, "")
        print_line(console, "By domain, candidate less baseline", "bold")
        header, rows = _domain_cells(view)
        print_table(console, header, [[name_text(row[0]), *row[1:]] for row in rows])
        _more(view, lambda text: print_line(console, text))
    print_line(console, "")
    print_line(console, "What changed", "bold")
    for change in view.changed:
        print_line(console, f"- {change.what}: {change.baseline or UNKNOWN} -> {change.candidate or UNKNOWN}")
    if not view.changed:
        print_line(console, "- nothing that the manifests tell of")


def print_self_test(view: SelfTest, file: TextIO | None = None) -> None:
    """Writes what a self-test of the gate found: its sentence, and how often each decision fell."""
    console = open_console(file)
    print_line(console, view.sentence, "bold")
    print_line(console, "")
    words = list(view.equal)
    rows = [["equals", *(f"{view.equal[word]:,}" for word in words)]]
    rows.append([f"a true drop of {100 * view.planted:g} points", *(f"{view.regression[word]:,}" for word in words)])
    print_table(console, ["", *words], rows)
    print_line(console, "")
    made = f"{' and '.join(view.contenders)}: {view.method}"
    print_line(console, f"- {made}; {view.repetitions:,} of each, seed {view.seed}")


def gate_markdown(view: Gate) -> str:
    """The summary of a verdict for a pull request."""
    parts = [[f"## ownbench gate: {view.decision.value}"], [_sentence(view)]]
    header = ["rule", "", "what was found"]
    mark = {True: "holds", False: "**fails**", None: "**unknown**"}
    rows = [[markdown_code(r.rule, cell=True), mark[r.holds], markdown_text(r.text)] for r in view.reasons]
    parts.append(markdown_table(header, rows, left=3))
    c = view.comparison
    if c is not None and c.delta is not None:
        interval = f"{points_interval(c.low, c.high)} ({100 * c.level:g}%, {c.interval_method})"
        text = (
            f"Candidate less baseline: **{points(c.delta)}** points {interval} on {c.n_tasks:,} tasks, "
            f"{p_equation(c.p_value).replace('<', '&lt;')} ({c.test}); {c.wins:,} tasks only the candidate passed, "
            f"{c.losses:,} only the baseline."
        )
        if view.early is not None:
            text += " The interval and p are of one look: not corrected for a run that was looked at on its way."
        parts.append([text])
    if view.tasks_needed is not None:
        parts.append([f"About **{view.tasks_needed:,}** tasks would decide, were the difference seen the true one."])
    if view.exempt:
        names = ", ".join(markdown_code(name) for name in view.exempt)
        parts.append(
            [f"**Exempt by policy:** {names}. They cannot block; their tasks count in the overall difference."]
        )
    if len(view.domains) > 1:
        domain_header, domain_rows = _domain_cells(view)
        safe = [[markdown_code(row[0], cell=True), *(cell.replace("<", "&lt;") for cell in row[1:])]
                for row in domain_rows]  # fmt: skip
        parts += [["### Domains"], markdown_table(domain_header, safe)]
        _more(view, lambda text: parts.append([text]))
    parts += [["### What changed"], _changed_lines(view)]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _sentence(view: Gate) -> str:
    """The verdict's sentence, its two names as code spans and the rest as plain text."""
    names = sorted({view.candidate, view.baseline}, key=len, reverse=True)
    spans = "|".join(re.escape(f"`{name}`") for name in names)
    parts = re.split(f"({spans})", view.sentence)
    return "".join(markdown_code(p[1:-1]) if i % 2 else markdown_text(p) for i, p in enumerate(parts))


def gate_junit(view: Gate) -> str:
    """The verdict as JUnit XML: one case a rule and a domain, readable by what a pipeline has for test results.

    A rule that does not hold, or cannot be told, is a failure whose type is the decision; where the evidence cannot be
    judged it is an error. An exempt domain is skipped.
    """
    suites = ET.Element("testsuites", name="ownbench gate")
    cases: list[ET.Element] = []
    for reason in view.reasons:
        case = ET.Element("testcase", classname="ownbench.gate.rule", name=_xml(reason.rule), time="0")
        if not reason.holds:
            kind = "error" if view.decision is Decision.INVALID else "failure"
            ET.SubElement(case, kind, type=view.decision.value, message=_xml(reason.text)).text = _xml(reason.text)
        else:
            ET.SubElement(case, "system-out").text = _xml(reason.text)
        cases.append(case)
    for one in view.domains:
        case = ET.Element("testcase", classname="ownbench.gate.domain", name=_xml(one.domain) or UNKNOWN, time="0")
        text = f"{points(one.delta)} points on {one.n_tasks:,} tasks"
        if one.role == "exempt":
            ET.SubElement(case, "skipped", message=f"exempt by policy: {text}")
        elif one.harmed:
            text += f", {p_equation(one.p_adjusted)} in the family"
            ET.SubElement(case, "failure", type=view.decision.value, message=f"harmed: {text}").text = text
        else:
            ET.SubElement(case, "system-out").text = text
        cases.append(case)
    count = {kind: sum(case.find(kind) is not None for case in cases) for kind in ("failure", "error", "skipped")}
    numbers = {"tests": str(len(cases)), "failures": str(count["failure"]), "errors": str(count["error"]),
               "skipped": str(count["skipped"]), "time": "0"}  # fmt: skip
    name = f"{view.baseline} -> {view.candidate}"
    suites.attrib |= numbers
    suite = ET.SubElement(suites, "testsuite", {"name": _xml(name), **numbers})
    suite.extend(cases)
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"


def write_gate(
    view: Gate, folder: Path, environment: Mapping[str, str] | None = None, *, at: datetime | None = None
) -> tuple[Path, ...]:
    """Writes ``verdict.json``, ``junit.xml`` and ``summary.md`` into ``folder``, and where they went is returned.

    Where ``GITHUB_STEP_SUMMARY`` names a file, the summary is appended to it.

    Args:
        view: the verdict.
        folder: made where it is missing.
        environment: the process's own by default.
        at: when the verdict was given; with it, ``verdicts.jsonl`` keeps the verdict beside all earlier ones.
    """
    markdown = gate_markdown(view)
    texts = {
        VERDICT: json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n",
        JUNIT: gate_junit(view),
        SUMMARY: markdown,
    }
    for name, text in texts.items():
        write_atomic(folder / name, text)
    logged = () if at is None else (log_verdict(view, folder, at),)
    page = (os.environ if environment is None else environment).get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(markdown)
    return (*(folder / name for name in texts), *logged)


def _domain_cells(view: Gate) -> tuple[list[str], list[list[str]]]:
    header = ["domain", "tasks", "difference", "margin", "p of harm", ""]
    rows = []
    for one in _worth_showing(view):
        said = "harmed" if one.harmed else one.role if one.role != "gated" else ""
        rows.append([one.domain, f"{one.n_tasks:,}", points(one.delta), f"{100 * one.margin:g}", p_text(one.p_adjusted),
                     said])  # fmt: skip
    return header, rows


def _worth_showing(view: Gate) -> list[DomainVerdict]:
    """Those that decide or are excused first, then the worst."""
    by_need = sorted(view.domains, key=lambda one: (not one.harmed, one.role == "gated", one.delta or 0.0))
    least = sum(one.harmed or one.role != "gated" for one in view.domains)
    return by_need[: max(least, DOMAINS_SHOWN)]


def _more(view: Gate, write: Callable[[str], None]) -> None:
    hidden = len(view.domains) - len(_worth_showing(view))
    if hidden > 0:
        write(f"and {hidden:,} more domains, none harmed; verdict.json lists all")


def _changed_lines(view: Gate) -> list[str]:
    if not view.changed:
        return ["Nothing that the manifests tell of."]
    header = ["what", "baseline", "candidate"]
    rows = [
        [markdown_code(change.what, cell=True), *(markdown_code(text, cell=True) if text else UNKNOWN
                                                   for text in (change.baseline, change.candidate))]
        for change in view.changed
    ]  # fmt: skip
    return markdown_table(header, rows, left=3)


_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    """Text without what XML 1.0 has no place for, which no escape would save."""
    return _NOT_XML.sub("?", visible(text))
