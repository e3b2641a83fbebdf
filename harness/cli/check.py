"""``ownbench check``: a dry run. Everything is validated, nothing is written, nothing is sent but with ``--ping``."""

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from harness.cli.arguments import add_json, add_offline, add_report
from harness.cli.output import folder, plain, write_json
from harness.core import as_json, plural

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.run import Ping

DISCORDANT = (0.2, 0.5)
"""Assumed shares of tasks that only one of two contenders passes: alike ones, and ones that differ widely."""
SHOWN = 1200  # characters of a rendered prompt that are shown


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_report(parser, "a folder with experiment.yaml")
    parser.add_argument("--full", action="store_true", help="show prompts whole")
    parser.add_argument("--ping", action="store_true", help="call each model once, with a short question")
    add_offline(parser)
    add_json(parser, "ownbench check reports/demo")


def run(args: argparse.Namespace) -> int:
    """Prints what a run would do; 0, 2 where a run would stop at once, as at a missing key, 4 where a ping failed."""
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
    if result["missing_keys"]:
        sys.stderr.write(f"ownbench: {'; '.join(result['missing_keys'])}\n")
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
    asked = [answer.usd for answer in pings if answer.seconds is not None]
    known = [usd for usd in asked if usd is not None]
    unknown = f" and {len(asked) - len(known)} of unknown cost" if len(asked) > len(known) else ""
    say(f"the pings cost ${sum(known):.6f}{unknown}\n")


def _print(result: dict[str, Any], *, full: bool) -> None:

    lines = []
    for suite in result["suites"]:
        tasks, clusters = (plural(suite[f"{word}s"], word) for word in ("task", "cluster"))
        domains = plural(len(suite["domains"]), "domain")
        lines.append(f"suite {suite['name']} {suite['version']}: {tasks} in {clusters}, {domains}")
    lines.append("")
    for plan in result["plans"]:
        same = plan["calls_low"] == plan["calls_high"]
        calls = plural(plan["calls_low"], "call") if same else f"{plan['calls_low']:,}-{plan['calls_high']:,} calls"
        cost = _usd(plan["usd_low"], plan["usd_high"])
        lines.append(f"{plan['contender']} ({plan['kind']}): {plural(plan['attempts'], 'attempt')}, {calls}, {cost}")
    lines.append(f"\n{plural(result['attempts'], 'attempt')} in all, {result['done']:,} recorded already")
    unknown = any(p["usd_low"] is None or p["usd_high"] is None for p in result["plans"])
    bill = _usd(result["usd_low"], result["usd_high"]) + (" and what has no known price" if unknown else "")
    lines.append(f"bill, roughly, from words and assumed answer lengths: {bill}")
    if any(p["kind"] == "hybrid" for p in result["plans"]):
        lines.append(
            "(a hybrid uses the recorded answers of its parts: they are in its cost too, and on the bill once)"
        )
    if result["budget_usd"] is not None:
        lines.append(f"budget: ${result['budget_usd']:,.2f}; a run stops when it is spent")
    lines.append(_power(result))
    prices = [f"the model {name} has no known price; its costs will be unknown" for name in result["missing_prices"]]
    lines += [f"warning: {plain(text)}" for text in (*prices, *result["warnings"])]
    for prompt in result["prompts"]:
        tools = f", tools {', '.join(prompt['tools'])}" if prompt["tools"] else ""
        where = f"suite {prompt['suite']}, task {plain(prompt['task'])}{tools}"
        lines.append(f"\n--- {prompt['contender']} asks {prompt['model']} ({where})")
        for message in prompt["messages"]:
            text = plain(str(message.get("content") or ""), lines=True)
            if len(text) > SHOWN and not full:
                text = f"{text[:SHOWN]} … ({len(text):,} characters; --full shows all)"
            lines.append(f"[{message['role']}] {text}")
    sys.stdout.write("".join(f"{line}\n" for line in lines))


def _power(result: dict[str, Any]) -> str:
    """The smallest difference that so many tasks can show, at a common share of discordant tasks."""
    from harness.stats import visible_difference

    tasks, parts = sum(suite["tasks"] for suite in result["suites"]), []
    for share in DISCORDANT:
        delta = visible_difference(tasks, share)
        shown = "no difference at all" if delta is None else f"{100 * delta:.1f} points or more"
        parts.append(f"{shown} if only one of two contenders passes {share:.0%} of them")
    how = "80% power, two-sided 5%; clusters make it larger"
    return f"power: {plural(tasks, 'task')} can show {', '.join(parts)} ({how})"


def _usd(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "cost unknown"
    return f"${low:,.4f}" if abs(high - low) < 5e-5 else f"${low:,.4f}-{high:,.4f}"
