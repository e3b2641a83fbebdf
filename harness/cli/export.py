"""``ownbench adapter export``: what serves an adapter, and what a report says of it, in one folder."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from harness.cli.common import FLAG, JSON, Arguments, answer, arg, read, report_folder
from harness.core import UsageError

if TYPE_CHECKING:
    from harness.train import Measured

DTYPES = ("float32", "bfloat16", "float16")
EXPORT: Arguments = (
    arg("adapter ADAPTER", "the folder that PEFT wrote", type=Path),
    arg("--report REPORT", "a report that measured it, for the card (repeatable)", type=report_folder, action="append"),
    arg("--out DIR", "the folder to make (default: exports/NAME, by the adapter's name)", type=Path),
    arg("--base MODEL", "the base model's folder (default: as the adapter's card says)", type=Path),
    arg("--merged", "the weights of base and adapter as one model too", **FLAG),
    arg(
        "--image IMAGE", "the container's image, with its version (default: vLLM's own, of the version that was tried)"
    ),
    arg("--dtype", "the precision that is served (default: the base's own)", choices=DTYPES, default=None),
    arg("--max-model-len N", "tokens of a prompt with its answer (default: as many as the base reads)", type=int),
    arg("--gpus N", "GPUs that share the model", default=1),
    JSON,
    "Nothing is sent, and no key or place of this machine is in the files.",
    "ownbench adapter export adapters/ticket-routing --report reports/demo --out exports/tickets",
)


def write_export(args: argparse.Namespace) -> int:
    """Writes the folder, and says what is in it."""
    from harness.train import ExportOptions, export_adapter

    given = {key: getattr(args, key) for key in ("base", "image", "dtype", "max_model_len", "gpus", "merged")}
    options = ExportOptions(**{key: value for key, value in given.items() if value is not None})
    out = args.out or Path("exports") / args.adapter.resolve().name
    if out.exists():
        raise UsageError(f"{out}: exists already; give another --out")
    measured = _measured(args.report, args.adapter) if args.report else None
    found = export_adapter(args.adapter, out, options, measured)
    lines = [
        f"wrote {out}: {', '.join(name for name in found['files'] if '/' not in name)}",
        *([f"  {out}/merged: base and adapter as one model"] if args.merged else []),
        f"  {found['command']}",
        *(f"  note: {note}" for note in found["notes"]),
        *([] if measured else ["  the card has no figures: --report REPORT takes them from a report"]),
    ]
    return answer(args, found, lines)


def _measured(reports: Sequence[Path], adapter: Path) -> "Measured":
    """What the judging half says of the adapter, as text: the other half reads no statistics."""
    from harness.adapter import load_adapter
    from harness.analysis import adapter_use
    from harness.report import adapter_results, passes_nothing
    from harness.store import read_ahead
    from harness.train import Measured

    one, uses = load_adapter(adapter), []
    for report in reports:
        with read(report) as folder:
            read_ahead(folder)
            uses.append(adapter_use(folder, one.digest, one.name))
    text, results, limits = adapter_results(uses)
    suites = tuple(dict.fromkeys(row.domain for use in uses for row in use.rows if not row.general))
    return Measured(text=text, results=results, suites=suites, limits=limits, unfit=passes_nothing(uses))
