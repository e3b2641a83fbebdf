"""Makes this folder's helpers importable."""

import sys
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parent)]
