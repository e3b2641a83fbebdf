"""Each judgement from evidence that is loaded once, as the dashboard asks for it: seconds of CPU, as JSON.

Usage: loaded.py REPORT
"""

import json
import sys
import time
from pathlib import Path
from typing import Any

from harness.analysis import domains, load_evidence, pair, scoreboard
from harness.verdict import SweepSettings, advice_inputs_of, advise_at, load_assumptions, sweep_of


def main(report: Path) -> None:
    load_evidence(report)  # the first call loads libraries
    started = time.process_time()
    table, manifest = load_evidence(report)
    seconds = {"loading the evidence": time.process_time() - started}
    a, b = table.contenders[0], table.contenders[-1]
    points = SweepSettings(intervals=False)
    judgements: dict[str, Any] = {
        "the scoreboard": lambda: scoreboard((table, manifest)),
        "one comparison": lambda: pair((table, manifest), b, a),
        "one comparison by domain": lambda: domains((table, manifest), b, a),
        "the advice": lambda: advise_at(advice_inputs_of(table, manifest), load_assumptions(report)),
        "one sweep, figures alone": lambda: sweep_of(table, manifest, a, b, settings=points),
        "one sweep, with its intervals": lambda: sweep_of(table, manifest, a, b),
    }
    for name, judgement in judgements.items():
        started = time.process_time()
        judgement()
        seconds[name] = time.process_time() - started
    print(json.dumps(seconds))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
