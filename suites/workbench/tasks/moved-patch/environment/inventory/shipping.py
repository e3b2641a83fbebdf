"""Which orders can go out."""


def can_ship(order, items):
    """Whether all of an order, {name: pieces}, can be sold now out of {name: item}."""
    return all(
        name in items and items[name]["stock"] - items[name]["damaged"] >= pieces for name, pieces in order.items()
    )
