"""How much there is."""


def sellable(item):
    """How many pieces of an item can be sold."""
    return item["stock"] - item["damaged"]


def shortage(item, wanted):
    """How many pieces are missing for an order of that many."""
    return max(0, wanted - sellable(item))


def value(item):
    """What all pieces cost that lie in the stock, in cents."""
    return item["stock"] * item["cents"]
