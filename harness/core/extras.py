"""What to install where a package is missing."""

import re

DISTRIBUTION = "ownbench"


def install_line(extra: str = "") -> str:
    """The command that brings an extra's packages, or the core's; each one by its own name, as the index knows it.

    The distribution itself is named in no such command: it is on no index, and another may take its name there.
    """
    from importlib.metadata import PackageNotFoundError, requires

    try:
        wanted = requires(DISTRIBUTION) or []
    except PackageNotFoundError:
        wanted = []
    names = [needed for line in wanted if (needed := _needed(line, extra))]
    if not names:
        return f"install the extra {extra!r} from the checkout: pip install -e '.[{extra}]'"
    return "pip install " + " ".join(f"'{name}'" for name in names)


def _needed(line: str, extra: str) -> str:
    """The requirement in a line of the distribution's metadata, where it belongs to ``extra``; else nothing."""
    name, _, marker = line.partition(";")
    of = re.search(r"""extra == ["']([\w-]+)["']""", marker)
    return name.strip() if (of.group(1) if of else "") == extra else ""
