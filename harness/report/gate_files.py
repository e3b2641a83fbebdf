"""A verdict for pipelines: a Markdown summary, JUnit XML, and the files of them."""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.core import UNKNOWN, Decision, p_equation, points, points_interval, visible, write_atomic
from harness.report.gate_tables import changes_table, gated_domains, rules_table
from harness.report.markdown_text import markdown_code, markdown_sentence, markdown_text, table_lines
from harness.verdict import VERDICT, Gate, log_verdict

JUNIT, SUMMARY = "junit.xml", "summary.md"


def gate_markdown(view: Gate) -> str:
    """The summary of a verdict for a pull request."""
    names = (view.candidate, view.baseline)
    parts = [[f"## ownbench gate: {view.decision.value}"], [markdown_sentence(view.sentence, names)]]
    parts.append(table_lines(rules_table(view.reasons)))
    c = view.comparison
    if c is not None and c.delta is not None:
        interval = f"{points_interval(c.low, c.high)} ({100 * c.level:g}%, {c.interval_method})"
        text = (
            f"Candidate minus baseline: **{points(c.delta)}** points {interval} on {c.n_tasks:,} tasks, "
            f"{p_equation(c.p_value).replace('<', '&lt;')} ({c.test}); {c.wins:,} tasks only the candidate passed, "
            f"{c.losses:,} only the baseline."
        )
        if view.early is not None:
            text += " The interval and p are of one look: not corrected for a run that was looked at on its way."
        parts.append([text])
    if view.tasks_needed is not None:
        parts.append([f"About **{view.tasks_needed:,}** tasks would decide, were the difference seen the true one."])
    if view.exempt:
        exempt = ", ".join(markdown_code(name) for name in view.exempt)
        parts.append(
            [f"**Exempt by policy:** {exempt}. They cannot block; their tasks count in the overall difference."]
        )
    domains = gated_domains(view)
    if domains.rows:
        parts += [["### Domains"], table_lines(domains), *([note] for note in domains.notes)]
    changes = table_lines(changes_table(view.changed)) if view.changed else ["Nothing that the manifests tell of."]
    parts += [["### What changed"], changes]
    for change in view.changed:
        if change.diff:  # set in by four signs it is text, whatever stands in it
            parts += [[f"The {markdown_text(change.what)}:"], [f"    {visible(line)}" for line in change.diff]]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


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


_NOT_XML = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _xml(text: str) -> str:
    """Text without what XML 1.0 has no place for, which no escape would save."""
    return _NOT_XML.sub("?", visible(text))
