"""Boxes, in which untrusted commands run: bubblewrap, and containers of podman or docker, behind one protocol.

Never unsandboxed: where no backend holds its limits on this machine, a box is refused, with the reason.
"""

from harness.sandbox.bubblewrap import BubblewrapBox
from harness.sandbox.containers import ContainerBox
from harness.sandbox.opening import Probe, SandboxOptions, in_thread, open_box, prepare, probe, probe_all
