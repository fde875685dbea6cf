"""How fast our trainer is, measured where it runs: by a probe of some steps, and by every finished run.

Measurements lie in two tables of the same columns: `burst/facts/trainer_speed.csv`, shipped, and the user's own
`.hepburst/calibration.csv` (`OWN_TABLE`).
"""

from burst.calibration.finished import from_run
from burst.calibration.probing import Progress, probe
from burst.calibration.speed import Calibration, Confidence, Key, combine
from burst.calibration.table import COLUMNS, OWN_TABLE, read, refine, store

__all__ = [
    "COLUMNS",
    "OWN_TABLE",
    "Calibration",
    "Confidence",
    "Key",
    "Progress",
    "combine",
    "from_run",
    "probe",
    "read",
    "refine",
    "store",
]
