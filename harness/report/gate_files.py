"""The files of a verdict: for pipelines, for who reads them, and the log."""

import json
import os
import re
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path

from harness import core
from harness.core import UNKNOWN, Decision, write_atomic
from harness.report.gate_tables import gate_blocks
from harness.report.markdown_text import markdown_blocks
from harness.verdict import VERDICT, Gate, log_verdict


def write_gate(
    view: Gate,
    folder: Path,
    environment: Mapping[str, str] | None = None,
    *,
    at: datetime | None = None,
    reports: tuple[Path, Path] | None = None,
) -> tuple[Path, ...]:
    """Writes a verdict's files, and adds a summary to ``GITHUB_STEP_SUMMARY``.

    Given ``at`` a time it is logged, in the folder and in those of the ``reports``, baseline and candidate.
    """
    markdown = markdown_blocks(gate_blocks(view))
    verdict = json.dumps(view.as_json(), indent=2, allow_nan=False) + "\n"
    files = write_texts(folder, {VERDICT: verdict, "junit.xml": _junit(view), "summary.md": markdown})
    logged = () if at is None else log_verdict(view.as_json(), folder, at, reports)
    page = (os.environ if environment is None else environment).get("GITHUB_STEP_SUMMARY")
    if page:
        with Path(page).open("a", encoding="utf-8") as file:
            file.write(markdown)
    return (*files, *logged)


def _junit(view: Gate) -> str:
    """The verdict as JUnit XML, a case a rule and a domain: failed, or skipped where exempt or not checked."""
    from xml.etree import ElementTree as ET

    fault = "error" if view.decision is Decision.INVALID else "failure"
    told = [
        ("rule", r.rule, "" if r.holds else fault, r.text, r.text)
        if r.checked
        else ("rule", r.rule, "skipped", r.text, "")
        for r in view.reasons
    ]
    for one in view.domains:
        text = f"{core.points(one.delta)} points on {one.n_tasks:,} tasks"
        kind, message = "", text
        if one.role == "exempt":
            kind, message, text = "skipped", f"exempt by policy: {text}", ""
        elif one.harmed:
            text += f", {core.p_equation(one.p_adjusted)} in the family"
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
    return _NOT_XML.sub("?", core.visible(text))


def write_texts(folder: Path, texts: Mapping[str, str]) -> list[Path]:
    """Texts by the names of their files, each in one stroke."""
    for name, text in texts.items():
        write_atomic(folder / name, text)
    return [folder / name for name in texts]
