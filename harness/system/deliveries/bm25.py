"""The K best skills of a library by the task's text, then as progressive: the catalogue holds them, the best first."""

from harness.core import Task
from harness.skill import RANKED_BY, Skill, rank_skills
from harness.system.deliveries.progressive import Progressive
from harness.system.delivery import Chooser


class Bm25(Progressive):
    """As `ownbench skill search` ranks."""

    name = "bm25"
    takes = "K"
    identity = RANKED_BY

    def __init__(self, k: int = 0) -> None:
        self.k = k

    def with_argument(self, argument: str) -> "Bm25":
        """With K, a number from 1."""
        if not (argument.isascii() and argument.isdigit() and 0 < int(argument[:9]) < 10**8):
            found = f"found {argument!r}" if argument else "found none"
            raise ValueError(f"bm25 needs the number of skills that a task is shown, {found}; write bm25:3")
        return Bm25(int(argument))

    def chooser(self, skills: tuple[Skill, ...]) -> Chooser:
        """The best by the task's text. A skill that shares no word with it is none of them."""
        ranking = rank_skills(skills)

        def chosen(task: Task) -> tuple[Skill, ...]:
            return tuple(skills[place] for place, _ in ranking.best(task.text, self.k))

        return chosen


DELIVERY = Bm25()
