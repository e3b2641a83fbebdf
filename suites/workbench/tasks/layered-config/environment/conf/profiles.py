"""Named sets of settings."""


class Profiles:
    """Settings by name, each perhaps based on another one."""

    known = {}

    def add(self, name, settings, base=None):
        """Keeps settings under a name; with a base, laid over that one's. A later change of the argument has no effect."""
        if base:
            merged = self.known[base]
            merged.update(settings)
            settings = merged
        self.known[name] = settings

    def names(self):
        """The names, in order."""
        return sorted(self.known)

    def get(self, name):
        """A copy of the settings. Raises KeyError: there are none of that name."""
        return dict(self.known[name])
