"""Runs every test file of a folder in a process of its own, and tells in a few lines what fails and where.

    python3 runtests.py [FOLDER] [--timeout 20]

Test files are test*.py and *_test.py, for unittest or with plain test functions. The exit code is 0 when all pass.
"""

import argparse
import os
import subprocess
import sys

RUN = """
import importlib.util, inspect, os, sys, traceback, unittest
path = sys.argv[1]; sys.path[:0] = [os.getcwd(), os.path.dirname(path)]
spec = importlib.util.spec_from_file_location("tested", path)
module = importlib.util.module_from_spec(spec); spec.loader.exec_module(module)
suite = unittest.defaultTestLoader.loadTestsFromModule(module)
for name, value in vars(module).items():
    if name.startswith("test") and inspect.isfunction(value) and not inspect.signature(value).parameters:
        suite.addTest(unittest.FunctionTestCase(value))
result = unittest.TestResult(); suite.run(result)
for case, text in result.failures + result.errors:
    lines = text.strip().splitlines()
    where = [line.strip() for line in lines if line.startswith("  File ")][-1:]
    print("FAIL", case.id() if "FunctionTestCase" not in case.id() else case._testFunc.__name__, "|", lines[-1], "|", *where)
print("RAN", result.testsRun, "failed", len(result.failures) + len(result.errors))
sys.exit(bool(result.failures or result.errors))
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", default=".")
    parser.add_argument("--timeout", type=float, default=20)
    args = parser.parse_args()
    files = sorted(
        os.path.join(at, name)
        for at, folders, names in os.walk(args.folder)
        for name in names
        if name.endswith(".py") and (name.startswith("test") or name.endswith("_test.py"))
    )
    failed = not files
    for path in files:
        whole = os.path.abspath(path)
        try:
            done = subprocess.run(
                [sys.executable, "-c", RUN, whole],
                cwd=args.folder,
                capture_output=True,
                text=True,
                timeout=args.timeout,
                stdin=subprocess.DEVNULL,
            )
        except subprocess.TimeoutExpired:
            print(f"{path}: not done after {args.timeout:g} s: an endless loop?")
            failed = True
            continue
        failed |= done.returncode != 0
        said = [line for line in done.stdout.splitlines() if line.startswith(("FAIL ", "RAN "))]
        if not said:
            said = [f"could not be loaded: {(done.stderr.strip().splitlines() or ['no output'])[-1]}"]
        print(f"{path}: {said[-1]}", *said[:-1][:15], sep="\n  ")
    if not files:
        print("no test files found")
    sys.exit(failed)


if __name__ == "__main__":
    main()
