import unittest

from inventory.levels import sellable, shortage, value
from inventory.shipping import can_ship
from inventory.stock import low, restock, sell


def item(**more):
    return {"name": "bolt", "stock": 10, "damaged": 2, "cents": 5, **more}


class Inventory(unittest.TestCase):
    def test_levels(self):
        self.assertEqual((sellable(item()), shortage(item(), 9), value(item())), (8, 1, 50))

    def test_stock(self):
        bolt = item()
        sell(bolt, 8)
        restock(bolt, 1)
        self.assertEqual(bolt["stock"], 3)
        self.assertRaises(ValueError, sell, bolt, 2)

    def test_low(self):
        self.assertEqual(low([item(), item(name="nut", stock=3)]), ["nut"])

    def test_shipping(self):
        self.assertTrue(can_ship({"bolt": 8}, {"bolt": item()}))
        self.assertFalse(can_ship({"bolt": 9}, {"bolt": item()}))


if __name__ == "__main__":
    unittest.main()
