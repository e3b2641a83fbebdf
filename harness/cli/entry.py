"""The frame: verbs, help, and how an error reaches the user (one line on standard error, and the exit code)."""

import argparse
import atexit
import gc
import importlib
import io
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, Never

from harness import __version__
from harness.cli.common import add_arguments
from harness.core import OwnbenchError, nearest

VERBS: dict[str, tuple[str, str]] = {
    "init": ("own_files", "write a small working experiment to edit"),
    "check": ("check", "a dry run: everything validated, prompts, plan, cost, what is missing"),
    "run": ("running", "run what is not yet done, with live progress; end with the scoreboard"),
    "regrade": ("running", "grade the stored answers again by the suites' present graders; no contender is called"),
    "ls": ("looking", "the reports of a folder: state, contenders, tasks, best pass rate, spent; trends"),
    "show": ("judging", "the scoreboard: pass rates with intervals, cost, latency, errors; failed tasks"),
    "compare": ("looking", "two contenders on the same tasks: difference, interval, test, flips"),
    "domains": ("judging", "differences by domain, tasks made worse, variance by domain, task and trial"),
    "factorial": ("judging", "tuned x skilled: two main effects and their interaction"),
    "advise": ("judging", "own, rent or mix: the cheapest at the required quality, with the break-even volume"),
    "gate": ("judging", "may the candidate replace the baseline: SHIP, BLOCK, INCONCLUSIVE or INVALID"),
    "baseline": ("judging", "lock the evidence that candidates are gated against"),
    "sweep": ("judging", "every escalation threshold replayed: cost, pass rate, controls, the honest choice"),
    "power": ("judging", "tasks needed for a difference, or the difference that so many tasks can show"),
    "audit": ("judging", "what two published pass counts support"),
    "report": ("judging", "write report.html, report.md, statistics.json and the figures"),
    "app": ("judging", "the dashboard, served on this machine"),
    "import": ("own_files", "import results of another tool"),
    "suite": ("suite", "a suite of tasks on its own: lint, show, grade, from (a table)"),
    "skill": ("skill", "skills: lint, search, show, improve, create"),
    "adapter": ("adapter", "an adapter: check, show, train, export, and data to train one"),
    "schema": ("own_files", "the JSON Schema of a file that you write, for editors"),
    "completion": ("looking", "a script by which a shell completes commands, reports and contenders"),
    "doctor": ("check", "what this machine can run: backends, keys set (names only)"),
}  # every verb: its module, which has ``ARGUMENTS["VERB"]`` and ``run_VERB``, and its line in the help

EXIT_CODES = (
    "exit codes: 0 done or SHIP, 1 BLOCK (or a lint found errors), 2 wrong use, 3 INCONCLUSIVE,\n"
    "4 the evidence cannot be judged, or a run is incomplete"
)


_WRITING = frozenset({"init", "run", "regrade", "baseline", "import", "report"})  # what they do is more than they print
_JUDGING = {verb for verb, (module, _) in VERBS.items() if module in {"judging", "looking"}} - {"app"}


class _WithoutPandas:
    """Arrow imports pandas where it is there: a quarter of a second and 40 MB, for which judging has no use."""

    def find_spec(self, name: str, *_: object) -> None:
        """Refuses pandas alone."""
        if name == "pandas":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


