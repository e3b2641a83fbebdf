import unittest

from conf.layers import get, merge, settings_for
from conf.profiles import Profiles


class Conf(unittest.TestCase):
    def test_layers(self):
        self.assertEqual(merge({"a": 1}, {"b": 2}, {"b": 3}), {"a": 1, "b": 3})

    def test_settings(self):
        self.assertEqual(get(settings_for({"jobs": {"queue": "night"}}), "jobs.queue"), "night")
        self.assertEqual(get(settings_for(), "jobs.retries"), 3)

    def test_profiles(self):
        profiles = Profiles()
        profiles.add("night", {"queue": "night"})
        self.assertEqual(profiles.get("night"), {"queue": "night"})


if __name__ == "__main__":
    unittest.main()
