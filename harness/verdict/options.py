"""Who can be chosen, and whether choosing them is to own, to rent or to mix."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.analysis import cost_bases
from harness.core import Decision, Described, UsageError
from harness.store import TaskTable
from harness.verdict.economics import Setup

OWN, RENT, MIX = Decision.OWN, Decision.RENT, Decision.MIX
KINDS_MEAN = {
    "OWN": "models on machines of your own, paid by the hour",
    "RENT": "models behind an API, paid by the token",
    "MIX": "both together: one does what it can and passes the rest on",
}
"""Own, rent and mix in a few words, the same wherever they are explained."""


def kind_word(kind: Decision | None) -> str:
    """``OWN``, ``RENT``, ``MIX``, or ``unknown`` where nothing on record says."""
    return "unknown" if kind is None else kind.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One contender that can be chosen."""

    contender: str
    kind: Decision | None
    """None where nothing says whether it is owned or rented."""
    because: str
    setup: Setup
    escalates: bool
    """Only the tasks that it escalates need the API."""

    @property
    def word(self) -> str:
        """Its kind as it is shown."""
        return kind_word(self.kind)


def candidates(
    table: TaskTable,
    known: Described,
    said: Mapping[Decision, Sequence[str]] | None = None,
    without: Sequence[str] = (),
) -> tuple[tuple[Candidate, ...], tuple[str, ...]]:
    """Every contender that can be chosen, and those left out because they only measure.

    Args:
        table: the outcomes.
        known: what is on record of contenders and models.
        said: contenders that the user calls owned, rented or mixed; it goes before every rule.
        without: contenders that the user leaves out.

    Raises:
        UsageError: a contender that the report does not have, or one said to be two things.
    """
    user: dict[str, Decision] = {}
    for kind, names in (said or {}).items():
        for name in names:
            table.index(name)
            if user.setdefault(name, kind) != kind:
                raise UsageError(f"{name} is said to be {user[name]} and {kind}; say one")
    for name in without:
        table.index(name)
        if name in user:
            raise UsageError(f"{name} is said to be {user[name]} and is left out; say one")
    bases = cost_bases(table)
    chosen, controls = [], []
    for name in table.contenders:
        entry = known.contenders.get(name)
        if name in without or (name not in user and entry is not None and entry.control):
            controls.append(name)
        else:
            chosen.append(_candidate(name, known, user.get(name), bases.get(name, frozenset())))
    return tuple(chosen), tuple(controls)


def _candidate(name: str, known: Described, said: Decision | None, bases: frozenset[str]) -> Candidate:
    entry = known.contenders.get(name)
    if entry is None:
        kind, because = (said, "as you said") if said else _of_bases(bases)
        # Nothing is known of its parts: whatever may have been paid for such an option is asked for.
        setup = Setup(hosted=kind in {OWN, MIX}, tuned=kind in {OWN, MIX}, skilled=kind in {RENT, MIX})
        return Candidate(contender=name, kind=kind, because=because, setup=setup, escalates=kind == MIX)
    parts = known.parts_of(name)
    kind, because = (said, "as you said") if said else (entry.sourcing, entry.sourcing_why)
    setup = Setup(
        hosted=kind in {OWN, MIX},
        tuned=any(part.adapter is not None for part in parts),
        skilled=any(part.is_skilled for part in parts),
    )
    escalates = kind == MIX and known.models_of(name)[0].sourcing in {OWN, None}
    return Candidate(contender=name, kind=kind, because=because, setup=setup, escalates=escalates)


def is_owned(name: str, known: Described) -> bool:
    """Whether a contender is known to call owned models and no others."""
    return name in known.contenders and known.contenders[name].sourcing == OWN


def _of_bases(bases: frozenset[str]) -> tuple[Decision | None, str]:
    """From how its attempts were billed, where nothing is known of its parts."""
    if bases == {"gpu_time"}:
        return OWN, "its attempts were billed by machine time"
    if bases == {"tokens"}:
        return RENT, "its attempts were billed by tokens"
    if bases & {"gpu_time", "mixed"} and bases <= {"gpu_time", "tokens", "mixed"}:
        return MIX, "its attempts were billed by machine time and by tokens"
    return None, "nothing on record says whether it is owned or rented"
