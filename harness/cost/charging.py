"""What a call costs: its usage times its price, class by class."""

from harness.core import Cost, Price, Usage, known_sum

PER = 1_000_000  # token prices are dollars for this many tokens


def charge(usage: Usage, price: Price | None) -> Cost:
    """The cost of ``usage`` at ``price``, in US dollars.

    With a price by the machine's hour, its time is what costs and tokens are free. Otherwise each class of tokens is
    billed once, at its own price; reasoning is billed as output. A class that was not used needs no price. Unknown
    (``usd`` is ``None``) where there is no price, where a count is unknown, where a class was used that has no price
    (cached tokens without a cached price are never billed at the full one), and where the prompt is longer than the
    price holds for.
    """
    if price is None:
        return Cost()
    if price.gpu_hour is not None:
        usd = _times(usage.gpu_seconds, price.gpu_hour, 3600)
        return Cost() if usd is None else Cost(usd=usd, basis="gpu_time", price_date=price.as_of)
    if not _within(usage, price):
        return Cost()
    classes = ("input", "cached_input", "cache_write", "output")
    parts = [_times(getattr(usage, name), getattr(price, name), PER) for name in classes]
    usd = known_sum([*parts, _times(usage.reasoning, price.output, PER)])
    return Cost() if usd is None else Cost(usd=usd, basis="tokens", price_date=price.as_of)


def lacking(price: Price | None) -> tuple[str, ...]:
    """The prices without which no call can have a known cost: every call reads a prompt and writes an answer."""
    if price is None:
        return ("input", "output")
    return () if price.gpu_hour is not None else tuple(n for n in ("input", "output") if getattr(price, n) is None)


def estimate(input_tokens: int, output_tokens: int, price: Price | None, *, gpu_seconds: float | None = None) -> Cost:
    """What a call of this size would cost, nothing of it cached; an upper bound where cached input is cheaper."""
    usage = Usage(input=input_tokens, output=output_tokens, gpu_seconds=gpu_seconds, source="counted")
    return charge(usage, price)


def _times(amount: float | None, price: float | None, per: int) -> float | None:
    if amount == 0:
        return 0.0
    return None if amount is None or price is None else amount * price / per


def _within(usage: Usage, price: Price) -> bool:
    if price.prompt_limit is None:
        return True
    tokens = known_sum([usage.input, usage.cached_input, usage.cache_write])
    return tokens is not None and tokens <= price.prompt_limit
