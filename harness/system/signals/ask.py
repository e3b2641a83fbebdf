"""The worker decides by itself: it is given a tool that asks the expert, and answers in any case."""

from harness.system.signal import Signal


class Ask(Signal):
    """No confidence, and no threshold; `harness.system.handing` has the conversation."""

    name = "ask"
    tool = True


ASK = Ask()
