import unittest

from ledger.statement import balances, by_month, largest, read_statement

TEXT = """date,payee,amount,currency
2025-03-01,Rent,-800.00,EUR
2025-03-02,Salary,2500.00,EUR"""


class Statement(unittest.TestCase):
    def test_reads(self):
        first = read_statement(TEXT)[0]
        self.assertEqual(first, {"date": "2025-03-01", "payee": "Rent", "cents": -80000, "currency": "EUR"})

    def test_balances(self):
        self.assertEqual(balances(read_statement(TEXT), 100), [-79900, 170100])

    def test_largest(self):
        self.assertEqual(largest(read_statement(TEXT), 1)[0]["payee"], "Salary")


if __name__ == "__main__":
    unittest.main()
