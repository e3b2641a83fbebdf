"""``python -m harness`` is ``ownbench``."""

import sys

from harness.cli import main

sys.exit(main())
