"""Are the root causes right, with their counts and times, in order?"""

import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.txt").write_text(f"{reward:g}\n")
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("causes.json")
if not path.is_file():
    end(0, "there is no causes.json")
try:
    found = json.loads(path.read_text("utf-8-sig"))
except (ValueError, RecursionError) as error:
    end(0, f"causes.json is no JSON: {error}")

if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
    end(0, "causes.json is not a list of objects")
if found == wanted:
    end(1, "all causes are right")
names = [one.get("exception") for one in found]
if sorted(map(str, names)) != sorted(one["exception"] for one in wanted):
    end(0, f"the exceptions are not the first ones of their chains: {', '.join(map(str, names))[:150]}")
given = {one["exception"]: one for one in found}
for one in wanted:
    for key in ("count", "first"):
        if given[one["exception"]].get(key) != one[key]:
            end(0, f"{one['exception']}: its {key} is not {json.dumps(given[one['exception']].get(key))[:60]}")
end(0, "the causes are right, their order is not")
