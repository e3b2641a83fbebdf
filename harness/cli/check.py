"""``ownbench check`` and ``doctor``: what a run would do, and what this machine can run. Nothing is written."""

import argparse
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from harness.cli.common import EXPERIMENT, FLAG, JSON, OFFLINE, Arguments, answer, arg, say
from harness.core import as_json, install_line, plural, visible

if TYPE_CHECKING:
    from harness.run import Ping

DISCORDANT = (0.2, 0.5)
"""Assumed shares of tasks that only one of two contenders passes: alike ones, and ones that differ widely."""
SHOWN = 1200  # characters of a rendered prompt that are shown


ARGUMENTS: dict[str, Arguments] = {
    "check": (
        EXPERIMENT,
        arg("--full", "show prompts whole", **FLAG),
        arg("--ping", "call each model once, with a short question", **FLAG),
        *OFFLINE,
        JSON,
        "ownbench check reports/demo",
    ),
    "doctor": (JSON, "ownbench doctor"),
}


def run_check(args: argparse.Namespace) -> int:
    """Prints what a run would do; 0, 2 where a run would stop at once, as at a missing key, 4 where a ping failed."""
    from harness.experiment import assemble, check
    from harness.run import ping

    if args.offline:  # suites of `datasets` are then read from its cache on this machine
        os.environ.update(HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1")
    assembled = assemble(args.report, allow_outside=args.allow_outside)
    result = check(assembled, os.environ, offline=args.offline)
    if not args.json:
        say(_lines(result, full=args.full))
        sys.stdout.flush()
    pings = ping(assembled, offline=args.offline) if args.ping else ()
    if args.json:
        answer(args, as_json(result) | ({"pings": pings} if args.ping else {}))
    elif pings:
        say(_ping_lines(pings))
    if result["missing_keys"]:
        sys.stderr.write(f"ownbench: {'; '.join(result['missing_keys'])}\n")
        return 2
    return 0 if all(one.ok for one in pings) else 4


def _ping_lines(pings: "Sequence[Ping]") -> Iterator[str]:
    """One line a model, and what they cost together."""
    yield ""
    for one in pings:
        told = one.problem or f"{one.seconds:.2f} s, {'cost unknown' if one.usd is None else f'${one.usd:.6f}'}"
        yield f"ping {one.model}: {'ok' if one.ok else 'FAILED'}, {told}"
    asked = [one.usd for one in pings if one.seconds is not None]
    known = [usd for usd in asked if usd is not None]
    unknown = f" and {len(asked) - len(known)} of unknown cost" if len(asked) > len(known) else ""
    yield f"the pings cost ${sum(known):.6f}{unknown}"


def _lines(result: dict[str, Any], *, full: bool) -> Iterator[str]:
    for suite in result["suites"]:
        tasks, clusters = (plural(suite[f"{word}s"], word) for word in ("task", "cluster"))
        domains = plural(len(suite["domains"]), "domain")
        taught = f"; {plural(suite['train_tasks'], 'train task')}, which teach" if suite["train_tasks"] else ""
        yield f"suite {suite['name']} {suite['version']}: {tasks} in {clusters}, {domains}{taught}"
    yield ""
    for plan in result["plans"]:
        cost = _usd(plan["usd_low"], plan["usd_high"])
        where, many = " each in a box" if plan["box"] else "", plural(plan["attempts"], "attempt")
        yield f"{plan['contender']} ({plan['kind']}): {many}{where}, {_calls(plan)}, {cost}"
    for judge in result["judges"]:
        yield f"judge {judge['judge']} ({judge['model']}): {_calls(judge)}, {_usd(judge['usd_low'], judge['usd_high'])}"
    yield from ("", f"{plural(result['attempts'], 'attempt')} in all, {result['done']:,} recorded already")
    unknown = any(p["usd_low"] is None or p["usd_high"] is None for p in (*result["plans"], *result["judges"]))
    bill = _usd(result["usd_low"], result["usd_high"]) + (" and what has no known price" if unknown else "")
    yield f"bill, roughly, from words and assumed answer lengths: {bill}"
    if any(p["kind"] == "hybrid" for p in result["plans"]):
        yield "(a hybrid uses the recorded answers of its parts: they are in its cost too, and on the bill once)"
    if result["budget_usd"] is not None:
        yield f"budget: ${result['budget_usd']:,.2f}; a run stops when it is spent"
    if (cache := result["cache"]) is not None:
        kept = "answers in it are not paid again, of which the bill knows nothing"
        yield f"answer cache {cache['path']} ({cache['mode']}): {kept if cache['exists'] else 'not there yet'}"
    yield _power(sum(suite["judging_tasks"] for suite in result["suites"]))
    for name in result["missing_prices"]:
        yield f"warning: the model {name} has no known price; its costs will be unknown"
    yield from (f"warning: {text}" for text in result["warnings"])
    for prompt in result["prompts"]:
        tools = f", tools {', '.join(prompt['tools'])}" if prompt["tools"] else ""
        where = f"suite {prompt['suite']}, task {prompt['task']}{tools}"
        yield from ("", f"--- {prompt['contender']} asks {prompt['model']} ({where})")
        for message in prompt["messages"]:
            text = str(message.get("content") or "")
            whole = "\n".join(map(visible, text.split("\n")))
            if len(whole) > SHOWN and not full:
                whole = f"{whole[:SHOWN]} … ({len(whole):,} characters; --full shows all)"
            yield from f"[{message['role']}] {whole}".split("\n")


def _power(count: int) -> str:
    """What so many tasks can show."""
    from harness.stats import visible_difference

    if not count:
        return "power: none, for train tasks teach and judge nothing"
    parts = []
    for share in DISCORDANT:
        delta = visible_difference(count, share)
        shown = "none" if delta is None else f"{100 * delta:.1f} points"
        parts.append(f"{shown} where two contenders disagree on {share:.0%} of them")
    how = "80% power, two-sided 5%; clusters make it larger"
    return f"power: {plural(count, 'task')} can show, as the smallest difference, {'; '.join(parts)} ({how})"


def _calls(plan: dict[str, Any]) -> str:
    low, high = plan["calls_low"], plan["calls_high"]
    return plural(low, "call") if low == high else f"{low:,}-{high:,} calls"


def _usd(low: float | None, high: float | None) -> str:
    if low is None or high is None:
        return "cost unknown"
    return f"${low:,.4f}" if abs(high - low) < 5e-5 else f"${low:,.4f}-{high:,.4f}"


# ------------------------------------------------------------------------------------------------------------- doctor

KEYS = [
    *(f"{who}_API_KEY" for who in ("ANTHROPIC", "OPENAI", "GEMINI", "AZURE", "MISTRAL", "GROQ", "FIREWORKS_AI")),
    *("TOGETHERAI_API_KEY", "OPENROUTER_API_KEY", "AWS_ACCESS_KEY_ID"),
]
EXTRAS = "torch=local transformers=local peft=local litellm=api datasets=datasets trl=tune streamlit=app ray=ray"
"""Packages, and the extra that installs each."""


def run_doctor(args: argparse.Namespace) -> int:
    """Prints what is here and what is missing, with the remedy; of variables their names, never their values. 0."""
    found = examine()
    lines = [f"ownbench {found['version']}, Python {found['python']}, {found['cores']} cores", "", "backends"]
    for name, backend in found["backends"].items():
        state = "ready" if backend["ready"] else f"missing {', '.join(backend['missing'])}: {backend['remedy']}"
        lines.append(f"  {name}: {state}")
    for kind in ("graders", "deliveries", "systems", "signals", "tools"):
        lines += ["", f"{kind}: {', '.join(found[kind])}"] if found[kind] else []
    lines += [f"broken: {line}" for line in found["broken"]]
    lines += ["", "extras", *(f"  {name}: {state}" for name, state in found["extras"].items())]
    lines += ["", "sandbox"]
    for name, box in found["sandbox"].items():
        alike = {
            how: [limit for limit, other in box["limits"].items() if other == how] for how in box["limits"].values()
        }
        limits = "; ".join(f"{', '.join(names)}: {how}" for how, names in alike.items())
        lines += (
            [f"  {name}: ready", f"    limits: {limits}"]
            if box["usable"]
            else [f"  {name}: not usable: {box['problem']}"]
        )
    if not any(box["usable"] for box in found["sandbox"].values()):
        lines.append("  no command of a model or a suite runs on this machine: never without a sandbox")
    lines += ["", f"GPU: {found['gpu'] or 'none found'}"]
    return answer(args, found, [*lines, f"keys set (usual names only): {', '.join(found['keys_set']) or 'none'}"])


def examine() -> dict[str, Any]:
    """What is installed and present; imports no heavy package."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from harness import __version__
    from harness.grade import GRADERS
    from harness.model import BACKENDS
    from harness.sandbox import probe_all
    from harness.system import BOX_TOOLS, DELIVERIES, SIGNALS, SYSTEMS

    def installed(package: str, extra: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return f"not installed: {install_line(extra)}"

    gpu = None
    with suppress(OSError, subprocess.SubprocessError, IndexError):
        command = ["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]
        out = subprocess.run(command, capture_output=True, text=True, timeout=10, check=True).stdout
        gpu = out.strip().splitlines()[0]
    plugins: dict[str, Any] = {"graders": GRADERS, "deliveries": DELIVERIES, "systems": SYSTEMS, "signals": SIGNALS}
    plugins["tools"] = BOX_TOOLS
    backends: dict[str, object] = {}
    for name, backend in BACKENDS.items():
        missing = list(backend.missing())
        backends[name] = {"ready": not missing, "missing": missing, "remedy": backend.remedy(missing)}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "backends": backends,
        **{kind: list(known) for kind, known in plugins.items()},
        "broken": [line for known in (BACKENDS, *plugins.values()) for line in known.problems.values()],
        "extras": {package: installed(package, extra) for package, extra in (e.split("=") for e in EXTRAS.split())},
        "sandbox": as_json(probe_all()),  # by backend: usable, why not, and what each limit rests on
        "gpu": gpu,  # the name of the first NVIDIA GPU, as its driver's own tool tells it
        "keys_set": [name for name in KEYS if os.environ.get(name)],
    }
