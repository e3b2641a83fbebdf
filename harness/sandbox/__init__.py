"""Boxes, in which untrusted commands run: bubblewrap, and containers of podman or docker, behind one protocol.

Never unsandboxed: where no backend holds its limits on this machine, a box is refused, with the reason.
"""

from typing import TYPE_CHECKING

from harness.core import lazy_door

if TYPE_CHECKING:
    from harness.sandbox.action_policy import READING_SKILLS, decide, forbidden, named, simple_commands
    from harness.sandbox.archives import Member, pack, unpack
    from harness.sandbox.bubblewrap import BubblewrapBox
    from harness.sandbox.containers import ContainerBox
    from harness.sandbox.opening import (
        Probe,
        boxes_open,
        choose_backend,
        elsewhere,
        environment_of,
        in_thread,
        open_box,
        opened,
        prepare,
        probe,
        probe_all,
        unmet,
    )
    from harness.sandbox.options import ActionRules, SandboxOptions
else:
    __getattr__, __dir__ = lazy_door(__name__)
