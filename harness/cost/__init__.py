"""Usage to money: disjoint token classes, dated prices, machine time, and the budget that stops a run.

An unknown price or count makes a cost unknown (``usd`` is ``None``), and an unknown part makes a sum unknown.
"""

from harness.cost.book import book_price, charge, estimate, lacking
from harness.cost.meter import AttemptMeter, BusyTime, Meter, Reservation
