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
    import importlib.util

    from harness.adapter import base_digest, check_adapter, load_adapter
    from harness.core import as_json

    adapter, base = load_adapter(args.adapter), args.base
    notes, said = list(adapter.warnings), "well formed; give --base MODEL to check the fit"
    if args.action == "check" and base is not None:
        if all(map(importlib.util.find_spec, ("torch", "transformers", "peft"))):
            from harness.model import fit_of

            notes += fit_of(args.adapter, base).notes
            said = "fits its base"
        else:
            check_adapter(adapter, base)
            said = "fits its base by names and shapes; with ownbench[local] every tensor is checked as a run does"
    found = None if base is None else {"path": str(base), "base_digest": base_digest(base)}
    if args.json:
        write_json(as_json(adapter) | {"warnings": notes} | ({} if found is None else {"base": found}))
        return 0
    say = sys.stdout.write
    say(f"{plain(adapter.name)}: LoRA of rank {adapter.rank}, {adapter.parameters:,} numbers\n")
    say(f"digest: {adapter.digest}\n")
    say(f"base: {plain(adapter.base_model)} {adapter.base_digest or '(digest not stated)'}\n")
    if found is not None:
        say(f"base_digest: {found['base_digest']} (of {plain(str(base))})\n")
    for key, value in adapter.card.items():
        say(f"  {key}: {plain(str(value))}\n")
    for warning in notes:
        say(f"warning: {plain(warning)}\n")
    if args.action == "check":
        say(f"{said}\n")
    return 0
