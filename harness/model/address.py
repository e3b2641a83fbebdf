"""What may stand as ``base_url``, and what ``--offline`` allows: this machine and nothing else.

What is refused as an address is not repeated: a key may stand in it.
"""

from urllib.parse import urlsplit

from harness.core import ModelSpec, UsageError, is_this_machine

_ADDED_PATHS = ("/chat/completions", "/completions", "/responses", "/messages")
"""What the backend openai, or somebody else's client, adds to a base_url by itself."""


def check_address(url: str) -> str:
    """``url``, where it is the address of a server and holds no secret, which servers and proxies write into logs.

    Raises:
        ValueError: it is none, or has a user, a password or a query.
    """
    if not url.startswith(("http://", "https://")):
        raise ValueError("this is no address of a server; it has to begin with http:// or https://")
    try:
        parts = urlsplit(url)
        named = bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # brackets that are not closed, a port that is none
        named = False
    if not named or not url.isprintable() or " " in url:
        raise ValueError("this is no address of a server; write it as http://HOST:PORT/v1")
    if "@" in parts.netloc or "?" in url or parts.fragment:
        what = "a user or password is in the address" if "@" in parts.netloc else "the address ends in a query"
        raise ValueError(f"{what}; leave it out: a key belongs in an environment variable, which api_key_env names")
    return url


def check_base(url: str) -> str:
    """``url``, where a path can be added to it, and is not yet.

    Raises:
        ValueError: it ends in that path.
    """
    whole = url.rstrip("/")
    if path := next((path for path in _ADDED_PATHS if whole.endswith(path)), None):
        raise ValueError(f"base_url ends in {path}, which is added to it by itself; write {whole.removesuffix(path)}")
    return url


def is_loopback(url: str) -> bool:
    """Whether a URL's host is this machine: ``localhost`` or a loopback address. No name is looked up."""
    try:
        host = urlsplit(url).hostname
    except ValueError:
        return False
    return bool(host) and is_this_machine(host)


def refuse_remote(spec: ModelSpec) -> None:
    """Raises `UsageError` where a model would leave this machine; without a ``base_url`` it is its provider's."""
    if spec.base_url and is_loopback(spec.base_url):
        return
    where = spec.base_url or f"the provider of {spec.model}"
    raise UsageError(
        f"model {spec.name!r}: --offline allows only servers on this machine, and this model is at {where};"
        " leave --offline out, or serve the model here"
    )
