"""``ownbench adapter``: what an adapter is, and whether it fits its base."""

import argparse
from pathlib import Path

from harness.cli.common import JSON, Arguments, answer, arg
from harness.core import as_json

ADAPTER = (
    arg("adapter ADAPTER", "the folder that PEFT wrote", type=Path),
    arg("--base MODEL", "the base model's folder, to check against", type=Path),
    JSON,
)
ACTIONS: dict[str, tuple[str, Arguments]] = {
    "check": ("whether an adapter fits its base", ADAPTER),
    "show": ("what an adapter is", ADAPTER),
}
ARGUMENTS: dict[str, Arguments] = {
    "adapter": (ACTIONS, "ownbench adapter check adapters/ticket-routing --base adapters/base/worker"),
}


def run_adapter(args: argparse.Namespace) -> int:
    """Prints the adapter's facts, after checking it where asked; 0."""
    from importlib.util import find_spec

    from harness.adapter import base_digest, check_adapter, load_adapter

    adapter, base = load_adapter(args.adapter), args.base
    notes, said = list(adapter.warnings), "well formed; give --base MODEL to check the fit"
    if args.action == "check" and base is not None:
        if all(map(find_spec, ("torch", "transformers", "peft"))):
            from harness.model import fit_of

            notes += fit_of(args.adapter, base).notes
            said = "fits its base"
        else:
            check_adapter(adapter, base)
            said = "fits its base by names and shapes; with ownbench[local] every tensor is checked as a run does"
    found = {} if base is None else {"base": {"path": str(base), "base_digest": base_digest(base)}}
    lines = [
        f"{adapter.name}: LoRA of rank {adapter.rank}, {adapter.parameters:,} numbers",
        f"digest: {adapter.digest}",
        f"base: {adapter.base_model} {adapter.base_digest or '(digest not stated)'}",
        *(f"base_digest: {one['base_digest']} (of {base})" for one in found.values()),
        *(f"  {key}: {value}" for key, value in adapter.card.items()),
        *(f"warning: {warning}" for warning in notes),
        *([said] if args.action == "check" else []),
    ]
    return answer(args, as_json(adapter) | {"warnings": notes} | found, lines)
