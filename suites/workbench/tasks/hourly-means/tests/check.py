"""Are the hourly means right, to a hundredth? The reward is the share of right hours."""

import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:.4f}\n")
    sys.exit()


def same(given, right):
    if right is None or isinstance(given, bool) or not isinstance(given, (int, float)):
        return given is None and right is None
    return abs(given - right) <= 0.0101


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("hourly.json")
if not path.is_file():
    end(0, "there is no hourly.json")
try:
    found = json.loads(path.read_text("utf-8-sig"))
except (ValueError, RecursionError) as error:
    end(0, f"hourly.json is no JSON: {error}")
if not isinstance(found, dict) or set(found) != set(wanted):
    end(0, f"the sensors should be {', '.join(sorted(wanted))}")
hours = [(sensor, hour) for sensor in wanted for hour in wanted[sensor]]
missing = object()
given = {(s, h): found[s].get(h, missing) if isinstance(found[s], dict) else missing for s, h in hours}
wrong = [(s, h) for s, h in hours if given[s, h] is missing or not same(given[s, h], wanted[s][h])]
if wrong:
    sensor, hour = wrong[0]
    shown = "missing" if given[wrong[0]] is missing else json.dumps(given[wrong[0]])[:40]
    end(
        1 - len(wrong) / len(hours),
        f"{len(wrong)} of {len(hours)} hours are wrong; the first is {sensor} {hour}: {shown}",
    )
end(1, "all hours are right")
