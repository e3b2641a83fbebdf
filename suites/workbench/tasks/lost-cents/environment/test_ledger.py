import unittest

from ledger.money import percent, show, split
from ledger.plan import due_dates, instalments


class Ledger(unittest.TestCase):
    def test_split(self):
        self.assertEqual(split(1000, [1, 1]), [500, 500])
        self.assertEqual(split(1000, [3, 1]), [750, 250])

    def test_percent(self):
        self.assertEqual(percent(10000, 19), 1900)

    def test_show(self):
        self.assertEqual(show(123456), "1,234.56")

    def test_instalments(self):
        self.assertEqual(instalments(1200, 12), [100] * 12)

    def test_due_dates(self):
        self.assertEqual(due_dates(2025, 11, 3), [(2025, 11), (2025, 12), (2026, 1)])


if __name__ == "__main__":
    unittest.main()
