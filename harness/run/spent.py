"""What the calls of a report have cost so far."""

from harness.core import Call, Cost
from harness.cost import AttemptMeter, Meter
from harness.experiment import Assembled
from harness.model import backend_of
from harness.run.trace import NOTHING_USED, values
from harness.store import Recalled, read_calls_journal, read_journal


def is_spent(call: Call) -> bool | None:
    """Whether a call is on the bill; ``None``: it failed, and nobody said what it used, so it may be billed."""
    if call.error is None or call.cost.usd is not None:
        return True
    return None if call.usage != NOTHING_USED else False


def meter_of(assembled: Assembled, started: float = 0.0, recorded: Recalled | None = None) -> Meter:
    """The budget of a report, with what earlier calls of the run have spent; ``recorded``: where it was read."""
    meter = Meter(**values(assembled.experiment.budget, "usd", "attempt_usd", "wall_s"), started=started)
    free = {name for name, spec in assembled.specs.items() if backend_of(spec).recorded}
    spent = [0.0] * len(assembled.attempts)
    for attempt, paid, usd in (recorded or read_journal(assembled.report)).paid(a.id for a in assembled.attempts):
        if paid.spent(usd) is not False and not paid.cache_hit and paid.model not in free:
            meter.spend(Cost(usd=usd), model=paid.model, lost=paid.lost)
            if attempt >= 0:
                spent[attempt] += usd or 0.0
    for planned, usd in zip(assembled.attempts, spent, strict=True):
        if usd:
            meter.expect(planned.contender, usd)
    return meter


def spent_by(assembled: Assembled, worker: str) -> AttemptMeter:
    """What a worker's journal has on the bill."""
    meter = AttemptMeter()
    for call in read_calls_journal(assembled.report, worker):
        if _is_billed(assembled, call):
            meter.spend(call.cost)
            meter.unknown += call.lost_tries
    return meter


def _is_billed(assembled: Assembled, call: Call) -> bool:
    spec = assembled.specs.get(call.model)
    return is_spent(call) is not False and not call.cache_hit and not (spec and backend_of(spec).recorded)
