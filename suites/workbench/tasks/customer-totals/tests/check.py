"""Are the customers' totals right? The reward is the share of customers all of whose figures are."""

import json
import sys
from pathlib import Path


def end(reward, why):
    print(why)
    Path("/logs/verifier/reward.json").write_text(json.dumps({"reward": round(reward, 4)}))
    sys.exit()


wanted = json.loads(Path(__file__).with_name("expected.json").read_text("utf-8"))
path = Path("totals.json")
if not path.is_file():
    end(0, "there is no totals.json")
try:
    found = json.loads(path.read_text("utf-8-sig"))
except (ValueError, RecursionError) as error:
    end(0, f"totals.json is no JSON: {error}")
if not isinstance(found, dict):
    end(0, "totals.json is not an object")
problems = []
for name, figures in wanted.items():
    given = found.get(name)
    if not isinstance(given, dict):
        problems.append(f"{name} is missing")
        continue
    wrong = [key for key in figures if given.get(key) != figures[key]]
    if wrong:
        problems.append(f"{name}: wrong {', '.join(wrong)}")
extra = sorted(set(found) - set(wanted))
problems += [f"a customer that is not in customers.txt: {extra[0][:60]!r}"] if extra else []
right = len(wanted) - sum(problem.split(":")[0].removesuffix(" is missing") in wanted for problem in problems)
end(right / (len(wanted) + len(extra)), "; ".join(problems[:3]) or "all totals are right")
