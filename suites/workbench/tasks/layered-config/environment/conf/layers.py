"""Settings in layers. A setting is a text, a number, a truth value, a list, or a dict of settings."""

import functools
import json

DEFAULTS = '{"log": {"level": "info", "files": ["app.log"]}, "jobs": {"retries": 3, "queue": "main"}, "debug": false}'


@functools.cache
def defaults():
    """The settings that hold where nobody says otherwise; each call gives new ones."""
    return json.loads(DEFAULTS)


def merge(base, *layers):
    """New settings: each layer laid over what is below it. Nothing given is changed, and nothing is shared with it.

    Dicts are merged, at every depth; anything else, lists too, is replaced. A `None` in a layer takes the setting out.
    """
    for layer in layers:
        for key, value in layer.items():
            if isinstance(value, dict):
                base[key] = {**base.get(key, {}), **value}
            elif value:
                base[key] = value
    return base


def get(settings, path, default=None):
    """The setting at a path such as "log.level"; `default` where there is none. A setting that is 0, "" or false is one."""
    for part in path.split("."):
        settings = settings.get(part) or default
    return settings


def settings_for(*layers):
    """The defaults under some layers."""
    return merge(defaults(), *layers)
