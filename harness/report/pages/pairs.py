"""Which two contenders a page compares: the choice stands in the address as ``a`` and ``b``."""

from harness.analysis import Scoreboard
from harness.core import visible
from harness.report.pages.choices import choose
from harness.report.pages.parts import columns


def default_pair(view: Scoreboard) -> tuple[str, str]:
    """The option with the highest pass rate against the reference, or the two highest.

    What nobody could choose, and what was measured on other tasks than the rest, comes last. With one contender it
    stands on both sides.
    """
    last = view.yardsticks
    names = [c.name for c in sorted(view.shown, key=lambda c: (c.name in last, c.apart))]
    second = view.reference if view.reference in names else None
    first = next((name for name in names if name != second), names[0])
    if second is None:
        second = next((name for name in names if name != first), first)
    return first, second


def choose_pair(view: Scoreboard, other: Scoreboard | None = None) -> tuple[str, str]:
    """What the reader chose; the same contender may stand on both sides, which the page says.

    Args:
        view: the report of the first contender.
        other: the report of the second, where it is another one; the contender of the same name stands first there.
    """
    names = [c.name for c in view.shown]
    first, second = default_pair(view)
    names_b = names if other is None else [c.name for c in other.shown]
    if other is not None:
        second = first if first in names_b else names_b[0]
    left, right = columns(2)
    with left:
        a = choose("First contender", names, "a", index=names.index(first), words=visible)
    with right:
        b = choose("Second contender", names_b, "b", index=names_b.index(second), words=visible)
    return a, b
