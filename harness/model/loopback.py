"""What ``--offline`` allows: this machine and nothing else."""

from urllib.parse import urlsplit

from harness.core import ModelSpec, UsageError, is_this_machine


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: ``localhost`` or a loopback address. No name is looked up."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host) and is_this_machine(host)


def refuse_remote(spec: ModelSpec) -> None:
    """Raises where a model would leave this machine.

    Raises:
        UsageError: the model's ``base_url`` is missing, which means the provider's own host, or not loopback.
    """
    if spec.base_url and is_loopback(spec.base_url):
        return
    where = spec.base_url or f"the provider of {spec.model}"
    raise UsageError(
        f"model {spec.name!r}: --offline allows only servers on this machine, and this model is at {where};"
        " leave --offline out, or serve the model here"
    )
