"""Whole-process figures, each beside a named peer measured in the same run. `make bench` calls it.

Nothing leaves this machine: the models are one local server that answers every question at once with the same word.
Wall times are of the machine as it is, so its load stands beside them; ratios are taken pair by pair, the two of a pair
one after the other.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measure import OWNBENCH, PYTHON, Process, busy, machine, measured, spread, table
from workload import CONTENDERS, make_experiment, make_outcomes, make_suite, make_wide

HERE = Path(__file__).parent
RESULTS = HERE / "RESULTS.md"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--attempts", type=int, nargs="+", default=[1_000, 10_000], help="sizes of the measured runs")
    parser.add_argument("--concurrency", type=int, default=64, help="requests in flight")
    parser.add_argument("--pairs", type=int, default=3, help="repetitions of each pair")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="what to measure")
    parser.add_argument("--million", action="store_true", help="resume and import a million, not a tenth of it")
    parser.add_argument("--write", action="store_true", help=f"write the tables to {RESULTS.name} too")
    args = parser.parse_args()
    # pip compiles what it installs, uv does not: the first run would be charged with it, or every run where this is set
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    os.environ["OMP_NUM_THREADS"] = "1"
    pieces = [f"# Benchmarks\n\nMachine: {machine()}; {busy()} at the start.\n"]
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder:
        for part in args.parts:
            pieces.append(PARTS[part](Path(folder) / part, args))
            print(pieces[-1], file=sys.stderr)
    text = "\n".join(pieces)
    print(text)
    if args.write:
        RESULTS.write_text(text, encoding="utf-8")


def attempts(folder: Path, args: argparse.Namespace) -> str:
    """``ownbench run`` beside a bare client that sends the same requests; alternating, bodies checked to be equal."""
    rows = []
    for size in args.attempts:
        tasks = make_suite(folder / f"suite-{size}", size)
        with served() as url:
            pairs = []
            for turn in range(-1, args.pairs):  # the first turn is a warm-up and is not counted
                report = make_experiment(folder / f"{size}-{turn}", tasks.parent, url, args.concurrency)
                ours = measured([*OWNBENCH, "run", report, "--quiet"])
                sent = seen(url)
                bare = measured(
                    [PYTHON, HERE / "bare_client.py", f"{url}/v1/chat/completions", tasks, str(args.concurrency)]
                )
                if sent != seen(url) or sent[0] != size:
                    raise RuntimeError("the two clients did not send the same requests")
                if turn >= 0:
                    pairs.append((ours, bare))
        rows += [
            _row(f"{size:,} attempts, `ownbench run`", [ours for ours, _ in pairs], size),
            _row(f"{size:,} requests, aiohttp alone", [bare for _, bare in pairs], size),
        ]
        ratios = spread([bare.wall_s / ours.wall_s for ours, bare in pairs])
        rows.append([f"{size:,}: share of the bare client's rate", ratios, "", "", ""])
    head = ["process", "wall s", "CPU s", "CPU µs each", "peak MiB"]
    return (
        f"## Attempts at concurrency {args.concurrency}\n\n"
        f"Median (smallest to largest) of {args.pairs} alternating pairs. From process start to exit: `ownbench run` "
        "also reads and checks the suite,\nwrites the journal attempt by attempt, grades, prices, and writes the "
        "tables. The server answers at once and shares\nthe machine with its client.\n\n" + table(head, rows) + "\n"
    )


SLOW_S, MANY = 0.05, 256


def waiting(folder: Path, args: argparse.Namespace) -> str:
    """A server that takes its time, asked by many at once; and the way through litellm."""
    size, rows = max(args.attempts), []
    tasks = make_suite(folder / "suite", size)
    ideal, shares = size / MANY * SLOW_S, []
    with served(SLOW_S) as url:
        pairs = []
        for turn in range(args.pairs):
            report = make_experiment(folder / f"slow-{turn}", tasks.parent, url, MANY)
            ours = measured([*OWNBENCH, "run", report, "--quiet"])
            asking_s = looked(url)[2]
            bare = measured([PYTHON, HERE / "bare_client.py", f"{url}/v1/chat/completions", tasks, str(MANY)])
            pairs.append((ours, bare))
            shares.append((ideal / asking_s, ideal / looked(url)[2]))
    rows += [
        _row(f"{size:,} attempts, `ownbench run`", [ours for ours, _ in pairs], size),
        _row(f"{size:,} requests, aiohttp alone", [bare for _, bare in pairs], size),
        ["share of the bare client's rate", spread([bare.wall_s / ours.wall_s for ours, bare in pairs]), "", "", ""],
        [f"what {MANY} places of {1000 * SLOW_S:g} ms allow at best", f"{ideal:.2f}", "", "", ""],
    ]
    for who, of in (("ours", [ours for ours, _ in shares]), ("aiohttp alone", [bare for _, bare in shares])):
        rows.append([f"share of that from the first request to the last: {who}", spread(of), "", "", ""])
    few = min(args.attempts)
    tasks = make_suite(folder / "few", few)
    os.environ["OPENAI_API_KEY"] = "none-is-needed"
    with served() as url:
        runs = [
            measured(
                [*OWNBENCH, "run", make_experiment(folder / f"l-{n}", tasks.parent, url, 64, "litellm"), "--quiet"]
            )
            for n in range(args.pairs)
        ]
    rows.append(_row(f"{few:,} attempts by litellm, a server that answers at once", runs, few))
    head = ["process", "wall s", "CPU s", "CPU µs each", "peak MiB"]
    return (
        f"## A server that takes {1000 * SLOW_S:g} ms, {MANY} requests at once; and litellm\n\nWhole processes, as "
        "above.\n\n" + table(head, rows) + "\n"
    )  # fmt: skip


def resuming(folder: Path, args: argparse.Namespace) -> str:
    """A report of many attempts, all but a few on record, is gone on with."""
    from million import rows

    with served() as url:
        found = rows(folder, 1_000_000 if args.million else 100_000, url)
    return (
        "## Resuming a long run\n\nThe journal is read, what is left is made, and all tables are written.\n\n"
        + table(["process", "wall s", "CPU s", "peak MiB"], found) + "\n"
    )  # fmt: skip


def importing(folder: Path, args: argparse.Namespace) -> str:
    """A long table of outcomes becomes a report, and is gated."""
    from importing import rows

    folder.mkdir()
    found = rows(folder, 1_000_000 if args.million else 100_000)
    return "## Importing and gating\n\n" + table(["process", "wall s", "CPU s", "peak MiB"], found) + "\n"


def startup(folder: Path, args: argparse.Namespace) -> str:
    """Commands that a person waits for, beside the interpreter and pandas."""
    size = 1_000
    tasks = make_suite(folder / "suite", size)
    with served() as url:
        report = make_experiment(folder / "report", tasks.parent, url, args.concurrency)
        measured([*OWNBENCH, "run", report, "--quiet"])
    commands = {
        "`python -c pass`": [PYTHON, "-c", "pass"],
        "`python -c 'import harness'`": [PYTHON, "-c", "import harness"],
        "`ownbench --help`": [*OWNBENCH, "--help"],
        "`python -c 'import pandas'`": [PYTHON, "-c", "import pandas"],
        f"`ownbench run`, all {size:,} attempts done": [*OWNBENCH, "run", report, "--quiet"],
        f"`ownbench show`, {size:,} outcomes": [*OWNBENCH, "show", report],
    }
    rows = []
    for name, command in commands.items():
        measured(command)
        rows.append(_row(name, [measured(command) for _ in range(max(3, args.pairs))]))
    return "## Start-up\n\n" + table(["process", "wall s", "CPU s", "peak MiB"], rows) + "\n"


def judging(folder: Path, args: argparse.Namespace) -> str:
    """All statistics of a million outcomes, beside single estimates by scipy.stats."""
    del args
    report = folder / "million"
    outcomes = make_outcomes(report)
    resamples, full = 1_000, 9_999
    ours = measured([*OWNBENCH, "show", report, "--json"])
    rows = [_row(f"`ownbench show --json`: all figures of {outcomes:,} outcomes", [ours])]
    two = ["--baseline-contender", "contender-0", "--candidate-contender", f"contender-{CONTENDERS - 1}"]
    gated = measured(
        [*OWNBENCH, "gate", report, report, *two, "--out", folder / "verdict", "--json"], accepted=(0, 1, 3)
    )
    rows.append(_row("`ownbench gate --json`: one verdict on two of these contenders", [gated]))
    peer = [PYTHON, HERE / "scipy_peer.py", report]
    loading = [measured([*peer, "bootstrap", str(resamples), "0"]) for _ in range(2)][-1]  # the first compiles scipy
    rows.append(_row("reading the same table and importing scipy.stats", [loading]))
    asked = subprocess.run([PYTHON, HERE / "loaded.py", report], capture_output=True, check=True, text=True)
    taken: dict[str, float] = json.loads(asked.stdout)
    rows += [[f"from evidence loaded once: {name}", "", f"{seconds:.2f}", ""] for name, seconds in taken.items()]
    for what, name, times in (
        ("bootstrap", "scipy.stats.bootstrap, one contender's interval", CONTENDERS),
        ("permutation", "scipy.stats.permutation_test, one comparison", CONTENDERS - 1),
    ):
        took = measured([*peer, what, str(resamples), "1"])
        rows.append(_row(f"{name}, {resamples} resamples", [took]))
        scaled = (took.cpu_s - loading.cpu_s) * full / resamples * times
        if what == "bootstrap":
            share = taken["the scoreboard"] / (took.cpu_s - loading.cpu_s)
            rows.append(["the whole scoreboard as a share of that one interval", "", f"{share:.2f}", ""])
        rows.append([f"the same {times} times at {full:,} resamples (scaled, not run)", "", f"{scaled:,.0f}", ""])
    return (
        "## Judging\n\nSynthetic outcomes: 10 contenders, 33,334 tasks, 3 trials, 20 domains. `ownbench show` gives "
        "each contender's rate, cost and\nlatency with intervals, in all and by domain, and 9 comparisons with tests; "
        "scipy gives one number a call.\n\n" + table(["process", "wall s", "CPU s", "peak MiB"], rows) + "\n"
    )


def pages(folder: Path, args: argparse.Namespace) -> str:
    """The dashboard of a million outcomes, and of 60 contenders in 200 domains, beside a page that says one word."""
    from pages import browsed

    report = folder / "million"
    outcomes = make_outcomes(report)
    wide = make_wide(folder / "table")
    for one in (report, wide):
        subprocess.run([*OWNBENCH, "report", one], check=True, capture_output=True)
    found = [browsed(one, folder / "word", args.pairs) for one in (report, wide)]
    rows = [[name, *(spread(seen[name]) for seen in found)] for name in found[0]]
    heads = ["from the request to, wall s", f"{outcomes:,} outcomes", "60 contenders, 200 domains"]
    return (
        "## The dashboard\n\nIn Chromium on the same machine, the server started 20 s before. First pictures are in an "
        "empty browser: most of\nit is Streamlit's own scripts. A page is done when the server has sent all of it.\n\n"
        + table(heads, rows) + "\n"
    )  # fmt: skip


def boxed(folder: Path, args: argparse.Namespace) -> str:  # noqa: ARG001
    """A box an attempt beside plain subprocesses; or why there is none."""
    from boxes import rows

    from harness.core import BoxError

    try:
        found = rows(200, 8)
    except BoxError as error:
        return f"## Boxes\n\nNot measured: {error}\n"
    return (
        "## Boxes at concurrency 8\n\nStart, one file in, five commands, one file out, close; in milliseconds.\n\n"
        + table(["process", "wall ms each", "CPU ms each"], found) + "\n"
    )  # fmt: skip


def pressed(folder: Path, args: argparse.Namespace) -> str:  # noqa: ARG001
    """Servers that refuse or slow down, asked adaptively and at the best fixed setting."""
    from limits import limits

    return limits(folder)


def local(folder: Path, args: argparse.Namespace) -> str:  # noqa: ARG001
    """Local models beside transformers' own batched generate."""
    from local import rows

    return (
        "## Local models\n\nThe demo's tasks as `base`, `tuned` and `skilled` ask them, from chat messages to texts. "
        "The peer is a plain script:\ntransformers' `generate`, tasks of one adapter together, sorted by length, "
        "padded on the left, in the best of three\nbatch sizes. CPU seconds, loading left out, in turns.\n\n"
        + table(["what", "answers", "CPU s", "answers a CPU second"], rows(60, args.pairs)) + "\n"
    )  # fmt: skip


