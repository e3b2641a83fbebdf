"""``ownbench doctor``: what this machine can run. Sends nothing, and prints names of variables, never their values."""

import argparse
import os
import shutil
import sys
from typing import Any

from harness.cli.output import write_json
from harness.core import install_line

KEYS = (
    "ANTHROPIC_API_KEY",
    "OPENAI_API_KEY",
    "GEMINI_API_KEY",
    "AZURE_API_KEY",
    "AWS_ACCESS_KEY_ID",
    "MISTRAL_API_KEY",
    "GROQ_API_KEY",
    "FIREWORKS_AI_API_KEY",
    "TOGETHERAI_API_KEY",
    "OPENROUTER_API_KEY",
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    parser.add_argument("--json", action="store_true", help="write JSON to standard output")
    parser.epilog = "example: ownbench doctor"


def run(args: argparse.Namespace) -> int:
    """Prints what is here and what is missing, with the remedy."""
    found = examine()
    if args.json:
        write_json(found)
        return 0
    say = sys.stdout.write
    say(f"ownbench {found['version']}, Python {found['python']}, {found['cores']} cores\n\nbackends\n")
    for name, backend in found["backends"].items():
        state = "ready" if backend["ready"] else f"missing {', '.join(backend['missing'])}: {backend['remedy']}"
        say(f"  {name}: {state}\n")
    for kind in ("graders", "deliveries", "signals"):
        say(f"\n{kind}: {', '.join(found[kind])}\n")
    for line in found["broken"]:
        say(f"broken: {line}\n")
    say("\nextras\n")
    for name, state in found["extras"].items():
        say(f"  {name}: {state}\n")
    gpu = found["gpu"]
    say(f"\nGPU: {gpu or 'none found'}\n")
    keys = ", ".join(found["keys_set"]) or "none"
    say(f"keys set (usual names only): {keys}\n")
    return 0


def examine() -> dict[str, Any]:
    """What is installed and present; imports no heavy package."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from harness import __version__
    from harness.grade import GRADERS
    from harness.model import BACKENDS
    from harness.system import DELIVERIES, SIGNALS

    def installed(package: str) -> str | None:
        try:
            return version(package)
        except PackageNotFoundError:
            return None

    backends: dict[str, object] = {}
    for name, backend in BACKENDS.items():
        if backend.instead:
            continue
        missing = list(backend.missing())
        backends[name] = {"ready": not missing, "missing": missing, "remedy": backend.remedy(missing)}
    extras = {
        what: installed(package) or f"not installed: {install_line(extra)}"
        for what, package, extra in (
            ("torch", "torch", "local"),
            ("transformers", "transformers", "local"),
            ("peft", "peft", "local"),
            ("litellm", "litellm", "api"),
            ("datasets", "datasets", "datasets"),
            ("trl", "trl", "tune"),
            ("streamlit", "streamlit", "app"),
            ("ray", "ray", "ray"),
        )
    }
    return {
        "version": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "backends": backends,
        "graders": list(GRADERS),
        "deliveries": list(DELIVERIES),
        "signals": list(SIGNALS),
        "broken": [line for one in (BACKENDS, GRADERS, DELIVERIES, SIGNALS) for line in one.problems.values()],
        "extras": extras,
        "gpu": _gpu(),
        "keys_set": [name for name in KEYS if os.environ.get(name)],
    }


def _gpu() -> str | None:
    """The name of the first NVIDIA GPU, as its driver's own tool tells it."""
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    try:
        out = subprocess.run(
            [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"],
            capture_output=True,
            text=True,
            timeout=10,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.stdout.strip().splitlines()[0] if out.returncode == 0 and out.stdout.strip() else None
