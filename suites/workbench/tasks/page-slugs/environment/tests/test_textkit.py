import unittest

from textkit.files import extension_of, safe_filename
from textkit.slugs import slugify


class Slugs(unittest.TestCase):
    def test_words(self):
        self.assertEqual(slugify("Opening Hours"), "opening-hours")

    def test_filename(self):
        self.assertEqual(safe_filename("Minutes of May", "pdf"), "Minutes_of_May.pdf")

    def test_extension(self):
        self.assertEqual(extension_of("a.B.PDF"), "pdf")
        self.assertEqual(extension_of(".profile"), "")


if __name__ == "__main__":
    unittest.main()
