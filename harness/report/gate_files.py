"""A verdict for pipelines: a Markdown summary, JUnit XML, and the files of them."""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from xml.etree import ElementTree as ET

from harness.core import UNKNOWN, Decision, p_equation, points, visible, write_atomic
from harness.report.answers import blocks_of
from harness.report.markdown_text import markdown_blocks
from harness.verdict import VERDICT, Gate, log_verdict

JUNIT, SUMMARY = "junit.xml", "summary.md"


def gate_junit(view: Gate) -> str:
    """The verdict as JUnit XML: one case a rule and a domain, readable by what a pipeline has for test results.

    A rule that does not hold, or cannot be told, is a failure whose type is the decision; where the evidence cannot be
    judged it is an error. An exempt domain is skipped.
    """
    suites = ET.Element("testsuites", name="ownbench gate")
    told = []
    for reason in view.reasons:
        kind = "error" if view.decision is Decision.INVALID else "failure"
        told.append(("rule", reason.rule, "" if reason.holds else kind, reason.text, reason.text))
    for one in view.domains:
        text = f"{points(one.delta)} points on {one.n_tasks:,} tasks"
        kind, message = "", text
        if one.role == "exempt":
            kind, message, text = "skipped", f"exempt by policy: {text}", ""
        elif one.harmed:
            text += f", {p_equation(one.p_adjusted)} in the family"
            kind, message = "failure", f"harmed: {text}"
        told.append(("domain", one.domain or UNKNOWN, kind, message, text))
    cases = []
    for of, name, kind, message, text in told:
        case = ET.Element("testcase", classname=f"ownbench.gate.{of}", name=_xml(name), time="0")
        typed = {"type": view.decision.value} if kind in {"failure", "error"} else {}
        said = (
            ET.SubElement(case, kind, typed | {"message": _xml(message)}) if kind else ET.SubElement(case, "system-out")
        )
        said.text = _xml(text) or None
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

    Where ``GITHUB_STEP_SUMMARY`` names a file, the summary is appended to it. With ``at``, when the verdict was given,
    ``verdicts.jsonl`` keeps it next to all earlier ones.
    """
    markdown = markdown_blocks(blocks_of(view))
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
