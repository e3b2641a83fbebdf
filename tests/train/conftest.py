"""Makes this folder's helpers, those of the tests of runs and manifests, and the scripted servers importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), *(str(HERE.parent / room) for room in ("run", "model", "cluster"))]
