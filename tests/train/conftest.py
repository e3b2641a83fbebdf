"""Makes this folder's helpers, those of the runs' tests, and the scripted servers importable."""

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parent / "run"), str(HERE.parent / "model")]
