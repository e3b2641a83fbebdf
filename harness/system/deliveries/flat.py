"""Whole bodies and their references stand in the system prompt."""

from harness.system.delivery import Delivery


class Flat(Delivery):
    """As every delivery by default."""

    name = "flat"


DELIVERY = Flat()
