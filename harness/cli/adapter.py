"""``ownbench adapter``: an adapter by itself."""

import argparse
import sys
from pathlib import Path

from harness.cli.output import plain, write_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("action", choices=("check", "show"), help="check: does it fit its base; show: what it is")
    parser.add_argument("adapter", type=Path, metavar="ADAPTER", help="the folder that PEFT wrote")
    parser.add_argument("--base", type=Path, metavar="MODEL", help="the base model's folder, to check against")
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    parser.epilog = "example: ownbench adapter check adapters/ticket-routing --base adapters/base/worker"


def run(args: argparse.Namespace) -> int:
    """Prints the adapter's facts, after checking it where asked."""
    from harness.adapter import check_adapter, load_adapter
    from harness.core import as_json

    adapter = load_adapter(args.adapter)
    if args.base is not None:
        check_adapter(adapter, args.base)
    if args.json:
        write_json(as_json(adapter))
        return 0
    say = sys.stdout.write
    say(f"{plain(adapter.name)}: LoRA of rank {adapter.rank}, {adapter.parameters:,} numbers\n")
    say(f"digest: {adapter.digest}\n")
    say(f"base: {plain(adapter.base_model)} {adapter.base_digest or '(digest not stated)'}\n")
    for key, value in adapter.card.items():
        say(f"  {key}: {plain(str(value))}\n")
    for warning in adapter.warnings:
        say(f"warning: {plain(warning)}\n")
    if args.action == "check":
        say("fits its base\n" if args.base is not None else "well formed; give --base MODEL to check the fit\n")
    return 0
