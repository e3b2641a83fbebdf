#!/bin/bash
set -e
python3 - <<'PY'
import json, re
old, new = (open(name).read().splitlines() for name in ("worker.log.1", "worker.log"))
again = next(n for n in range(len(new), 0, -1) if old[-n:] == new[:n])
jobs, tries = {}, 0
for line in old + new[again:]:
    m = re.match(r"\d{4}-\S+ \w+ w\d job=(\w+) try=(\d) (begun|succeeded|broke off)", line)
    if m:
        tries += m[3] == "begun"
        jobs[m[1]] = (int(m[2]), m[3])
ended = lambda *how: sorted(job for job, state in jobs.items() if state in how)
failed = ended((3, "broke off"))
succeeded = [job for job, (_, how) in jobs.items() if how == "succeeded"]
json.dump({
    "succeeded": len(succeeded), "first_time": len(ended((1, "succeeded"))), "failed": failed,
    "open": sorted(set(jobs) - set(succeeded) - set(failed)), "tries": tries,
}, open("jobs.json", "w"))
PY
