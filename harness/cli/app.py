"""``ownbench app``: the dashboard, served on this machine."""

import argparse
import errno
import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

from harness.cli.common import FLAG, Arguments, arg
from harness.core import UsageError, is_this_machine, plural, stay_offline

PORTS = range(8501, 8521)  # tried in this order where no port is asked for


ARGUMENTS: dict[str, Arguments] = {
    "app": (
        arg("reports REPORT", "reports, or folders of some (default: reports)", type=Path, nargs="*"),
        arg("--port", f"where the page is served (default: the first free one from {PORTS[0]})", type=int),
        arg("--address", "where to listen; by default nobody but this machine sees the pages", default="127.0.0.1"),
        arg("--open", "open the browser", **FLAG),
        "ownbench app reports/demo",
    )
}


def run_app(args: argparse.Namespace) -> int:
    """Serves the pages until it is stopped; 0."""
    # Matrices are small and readers several: threads of one product that wait for one another cost ten times.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from harness.report import reports_in, serve

    if args.port is not None and not 1 <= args.port <= 65_535:
        raise UsageError(f"--port is {args.port}; give a number from 1 to 65535")
    given = args.reports or [Path("reports")]
    found = reports_in(given)
    port = _free(args.address, PORTS if args.port is None else [args.port])
    url = f"http://[{args.address}]:{port}" if ":" in args.address else f"http://{args.address}:{port}"
    if args.open:
        import threading
        import webbrowser

        threading.Timer(1.5, webbrowser.open, [url]).start()
    sys.stderr.write(f"ownbench: {url} shows {plural(len(found), 'report')}; Ctrl-C ends it\n")
    if not is_this_machine(args.address):
        text = "no password, so all who reach this port see the reports"
        sys.stderr.write(f"ownbench: --address {args.address}: {text}\n")
    with stay_offline(hub=False):
        serve(given, port=port, address=args.address)
    return 0


def _free(address: str, ports: Sequence[int]) -> int:
    """The first of these ports that can be listened on; raises `UsageError` where none can, or at a wrong address."""
    remedy = "leave it out, or give 127.0.0.1 (this machine only) or 0.0.0.0 (all networks)"
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    numbers = ":" in address or set(address) <= set("0123456789.")  # asked of no name server
    try:
        socket.getaddrinfo(address, None, family, flags=socket.AI_NUMERICHOST if numbers else 0)
    except (OSError, UnicodeError):
        problem = "this is no address, and no name that leads to one"
        raise UsageError(f"--address {address}: {problem}; {remedy}") from None
    for port in ports:
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((address, port))
            except OSError as error:
                if error.errno == errno.EADDRNOTAVAIL:
                    problem = "this machine does not have that address"
                    raise UsageError(f"--address {address}: {problem}; {remedy}") from None
                problem = error.strerror or str(error)
            else:
                return port
    asked = str(ports[0]) if len(ports) == 1 else f"{ports[0]} to {ports[-1]}"
    raise UsageError(f"{address}, port {asked}: {problem}; give another with --port")
