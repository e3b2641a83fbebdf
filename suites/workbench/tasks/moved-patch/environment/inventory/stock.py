"""Pieces come and go."""

from inventory.levels import sellable


def restock(item, pieces):
    """Adds pieces."""
    if pieces < 1:
        raise ValueError("at least one piece")
    item["stock"] += pieces


def sell(item, pieces):
    """Takes pieces out of the stock. Raises ValueError: there are not so many to sell."""
    if pieces > sellable(item):
        raise ValueError(f"only {sellable(item)} to sell")
    item["stock"] -= pieces


def low(items, least=5):
    """The names of the items of which fewer than `least` pieces can be sold, in order."""
    names = [item["name"] for item in items if item["stock"] - item["damaged"] < least]
    return sorted(names)
