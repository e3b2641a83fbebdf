#!/bin/bash
set -e
python3 - <<'PY'
from pathlib import Path

layers = Path("conf/layers.py")
text = layers.read_text()
start, end = text.index("    for layer in layers:"), text.index("def get(")
text = text[:start] + '''\
    merged = copy.deepcopy(base)
    for layer in layers:
        for key, value in layer.items():
            if value is None:
                merged.pop(key, None)
            elif isinstance(value, dict):
                below = merged.get(key)
                merged[key] = merge(below if isinstance(below, dict) else {}, value)
            else:
                merged[key] = copy.deepcopy(value)
    return merged


''' + text[end:]
start, end = text.index('    for part in path.split'), text.index("def settings_for")
text = text[:start] + '''\
    for part in path.split("."):
        if not isinstance(settings, dict) or part not in settings:
            return default
        settings = settings[part]
    return settings


''' + text[end:]
text = text.replace("@functools.cache\n", "").replace("import functools\n", "import copy\n")
layers.write_text(text)
PY
cat > conf/profiles.py <<'PY'
"""Named sets of settings."""

import copy

from conf.layers import merge


class Profiles:
    """Settings by name, each perhaps based on another one."""

    def __init__(self):
        self.known = {}

    def add(self, name, settings, base=None):
        """Keeps settings under a name; with a base, laid over that one's. A later change of the argument has no effect."""
        self.known[name] = merge(self.known[base], settings) if base else copy.deepcopy(settings)

    def names(self):
        """The names, in order."""
        return sorted(self.known)

    def get(self, name):
        """A copy of the settings. Raises KeyError: there are none of that name."""
        return copy.deepcopy(self.known[name])
PY
