"""Usage to money: dated prices, machine time, and the budget that stops a run. An unknown part makes a cost unknown."""

from harness.cost.book import book_price, charge, estimate, lacking
from harness.cost.meter import AttemptMeter, BusyTime, Meter, Reservation
