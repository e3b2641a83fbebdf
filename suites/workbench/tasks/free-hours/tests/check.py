"""Does the code do what its docstrings say? cases.json holds snippets that leave a `result`, and what it should be.

What worked before ("kept") has to work still, or the reward is 0; else it is the share of the groups in "fixed" that are
right in full. The code runs in a process of its own, and nothing that it started is alive when the reward is written.
"""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

RUN = """
import json, os, sys
sys.path.insert(0, os.getcwd())
out = os.fdopen(os.dup(1), "w"); os.dup2(2, 1)
told = []
for snippet in json.load(sys.stdin):
    space = {}
    try:
        exec(snippet, space)
        told.append(json.loads(json.dumps(space["result"])))
    except BaseException as error:
        told.append({"raises": type(error).__name__})
json.dump(told, out); out.flush(); os._exit(0)
"""


def end(reward, why):
    parents = {os.getpid(), 1}
    at = os.getppid()
    while at > 1:
        parents.add(at)
        at = int(Path(f"/proc/{at}/stat").read_text().rpartition(")")[2].split()[1])
    for _ in range(20):
        others = [int(one) for one in os.listdir("/proc") if one.isdigit() and int(one) not in parents]
        if not others:
            break
        for one in others:
            try:
                os.kill(one, signal.SIGKILL)
            except OSError:
                pass
    logs = Path("/logs/verifier")
    for path in (Path("reward.txt"), Path("reward.json"), logs / "reward.txt", logs / "reward.json"):
        path.unlink(missing_ok=True)
    (logs / "reward.txt").write_text(f"{reward:.4f}\n")
    print(why)
    sys.exit()


def run(cases):
    """What each snippet gave; None: the process broke off."""
    given = json.dumps([snippet for snippet, _ in cases])
    command, pipe = [sys.executable, "-B", "-c", RUN], subprocess.PIPE
    try:
        done = subprocess.run(command, input=given, stdout=pipe, stderr=subprocess.DEVNULL, text=True, timeout=5)
        found = json.loads(done.stdout)
    except (subprocess.TimeoutExpired, ValueError, RecursionError):
        return [None] * len(cases)
    return found if isinstance(found, list) and len(found) == len(cases) else [None] * len(cases)


def first_wrong(cases):
    for (snippet, wanted), found in zip(cases, run(cases)):
        if found != wanted or type(found) is not type(wanted):
            return f"{snippet.splitlines()[-1].removeprefix('result = ')} gave {json.dumps(found)[:100]}"
    return ""


told = json.loads(Path(__file__).with_name("cases.json").read_text("utf-8"))
if broken := first_wrong(told["kept"]):
    end(0, f"what worked before is broken: {broken}")
wrong = {name: said for name, cases in told["fixed"].items() if (said := first_wrong(cases))}
if wrong:
    name, said = next(iter(wrong.items()))
    count = f"{len(wrong)} of {len(told['fixed'])} not right"
    end(1 - len(wrong) / len(told["fixed"]), f"{count}: {'; '.join(wrong)}. {name}: {said}")
end(1, "all is right")
