"""Signals that the worker's tokens carry."""

from harness.system.signal import TokenSignal

LOGPROB_MEAN = TokenSignal("logprob_mean")
LOGPROB_MIN = TokenSignal("logprob_min")
MARGIN = TokenSignal("margin")
