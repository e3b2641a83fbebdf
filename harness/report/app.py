"""The door to the dashboard: what ``app.py`` and ``ownbench app`` call, and who is let in."""

import importlib
import os
import socket
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from fnmatch import fnmatchcase
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from harness.core import UsageError, install_line, is_this_machine
from harness.report.front import FirstLook
from harness.store import REMEDY, TELLING, is_report, reports_inside


def reports_in(given: Sequence[Path]) -> list[Path]:
    """The reports that are meant, each once: reports' folders, names under ``reports/``, folders that hold some.

    Raises UsageError where one given is no report and holds none; it says what to do.
    """
    found, problems = reports_and_problems(given)
    if problems:
        raise UsageError(problems[0])
    return found


def reports_and_problems(given: Sequence[Path]) -> tuple[list[Path], list[str]]:
    """As `reports_in`, looked at anew each time, with a sentence for each that is or holds no report."""
    found: dict[str, Path] = {}
    problems = []
    for one in given:
        named = Path("reports") / one
        folder = named if not one.exists() and not one.is_absolute() and named.is_dir() else one
        try:
            reports = _reports_of(folder)
        except OSError as error:
            problems.append(f"{folder}: cannot be read: {error.strerror or error}")
            continue
        if not reports:
            problems.append(_no_report(folder))
        for report in reports:
            found.setdefault(os.path.realpath(report), report)
    return list(found.values()), problems


def _reports_of(folder: Path) -> list[Path]:
    return [folder] if folder.is_dir() and is_report(folder) else reports_inside(folder)


def _no_report(folder: Path) -> str:
    if not folder.exists():
        return f"{folder}: there is no such report; {REMEDY}"
    if not folder.is_dir():
        return f"{folder}: is a file, a report is a folder"
    if _reports_of(folder / "reports"):
        return f"{folder}: no report; those in {folder / 'reports'} are shown by: ownbench app {folder / 'reports'}"
    return f"{folder}: no report, and none in it: a report has {' or '.join(TELLING[:2])}; {REMEDY}"


SCRIPT = Path(__file__).parent / "pages" / "script.py"  # what Streamlit runs for each page
OPTIONS = {
    "browser.gatherUsageStats": False,
    "client.toolbarMode": "minimal",
    "client.showErrorDetails": "none",  # a traceback says nothing to a reader; it is printed where the app was started
    "client.showErrorLinks": False,  # they ask a search engine
    "logger.hideWelcomeMessage": True,  # to print all addresses of this machine it asks somebody outside
    "server.headless": True,
    "server.enableCORS": True,
    "server.enableXsrfProtection": True,
    "server.fileWatcherType": "none",
    "server.enableStaticServing": False,
    "runner.postScriptGC": False,  # it takes long in a process that holds a million outcomes; Python collects by itself
    "global.developmentMode": False,
    "global.disableWidgetStateDuplicationWarning": True,  # a default that follows the report is set so
}  # what Streamlit is told: above all, to send nothing to anybody


def serve(given: Sequence[Path], *, port: int, address: str = "127.0.0.1") -> None:
    """Serves the dashboard of these reports, found anew for each page; UsageError without any, or without Streamlit."""
    import threading

    try:
        from streamlit.web import bootstrap

        server: Any = importlib.import_module("streamlit.web.server.starlette.starlette_server")
    except ImportError:
        raise UsageError(f"the dashboard needs Streamlit 1.67 or newer; {install_line('app')}") from None
    from harness.report.pages import warm

    create = server.create_starlette_app
    server.create_starlette_app = lambda runtime: OwnName(FirstLook(create(runtime)))
    threading.Thread(target=warm, args=(reports_in(given), given), daemon=True).start()
    options = {**OPTIONS, "server.port": port, "server.address": address}
    flags = {name.replace(".", "_"): value for name, value in options.items()}
    bootstrap.load_config_options(flag_options=flags)
    bootstrap.run(str(SCRIPT), is_hello=False, args=[str(one) for one in given], flag_options=flags)


Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

REFUSED = b"This dashboard does not answer to that name. Open it at the address that it printed at its start.\n"


class OwnName:
    """An ASGI application that hands on what asks for the dashboard by its own name, and refuses the rest with 403.

    A page of somebody else's can have its name lead here (DNS rebinding), or open a WebSocket: the browser says that
    name in ``Host`` or ``Origin``. Its own are ``localhost``, loopback addresses, the one served on, Streamlit's
    ``server.allowedHosts``; where other machines may reach it, any address by number and this machine's name too.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] not in {"http", "websocket"} or _is_welcome(scope):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})  # before it was accepted: the server answers 403
        else:
            head = [(b"content-type", b"text/plain"), (b"content-length", str(len(REFUSED)).encode())]
            await send({"type": "http.response.start", "status": 403, "headers": head})
            await send({"type": "http.response.body", "body": REFUSED})


def _is_welcome(scope: Scope) -> bool:
    said: dict[str, list[str]] = {"host": [], "origin": []}
    for name, value in scope["headers"]:
        said.get(name.decode("latin-1").lower(), []).append(value.decode("latin-1").lower())
    try:
        (host,) = said["host"]
        parts = urlsplit(f"//{host}")
        own = parts.netloc == host and "@" not in host and _is_own(parts.hostname or "", scope.get("server"))
        origins = map(urlsplit, said["origin"])
        return own and parts.port != 0 and all(o.scheme in {"http", "https"} and o.netloc == host for o in origins)
    except ValueError:
        return False


def _is_own(name: str, served: tuple[str, int] | None) -> bool:
    from streamlit import config

    name = name.rstrip(".")
    address = config.get_option("server.address") or ""
    allowed = [address, *config.get_option("server.allowedHosts")]
    if name and (is_this_machine(name) or any(fnmatchcase(name, pattern.lower()) for pattern in allowed)):
        return True
    if served is None or (is_this_machine(served[0]) and is_this_machine(address or "localhost")):
        return False
    try:
        return bool(ip_address(name))  # a number cannot be made to lead elsewhere
    except ValueError:
        return name in {f"{socket.gethostname()}{end}".lower() for end in ("", ".local")}
