import unittest

from booking.slots import free, merged, overlap
from booking.totals import busy_minutes, longest


class Booking(unittest.TestCase):
    def test_merged(self):
        self.assertEqual(merged([(540, 600), (590, 660)]), [(540, 660)])

    def test_free(self):
        self.assertEqual(free([(540, 600)], 480, 720), [(480, 540), (600, 720)])

    def test_overlap(self):
        self.assertEqual(overlap((0, 60), (30, 90)), 30)

    def test_totals(self):
        self.assertEqual(busy_minutes([(0, 60), (30, 90)]), 90)
        self.assertEqual(longest([]), 0)


if __name__ == "__main__":
    unittest.main()
