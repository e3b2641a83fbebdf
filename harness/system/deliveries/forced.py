"""As progressive, but the conversation begins as if the model had opened every skill already: an upper bound."""

from harness.system.deliveries.progressive import Progressive


class Forced(Progressive):
    """The model may still read the skills' files."""

    name = "forced"
    opened = True


DELIVERY = Forced()
