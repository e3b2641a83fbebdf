"""As flat, with a skill that a model wrote for the task at hand."""

from harness.system.delivery import Delivery


class SelfWrittenDelivery(Delivery):
    """The text in the prompt is an author's, who saw the task and did not solve it."""

    name = "self"
    written = True


DELIVERY = SelfWrittenDelivery()
