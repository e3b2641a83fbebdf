"""``ownbench doctor``: what this machine can run. Sends nothing, and prints names of variables, never their values."""

import argparse
import os
import shutil
import sys
from typing import Any

from harness.cli.arguments import add_json
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
EXTRAS = {
    "torch": "local",
    "transformers": "local",
    "peft": "local",
    "litellm": "api",
    "datasets": "datasets",
    "trl": "tune",
    "streamlit": "app",
    "ray": "ray",
}  # packages, and the extra that installs each


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's arguments."""
    add_json(parser, "ownbench doctor")


def run(args: argparse.Namespace) -> int:
    """Prints what is here and what is missing, with the remedy."""
    found = examine()
    if args.json:
        write_json(found)
        return 0
    lines = [f"ownbench {found['version']}, Python {found['python']}, {found['cores']} cores\n\nbackends"]
    for name, backend in found["backends"].items():
        state = "ready" if backend["ready"] else f"missing {', '.join(backend['missing'])}: {backend['remedy']}"
        lines.append(f"  {name}: {state}")
    lines += [
        f"\n{kind}: {', '.join(found[kind])}" for kind in ("graders", "deliveries", "systems", "signals") if found[kind]
    ]
    lines += [f"broken: {line}" for line in found["broken"]]
    lines += ["\nextras", *(f"  {name}: {state}" for name, state in found["extras"].items())]
    lines.append(f"\nGPU: {found['gpu'] or 'none found'}")
    lines.append(f"keys set (usual names only): {', '.join(found['keys_set']) or 'none'}")
    sys.stdout.write("\n".join(lines) + "\n")
    return 0


def examine() -> dict[str, Any]:
    """What is installed and present; imports no heavy package."""
    import platform
    from importlib.metadata import PackageNotFoundError, version

    from harness import __version__
    from harness.grade import GRADERS
    from harness.model import BACKENDS
    from harness.system import DELIVERIES, SIGNALS, SYSTEMS

    def installed(package: str, extra: str) -> str:
        try:
            return version(package)
        except PackageNotFoundError:
            return f"not installed: {install_line(extra)}"

    backends: dict[str, object] = {}
    for name, backend in BACKENDS.items():
        if not backend.instead:
            missing = list(backend.missing())
            backends[name] = {"ready": not missing, "missing": missing, "remedy": backend.remedy(missing)}
    return {
        "version": __version__,
        "python": platform.python_version(),
        "cores": os.cpu_count(),
        "backends": backends,
        "graders": list(GRADERS),
        "deliveries": list(DELIVERIES),
        "systems": list(SYSTEMS),
        "signals": list(SIGNALS),
        "broken": [line for one in (BACKENDS, GRADERS, DELIVERIES, SIGNALS, SYSTEMS) for line in one.problems.values()],
        "extras": {package: installed(package, extra) for package, extra in EXTRAS.items()},
        "gpu": _gpu(),
        "keys_set": [name for name in KEYS if os.environ.get(name)],
    }


def _gpu() -> str | None:
    """The name of the first NVIDIA GPU, as its driver's own tool tells it."""
    import subprocess

    tool = shutil.which("nvidia-smi")
    if tool is None:
        return None
    command = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
    try:
        out = subprocess.run(command, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return out.stdout.strip().splitlines()[0] if out.returncode == 0 and out.stdout.strip() else None
