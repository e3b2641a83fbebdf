"""``ownbench check``: a dry run. Everything is validated, nothing is written, nothing is sent but with ``--ping``."""

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.output import folder, plain, write_json

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.experiment import CheckResult
    from harness.run import Ping

DISCORDANT = (0.2, 0.5)
"""Assumed shares of tasks that only one of two contenders passes: alike ones, and ones that differ widely."""
SHOWN = 1200
"""Characters of a rendered prompt that are shown."""


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("report", type=Path, metavar="REPORT", help="a folder with experiment.yaml")
    parser.add_argument("--json", action="store_true", help="write the findings as JSON to standard output")
    parser.add_argument("--allow-outside", action="store_true", help="suites may name files out of their folders")
    parser.add_argument("--full", action="store_true", help="show prompts whole")
    parser.add_argument("--ping", action="store_true", help="call each model once, with a short question")
    parser.add_argument("--offline", action="store_true", help="refuse every call that leaves this machine")
    parser.epilog = "example: ownbench check reports/demo"


def run(args: argparse.Namespace) -> int:
    """Prints what a run would do; 0, 2 where a run would stop at once, as at a missing key, 4 where a ping failed."""
    from harness.core import as_json
    from harness.experiment import assemble, check
    from harness.run import ping

    if args.offline:  # suites of `datasets` are then read from its cache on this machine
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    assembled = assemble(folder(args.report), allow_outside=args.allow_outside)
    result = check(assembled, os.environ, offline=args.offline)
    if not args.json:
        _print(result, full=args.full)
        sys.stdout.flush()
    pings = ping(assembled, offline=args.offline) if args.ping else ()
    if args.json:
        write_json(as_json(result) | ({"pings": as_json(pings)} if args.ping else {}))
    elif pings:
        _print_pings(pings)
    if result.missing_keys:
        sys.stderr.write(f"ownbench: {'; '.join(result.missing_keys)}\n")
        return 2
    return 0 if all(answer.ok for answer in pings) else 4


def _print_pings(pings: "Sequence[Ping]") -> None:
    """One line a model, and what they cost together."""
    say = sys.stdout.write
    say("\n")
    for answer in pings:
        cost = "cost unknown" if answer.usd is None else f"${answer.usd:.6f}"
        told = plain(answer.problem) if answer.problem else f"{answer.seconds:.2f} s, {cost}"
        say(f"ping {plain(answer.model)}: {'ok' if answer.ok else 'FAILED'}, {told}\n")
    asked = [answer for answer in pings if answer.seconds is not None]
    known, unknown = [a.usd for a in asked if a.usd is not None], sum(a.usd is None for a in asked)
    say(f"the pings cost ${sum(known):.6f}" + (f" and {unknown} of unknown cost\n" if unknown else "\n"))


def _print(result: "CheckResult", *, full: bool) -> None:
    from harness.core import plural

    say = sys.stdout.write
    for suite in result.suites:
        domains = suite["domains"]
        assert isinstance(domains, list)  # noqa: S101
        say(
            f"suite {suite['name']} {suite['version']}: {plural(int(str(suite['tasks'])), 'task')} in "
            f"{plural(int(str(suite['clusters'])), 'cluster')}, {plural(len(domains), 'domain')}\n"
        )
    say("\n")
    for plan in result.plans:
        same = plan.calls_low == plan.calls_high
        calls = plural(plan.calls_low, "call") if same else f"{plan.calls_low:,}-{plan.calls_high:,} calls"
        cost = _usd(plan.usd_low, plan.usd_high)
        say(f"{plan.contender} ({plan.kind}): {plural(plan.attempts, 'attempt')}, {calls}, {cost}\n")
    unknown = any(p.usd_low is None or p.usd_high is None for p in result.plans)
    say(f"\n{plural(result.attempts, 'attempt')} in all, {result.done:,} recorded already\n")
    say(f"bill, roughly, from words and assumed answer lengths: {_usd(result.usd_low, result.usd_high)}")
    say(" and what has no known price\n" if unknown else "\n")
    if any(p.kind == "hybrid" for p in result.plans):
        say("(a hybrid uses the recorded answers of its parts: they are in its cost too, and on the bill once)\n")
    if result.budget_usd is not None:
        say(f"budget: ${result.budget_usd:,.2f}; a run stops when it is spent\n")
    say(f"{_power(result)}\n")
    for name in result.missing_prices:
        say(f"warning: the model {name} has no known price; its costs will be unknown\n")
    for text in result.warnings:
        say(f"warning: {plain(text)}\n")
    for prompt in result.prompts:
        tools = f", tools {', '.join(prompt.tools)}" if prompt.tools else ""
        say(f"\n--- {prompt.contender} asks {prompt.model} (suite {prompt.suite}, task {plain(prompt.task)}{tools})\n")
        for message in prompt.messages:
            text = plain(str(message.get("content") or ""), lines=True)
            if len(text) > SHOWN and not full:
                text = f"{text[:SHOWN]} … ({len(text):,} characters; --full shows all)"
            say(f"[{message['role']}] {text}\n")


def _power(result: "CheckResult") -> str:
    """The smallest difference that so many tasks can show, at a common share of discordant tasks."""
    from harness.core import plural
    from harness.stats import visible_difference

    tasks = sum(int(str(suite["tasks"])) for suite in result.suites)
    parts = []
    for share in DISCORDANT:
        delta = visible_difference(tasks, share)
        shown = "no difference at all" if delta is None else f"{100 * delta:.1f} points or more"
        parts.append(f"{shown} if only one of two contenders passes {share:.0%} of them")
    shown = ", ".join(parts)
    return f"power: {plural(tasks, 'task')} can show {shown} (80% power, two-sided 5%; clusters make it larger)"


def _usd(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "cost unknown"
    return f"${low:,.4f}" if abs(high - low) < 5e-5 else f"${low:,.4f}-{high:,.4f}"
