"""`showers.npz`: the few showers of a run that its report draws, Geant4's and the GAN's at the same energies."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np

from trainer.refusal import Refusal
from trainer.showers.schema import Showers

NUM_SAMPLES = 6
_ARRAYS = ("geant4_ecal", "gan_ecal", "energy", "theta")


def write_samples(path: Path, geant4: Showers, gan: Showers, *, num_samples: int = NUM_SAMPLES) -> None:
    """Write `num_samples` pairs, spread evenly over the energies. Cells in GeV as float32, energy in GeV, theta in radian.

    Written beside and moved into place, so that a reader never sees a part.
    """
    num_samples = min(num_samples, len(geant4))
    by_energy = np.argsort(geant4.energy, kind="stable")
    chosen = by_energy[((np.arange(num_samples) + 0.5) / num_samples * len(by_energy)).astype(np.int64)]
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        np.savez_compressed(
            file,
            geant4_ecal=geant4.ecal[chosen].astype(np.float32),
            gan_ecal=gan.ecal[chosen].astype(np.float32),
            energy=geant4.energy[chosen].astype(np.float32),
            theta=geant4.theta[chosen].astype(np.float32),
        )
    partial.replace(path)


def read_samples(path: Path) -> tuple[Showers, Showers]:
    """Geant4's and the GAN's showers from a file that `write_samples` wrote; refuses what is none, by name."""
    remedy = "run the evaluation again, or remove the file"
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as members:
            arrays = {name: members[name] for name in _ARRAYS}
    except (OSError, ValueError, KeyError, zipfile.BadZipFile, EOFError) as problem:
        raise Refusal(f"{path}: {problem}", expected=f"an npz file of {', '.join(_ARRAYS)}", remedy=remedy) from None
    ecal, energy, theta = arrays["geant4_ecal"], arrays["energy"], arrays["theta"]
    if (
        ecal.ndim != 4
        or arrays["gan_ecal"].shape != ecal.shape
        or energy.shape != ecal.shape[:1]
        or theta.shape != ecal.shape[:1]
    ):
        raise Refusal(
            f"{path}: arrays of unlike shapes", expected="(N, X, Y, Z) cells of both, (N,) energy and theta", remedy=remedy
        )
    return tuple(Showers(ecal=arrays[name], energy=energy, theta=theta) for name in _ARRAYS[:2])  # type: ignore[return-value]