PARTS = {
    "attempts": attempts,
    "waiting": waiting,
    "resuming": resuming,
    "importing": importing,
    "startup": startup,
    "judging": judging,
    "pages": pages,
    "boxes": boxed,
    "limits": pressed,
    "local": local,
}


def _row(name: str, runs: list[Process], each: int | None = None) -> list[str]:
    per = [] if each is None else [spread([run.cpu_s / each * 1e6 for run in runs], 0)]
    wall, cpu = spread([run.wall_s for run in runs]), spread([run.cpu_s for run in runs])
    return [name, wall, cpu, *per, spread([run.peak_mib for run in runs], 0)]


@contextmanager
def served(after_s: float = 0.0, *more: str) -> Iterator[str]:
    """The address of the local server, which lives as long as the block."""
    with subprocess.Popen(
        [PYTHON, str(HERE / "server.py"), str(after_s), *more], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None  # noqa: S101 - it is a pipe
        try:
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()


def seen(url: str) -> tuple[int, int]:
    """How many requests came since the last look, and their checksum."""
    return looked(url)[:2]


def looked(url: str) -> tuple[int, int, float]:
    """The same, and the seconds from the first to the last."""
    with urllib.request.urlopen(f"{url}/seen") as answer:  # noqa: S310 - our own server
        count, checksum, seconds = json.load(answer)
    return count, checksum, seconds


if __name__ == "__main__":
    main()
