"""To come."""

from typing import TYPE_CHECKING

from harness.report.pages.parts import title

if TYPE_CHECKING:
    from harness.report.pages.shell import Shown


def page(shown: "Shown") -> None:
    """To come."""
    title("money")
