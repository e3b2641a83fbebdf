"""``ownbench adapter``: an adapter by itself."""

import argparse
from pathlib import Path

from harness.cli.arguments import add_json
from harness.cli.output import say, write_json
from harness.core import as_json


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("action", choices=("check", "show"), help="check: does it fit its base; show: what it is")
    parser.add_argument("adapter", type=Path, metavar="ADAPTER", help="the folder that PEFT wrote")
    parser.add_argument("--base", type=Path, metavar="MODEL", help="the base model's folder, to check against")
    add_json(parser, "ownbench adapter check adapters/ticket-routing --base adapters/base/worker")


def run(args: argparse.Namespace) -> int:
    """Prints the adapter's facts, after checking it where asked."""
    import importlib.util

    from harness.adapter import base_digest, check_adapter, load_adapter

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
    say(
        (
            f"{adapter.name}: LoRA of rank {adapter.rank}, {adapter.parameters:,} numbers",
            f"digest: {adapter.digest}",
            f"base: {adapter.base_model} {adapter.base_digest or '(digest not stated)'}",
            *([] if found is None else [f"base_digest: {found['base_digest']} (of {base})"]),
            *(f"  {key}: {value}" for key, value in adapter.card.items()),
            *(f"warning: {warning}" for warning in notes),
            *([said] if args.action == "check" else []),
        )
    )
    return 0
