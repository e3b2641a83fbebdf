"""The frame of the dashboard: which reports, which part of them, which page, and what is said when one is broken.

The state is in the address: a link opens the same reports, page and choices.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from harness.core import OwnbenchError
from harness.report.dashboard import reports_in
from harness.report.fragments import style
from harness.report.look import DAY, NIGHT, Look
from harness.report.pages import (
    answer,
    by_domain,
    escalation,
    head_to_head,
    history,
    money,
    skill_use,
    tasks,
)
from harness.report.pages.evidence import Evidence, look_at, splits_of
from harness.report.pages.parts import html, loud, title
from harness.report.text import visible


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a page is given."""

    chosen: tuple[Evidence, ...]
    """The reports that are chosen, one at least."""
    look: Look
    every: tuple[Path, ...] = ()
    """The folders of all reports that the dashboard was given, chosen or not."""

    @property
    def evidence(self) -> Evidence:
        """The one report of a page that shows one; where several are chosen, the reader says which."""
        if len(self.chosen) == 1:
            return self.chosen[0]
        names = [e.name for e in self.chosen]
        name = st.selectbox("Report shown", names, key="shown", bind="query-params")
        return self.chosen[names.index(name)] if name in names else self.chosen[0]


ICON = Path(__file__).with_name("icon.png")
"""Of the browser's tab; a named icon would be fetched from outside."""

PAGES: dict[str, Callable[[Shown], None]] = {
    "Answer": answer.page,
    "Head to head": head_to_head.page,
    "Domains": by_domain.page,
    "Escalation": escalation.page,
    "Money": money.page,
    "Skills": skill_use.page,
    "Tasks": tasks.page,
    "Gate and history": history.page,
}
"""The pages by their titles, which stand in the address: ``?page=Head+to+head``.

They are a choice like every other, and no paths of their own: for a path Streamlit first asks the server for files that
are not there.
"""


def show(given: Sequence[Path]) -> None:
    """Draws the page that the address asks for."""
    st.set_page_config(page_title="ownbench", page_icon=str(ICON), layout="wide")
    html(f"<style>{style()}</style>")
    shown: list[Shown] = []
    with st.sidebar:
        chosen = st.radio("Page", list(PAGES), key="page", bind="query-params")
        try:
            shown += _chosen(given)
        except OwnbenchError as error:
            loud(str(error))
    if not shown:
        title("ownbench")
        st.info("No report is chosen. The side bar lists those that are here; ownbench run makes one.")
    for one in shown:
        try:
            PAGES.get(chosen, answer.page)(one)
        except OwnbenchError as error:  # a broken report says what is broken
            loud(str(error))


def _chosen(given: Sequence[Path]) -> list[Shown]:
    """The reports and the part of them that the side bar says; none where nothing is chosen."""
    look = NIGHT if st.context.theme.type == "dark" else DAY
    there = [one for one in given if one.is_dir() or (Path("reports") / one).is_dir()]
    for gone in (one for one in given if one not in there):  # it hides no other
        loud(f"{gone}: there is no such report")
    folders = dict(_named(reports_in(there)))
    names = list(folders)
    chosen = st.multiselect("Reports", names, default=names[:1], key="report", bind="query-params")
    found = [look_at(folders[name]) for name in chosen if name in folders]
    splits = list(dict.fromkeys(s for one in found for s in splits_of(one)))
    split = None
    if splits:
        split = st.selectbox("Part of the suites", splits, key="split", bind="query-params")
    shown = tuple(look_at(e.folder, split if splits_of(e) else None) for e in found)
    return [Shown(chosen=shown, look=look, every=tuple(folders.values()))] if shown else []


def _named(folders: Sequence[Path]) -> list[tuple[str, Path]]:
    """A name for each folder; two of one name are told apart by where they stand."""
    names = [visible(f.name or f.resolve().name, 80) for f in folders]
    twice = {n for n in names if names.count(n) > 1}
    return [
        (f"{n} ({visible(str(f.parent), 80)})" if n in twice else n, f) for n, f in zip(names, folders, strict=True)
    ]
