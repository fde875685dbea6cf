"""Loads the Geant4 wheel without the data sets that it would like to download."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from trainer.refusal import Refusal
from trainer.showers.cache import cache_folder

PACKAGE = "geant4-pybind"
SYSTEM_LIBRARIES = "libGL, libX11, libXext, libSM and libICE"
"""The wheel links against its viewer's libraries, which it does not carry."""


def load() -> Any:
    """The module `geant4_pybind`, with output but for errors silenced.

    Refused where the wheel or a system library is missing.
    """
    _set_data_folder(cache_folder() / "geant4-without-data")
    try:
        import geant4_pybind
    except ModuleNotFoundError:
        raise Refusal(
            f"the Python package {PACKAGE} is not installed",
            expected="Geant4, to simulate showers",
            remedy="install it with `uv sync --inexact --group geant4`, or use the showers that are shipped",
        ) from None
    except ImportError as problem:
        raise Refusal(
            f"Geant4 does not load: {problem}",
            expected=f"the system libraries {SYSTEM_LIBRARIES}",
            remedy="install them (Debian, Ubuntu: apt-get install libgl1 libx11-6 libxext6 libsm6 libice6)",
        ) from None
    return geant4_pybind


def _set_data_folder(folder: Path) -> None:
    """Point Geant4 at an empty data folder: enough for electrons and photons, and the same physics on every machine."""
    nuclides = folder / "ENSDFSTATE"
    nuclides.mkdir(parents=True, exist_ok=True)
    (nuclides / "ENSDFSTATE.dat").touch()
    os.environ.update(GEANT4_DATA_DIR=str(folder), G4ENSDFSTATEDATA=str(nuclides), G4LEDATA=str(folder))
