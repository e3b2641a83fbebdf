"""Whether two names are of one model: as an experiment names it, and as its server does in a reply."""

import re


def is_alike(one: str, other: str) -> bool:
    """Whether both name one model: without the provider's name, and one perhaps with its date or version."""
    short, long = sorted(map(_plain, (one, other)), key=len)
    return bool(short) and (short == long or bool(re.fullmatch(re.escape(short) + r"(-v?\d+k?)+", long)))


def is_related(asked: str, said: str) -> bool:
    """Whether a reply's name may be that of the model that was asked for: it holds its name, or is held by it.

    ``gpt-4o`` answers as ``gpt-4o-2024-08-06``, ``mistral-large-latest`` as ``mistral-large-2411``.
    """
    short, long = sorted((_plain(name).removesuffix("-latest") for name in (asked, said)), key=len)
    return not short or f"-{short}-" in f"-{long}-"


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9/]+", "-", name.lower()).strip("/").rpartition("/")[2].strip("-")
