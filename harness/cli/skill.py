"""``ownbench skill``: skills by themselves."""

import argparse
import sys
from pathlib import Path

from harness.cli.arguments import add_json
from harness.cli.output import plain, say, write_json
from harness.core import UsageError, as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    lint = actions.add_parser("lint", help="hold skills against the Agent Skills format")
    lint.add_argument("path", type=Path, metavar="PATH", help="a skill's folder, or a folder of skills")
    search = actions.add_parser("search", help="the skills of a library that fit a query best (BM25)")
    search.add_argument("path", type=Path, metavar="LIB")
    search.add_argument("query", metavar="QUERY")
    search.add_argument("-k", type=int, default=5, help="how many (default 5)")
    show = actions.add_parser("show", help="a skill as a model is shown it")
    show.add_argument("path", type=Path, metavar="PATH")
    for action in (lint, search, show):
        add_json(action)
    parser.epilog = "example: ownbench skill lint skills"


def run(args: argparse.Namespace) -> int:
    """Prints what was asked for; lint returns 1 where a skill is invalid."""
    return {"lint": _lint, "search": _search, "show": _show}[args.action](args)


def _lint(args: argparse.Namespace) -> int:
    from harness.skill import lint_library

    results = lint_library(args.path)
    if args.json:
        write_json({"skills": as_json(results)})
    else:
        for result in results:
            say([f"{result.path}: {'valid' if result.valid else 'INVALID'}"])
            say(f"  error: {text}" for text in result.errors)
            say(f"  warning: {text}" for text in result.warnings)
    return 0 if all(result.valid for result in results) else 1


def _search(args: argparse.Namespace) -> int:
    from harness.skill import load_library, search

    if args.k < 1:
        raise UsageError(f"-k is {args.k}; give a number from 1")
    hits = search(load_library(args.path), args.query, args.k)
    if args.json:
        write_json({"hits": [{"name": s.name, "path": s.folder.as_posix(), "score": score} for s, score in hits]})
    else:
        lines = [f"{score:7.3f}  {skill.name}: {skill.description}" for skill, score in hits]
        say(lines or ["no skill shares a word with the query"])
    return 0


def _show(args: argparse.Namespace) -> int:
    from harness.skill import read_library, skill_content

    library = read_library(args.path)
    if args.json:
        write_json({"skills": as_json(library.skills), "skipped": as_json(library.skipped)})
    else:
        for skill in library.skills:
            sys.stdout.write(f"{plain(skill_content(skill.name, skill.body, skill.files), lines=True)}\n")
            say(f"warning: {text}" for text in skill.warnings)
        say(f"skipped: {skipped.path}: {skipped.reason}" for skipped in library.skipped)
    return 0