_QUOTED = r"'([^']*)'"
_CHOICE = re.compile(rf"(.+): invalid choice: {_QUOTED} \(choose from (.+)\)", re.DOTALL)  # as argparse says it


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one line, and which takes no option for another that it begins."""

    def __init__(self, *args: Any, **how: Any) -> None:
        super().__init__(*args, **{"allow_abbrev": False} | how)
        self._negative_number_matcher = re.compile(
            r"-\.?\d"
        )  # no option begins so: it is a value, and -1/10 a wrong one

    def error(self, message: str) -> Never:
        """Ends the program with the message and where help is."""
        for kind, needed in (("int", "a whole number"), ("float", "a number")):
            message = re.sub(rf"invalid {kind} value: ('.*')", rf"found \1, needed {needed}", message)
        if found := _CHOICE.fullmatch(message):
            message = f"{found[1]}: found {found[2]!r}; {nearest(found[2], re.findall(_QUOTED, found[3]))}"
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")


def configure(parser: argparse.ArgumentParser, verb: str) -> Any:
    """Adds the arguments of a verb to a parser; what runs it comes back. Imports the verb's module."""
    module = importlib.import_module(f"harness.cli.{VERBS[verb][0]}")
    add_arguments(parser, module.ARGUMENTS[verb] if verb in module.ARGUMENTS else module.import_arguments())
    return getattr(module, f"run_{verb}")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command line, by default the process's own without the program's name; returns its exit code."""
    # records hold no cycles, and there may be a million of them: looking at all of them again and again is for nothing
    gc.set_threshold(50_000, 20, 50)
    arguments = list(sys.argv[1:] if argv is None else argv)
    verb = next((a for a in arguments if not a.startswith("-")), None)
    if verb is not None and verb not in VERBS:
        sys.stderr.write(f"ownbench: unknown command {verb!r}; {nearest(verb, VERBS)} (see ownbench --help)\n")
        return 2
    if argv is None and "_ARGCOMPLETE" in os.environ:  # a shell asks how the line goes on
        from harness.cli.completing import complete

        line = os.environ.get("COMP_LINE", "").split()[1:]
        return complete(_parser(next((word for word in line if word in VERBS), None))[0])
    for name in ("stdout", "stderr"):
        _steady(name)
    if argv is None and verb in _JUDGING:
        sys.meta_path.insert(0, _WithoutPandas())
        # else pydantic searches every installed package for plugins
        os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
        # Arrow's own takes memory in pages of 2 MB, which the kernel fills with zeros before a word is read into them
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
    try:
        code = _dispatch(arguments, verb)
        sys.stdout.flush()
    except OwnbenchError as error:
        return _complain(str(error), error.exit_code)
    except KeyboardInterrupt:
        return _complain("stopped", 130)
    except OSError as error:  # a full disk, a folder that may not be written: the user's to fix, and no fault of ours
        where = f"{error.filename}: " if error.filename else ""
        taken = isinstance(error, (FileExistsError, NotADirectoryError))  # where a folder is to be made
        what = "a file of that name is in the way; name another place" if taken else error.strerror or str(error)
        return _complain(where + what, 2)
    failed = _failure(sys.stdout)
    if failed is None or isinstance(failed, BrokenPipeError):  # the reader of our output went away: no fault of ours
        return code
    text = f"standard output: {failed.strerror or failed}"
    if verb in _WRITING:
        return _complain(f"{text}; what was done is done, and not said", code)
    return _complain(f"{text}; what was found is not printed", code or 2)


def command() -> Never:
    """`main` as a process of its own, which ends with its exit code.

    What stands in memory goes to the system as it is: to take it apart object by object would take longer than many
    commands. Where a thread is still at work, Python ends as ever, and waits for it.
    """
    code = main()
    threads = sys.modules.get("threading")
    if threads is None or all(one.daemon or one is threads.main_thread() for one in threads.enumerate()):
        atexit._run_exitfuncs()  # noqa: SLF001 - as the interpreter's own end does; there is no other way to them
        for stream in filter(None, (sys.stdout, sys.stderr)):
            stream.flush()
        os._exit(code)
    sys.exit(code)


class _Steady(io.FileIO):
    """A stream that stops nobody: what it cannot write is dropped, so that no printing changes an exit code."""

    failed: OSError | None = None

    def write(self, data: Any, /) -> int:
        """As it is, until it fails."""
        if self.failed is None:
            try:
                return super().write(data)
            except OSError as error:
                self.failed = error
        return memoryview(data).nbytes


def _steady(name: str) -> None:
    """Makes a standard stream of this process one that stops nobody; one that was replaced stays as it is."""
    stream = getattr(sys, name)
    if stream is None:  # closed by whoever started us
        setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115
    elif stream is getattr(sys, f"__{name}__") and isinstance(stream, io.TextIOWrapper):
        steady = io.BufferedWriter(_Steady(stream.fileno(), "w", closefd=False))
        how = {key: getattr(stream, key) for key in ("encoding", "errors", "line_buffering", "write_through")}
        setattr(sys, name, io.TextIOWrapper(steady, **how))


def _failure(stream: Any) -> OSError | None:
    return getattr(getattr(getattr(stream, "buffer", None), "raw", None), "failed", None)


def _complain(text: str, code: int) -> int:
    """Says in one line on standard error what is wrong, and gives the exit code back."""
    # A file or a server may have put control characters into it.
    line = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    sys.stderr.write(f"ownbench: {line}\n")
    return code


def _parser(verb: str | None) -> tuple[Parser, Any, Parser]:
    """The whole command line with the arguments of one verb, which alone is imported; what runs it; and its parser."""
    raw = argparse.RawDescriptionHelpFormatter
    about = "Own a tuned model, rent a frontier model with good skills, or mix the two?"
    parser = Parser(prog="ownbench", description=about, epilog=EXIT_CODES, formatter_class=raw)
    parser.add_argument("--version", action="version", version=f"ownbench {__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="COMMAND", parser_class=Parser)
    run, chosen = None, parser
    for name, (_, summary) in VERBS.items():
        sub = verbs.add_parser(name, help=summary, description=summary, formatter_class=raw)
        if name == verb:
            run, chosen = configure(sub, name), sub
    return parser, run, chosen


def _dispatch(arguments: list[str], verb: str | None) -> int:
    parser, run, chosen = _parser(verb)
    args, unknown = parser.parse_known_args(arguments)
    if unknown:
        option = unknown[0].partition("=")[0]
        for action in chosen._actions:  # noqa: SLF001 - argparse has no public way to list its arguments
            if isinstance(action.choices, dict):
                chosen = next((action.choices[word] for word in arguments if word in action.choices), chosen)
        known = [word for word in chosen._option_string_actions if word.startswith("--")]  # noqa: SLF001
        near = f"; {nearest(option, known)}" if option.startswith("-") else ""
        chosen.error(f"unrecognized arguments: {' '.join(unknown)}{near}")
    if run is None:
        parser.print_help()
        return 0
    code: int = run(args)
    return code


if __name__ == "__main__":
    command()
