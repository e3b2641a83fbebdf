"""What it takes to resume a report with many recorded attempts: a journal by the program's own writer, then a run.

    python benchmarks/million.py [--attempts N]

All but ten attempts are on record, and there are no tables: the run reads the journal, makes the rest, and writes all.
"""

import argparse
import json
import tempfile
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from measure import OWNBENCH, Process, busy, machine, measured, spread, table
from workload import DOMAINS, make_suite

CONTENDERS, TRIALS, LEFT = 10, 10, 10


def make_report(folder: Path, attempts: int, url: str) -> Path:
    """A report's journal with all attempts on record but the last `LEFT`; it has no tables."""
    from harness.core import Call, Cost, Reply, Role, Status, Usage
    from harness.experiment import assemble
    from harness.run.trace import skipped
    from harness.store import Journal

    folder.mkdir(parents=True, exist_ok=True)
    make_suite(folder / "suite", attempts // (CONTENDERS * TRIALS))
    report = folder / "report"
    report.mkdir()
    experiment = {
        "name": "many",
        "suites": [str(folder / "suite")],
        "models": {"constant": {"backend": "openai", "model": "constant", "base_url": f"{url}/v1",
                                "sampling": {"temperature": 0, "max_tokens": 16},
                                "price": {"input_usd_per_million": 1.0, "output_usd_per_million": 2.0}}},
        "contenders": {f"c{n}": {"model": "constant", "twin": n} for n in range(1, CONTENDERS + 1)},
        "trials": TRIALS,
        "limits": {"concurrency": 16},
    }  # fmt: skip
    (report / "experiment.yaml").write_text(json.dumps(experiment))
    assembled = assemble(report)
    usage, cost = Usage(input=120, output=2, source="provider"), Cost(usd=0.000124, basis="tokens")
    with closing(Journal(report)) as journal:
        for attempt in assembled.attempts[LEFT:]:
            system = assembled.systems[attempt.contender][attempt.suite.name]
            (_, request), *_ = [system.calls(attempt.task)[1][0]]
            request = replace(request, trial=attempt.trial)
            reply = Reply(text=DOMAINS[0], usage=usage, latency_s=0.001, model_version="constant")
            call = Call(attempt_id=attempt.id, role=Role.ANSWER, model="constant", request_digest=request.digest,
                        usage=usage, cost=cost, latency_s=0.001, finish_reason="stop")  # fmt: skip
            journal.append_call(call, reply)
            outcome = replace(skipped(assembled, attempt, None), status=Status.PASSED, passed=True, score=1.0, run=1,
                              cost_usd=0.000124, latency_s=0.001, input_tokens=120, output_tokens=2, calls=1,
                              label_true=DOMAINS[0], label_predicted=DOMAINS[0])  # fmt: skip
            said = (*request.messages, {"role": "assistant", "content": reply.text})
            journal.append_attempt(outcome, said, "expected billing, found billing", (call.request_digest,))
    return report


def resumed(folder: Path, attempts: int, url: str) -> tuple[Process, Process]:
    """The run that goes on from there, and one that finds all done."""
    report = make_report(folder, attempts, url)
    going_on = measured([*OWNBENCH, "run", report, "--quiet"])
    if f"{attempts:,} of {attempts:,} recorded" not in going_on.output:
        raise RuntimeError(f"not all is there: {going_on.output[-500:]}")
    return going_on, measured([*OWNBENCH, "run", report, "--quiet"])


def rows(folder: Path, attempts: int, url: str) -> list[list[str]]:
    """The table's rows: process, wall and CPU seconds, peak memory."""
    names = (f"`ownbench run`, {attempts - LEFT:,} of {attempts:,} attempts on record", "the same again, all done")
    return [
        [name, spread([one.wall_s]), spread([one.cpu_s]), spread([one.peak_mib], 0)]
        for name, one in zip(names, resumed(folder, attempts, url), strict=True)
    ]


def main() -> None:
    from run import served

    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--attempts", type=int, default=1_000_000)
    args = parser.parse_args()
    print(f"Machine: {machine()}; {busy()}.\n")
    with tempfile.TemporaryDirectory(prefix="ownbench-") as folder, served() as url:
        print(table(["process", "wall s", "CPU s", "peak MiB"], rows(Path(folder), args.attempts, url)))


if __name__ == "__main__":
    main()
