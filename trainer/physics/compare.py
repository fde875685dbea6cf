"""Geant4 against GAN: every figure of `Physics` with its statistical error."""

from __future__ import annotations

import dataclasses
import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from trainer.contract import Json
from trainer.physics.bootstrap import Array, Bootstrap, at_fixed_energy, divided, measured, measured_each
from trainer.physics.energy_bins import Binned, bin_edges, energy_bins
from trainer.physics.observables import MIN_ANGLE_SPREAD, SPECTRUM_EDGES_GEV, THRESHOLDS_GEV, Observed, observe
from trainer.physics.values import UNDEFINED, EnergyBin, Measured, Pair, Physics, Profile
from trainer.refusal import Refusal
from trainer.showers.schema import Showers

NUM_REPLICAS = 200
"""Gives an error to 1 / sqrt(2 x 200) = 5% of itself."""
BOOTSTRAP_SEED = 20_210_811
MIN_FLOOR_SHOWERS = 4
SCORE_CAP = 10.0
"""A ratio in the score counts at most as this factor, and so does one that is undefined."""
PAPER_CENTRES_GEV, PAPER_HALF_WIDTH_GEV, PAPER_RANGE_GEV = (110.0, 150.0, 190.0), 5.0, (95.0, 205.0)


def judge(geant4: Showers, gan: Showers) -> dict[str, Json]:
    """What `RunResult.physics` holds: `{"gan": compare(geant4, gan), "floor": floor(geant4)}`, each as `Physics.to_dict()`.

    With fewer than `MIN_FLOOR_SHOWERS` the floor is empty.
    """
    own = floor(geant4).to_dict() if len(geant4) >= MIN_FLOOR_SHOWERS else {}
    return {"gan": compare(geant4, gan).to_dict(), "floor": own}


def floor(geant4: Showers) -> Physics:
    """Geant4 against Geant4: what the statistics alone leave of each figure.

    Showers of like energy (and like angle, where that varies) are taken two by two and parted at random (fixed seed) into
    halves; the second of each two is scaled to the energy of the first. A half has N / 2 showers, so this floor lies sqrt(2)
    above that of N against N.
    """
    if len(geant4) < MIN_FLOOR_SHOWERS:
        raise Refusal(
            f"{len(geant4)} showers for a floor",
            expected=f"{MIN_FLOOR_SHOWERS} or more",
            remedy="keep more showers for the test",
        )
    neighbours = _neighbours(geant4)[: len(geant4) // 2 * 2].reshape(-1, 2)
    order = np.random.default_rng(BOOTSTRAP_SEED).permuted(neighbours, axis=1)
    first, second = _taken(geant4, order[:, 0]), _taken(geant4, order[:, 1])
    scale = first.energy / second.energy
    moved = Showers(ecal=second.ecal * scale[:, None, None, None], energy=first.energy, theta=second.theta)
    return compare(first, moved, match_angles=False)


def compare(geant4: Showers, gan: Showers, *, errors: bool = True, match_angles: bool = True) -> Physics:
    """Compare N showers of a GAN with N of Geant4, the i-th of both at the same energy and angle.

    `errors=False` leaves the errors undefined and is the cheap way to a `score`. Errors are paired bootstraps at fixed energies
    with a fixed seed, so equal inputs give equal figures. Refuses sets that are not pairs.

    The score, lower is better: mean layer error (half each layer alike, half by energy) + mean |response - 1| over the energy
    bins + transverse error / 2 + |ln resolution ratio| / 4 + |ln fluctuation ratio| / 4. Each part is a relative deviation. The
    mean energies by depth and by beam energy, by which a run is judged, count whole. The transverse error counts half, because
    the central rows, easily learnt, govern it. Spreads count a quarter: they are what a GAN is worst at and what a few hundred
    showers measure least well (4 to 6% for 300), and must not outvote the means. A ratio counts at most as a factor of ten, as
    does an undefined one, so the score is always finite and a collapsed generator ranks last.
    """
    ours, theirs = observe(geant4), observe(gan)
    _check_pairs(ours, theirs, match_angles=match_angles)
    draw = Bootstrap(len(ours), num_replicas=NUM_REPLICAS if errors else 0, seed=BOOTSTRAP_SEED)
    return _Comparison(ours, theirs, draw).physics()


class _Comparison:
    """The two sets and the resampling that all figures of one comparison share. Names with `replicas` are (1 + B, ...)."""

    def __init__(self, geant4: Observed, gan: Observed, draw: Bootstrap) -> None:
        self.geant4, self.gan, self.draw = geant4, gan, draw
        self.energy = geant4.energy
        self.notes: list[str] = []

    def physics(self) -> Physics:
        geant4, gan = self.geant4, self.gan
        layers, layer_replicas = self.profile(geant4.layers, gan.layers, unit="GeV", axis="layer from the front")
        rows_x, x_replicas = self.profile(geant4.rows_x, gan.rows_x, unit="GeV", axis="x / cells from the middle", centred=True)
        rows_y, y_replicas = self.profile(geant4.rows_y, gan.rows_y, unit="GeV", axis="y / cells from the middle", centred=True)
        rings, _ = self.profile(geant4.rings, gan.rings, unit="GeV", axis="distance from the middle / cells")
        spectrum, _ = self.profile(geant4.spectrum, gan.spectrum, unit="cells", axis="cell energy / GeV")
        fluctuations, fluctuation_replicas = self.fluctuations()
        binned = energy_bins(geant4, gan, self.draw, bin_edges(self.energy), self.notes)
        resolution_replicas = _mean(binned.resolution_ratio)
        transverse_replicas = (x_replicas.weighted + y_replicas.weighted) / 2
        score_replicas = (
            _capped((layer_replicas.mean + layer_replicas.weighted) / 2)
            + _capped(_mean(np.abs(binned.response - 1)))
            + _capped(transverse_replicas) / 2
            + _log_distance(resolution_replicas) / 4
            + _log_distance(fluctuation_replicas) / 4
        )
        moments = {name: self.pair(geant4.moments[:, i], gan.moments[:, i], "cells²") for i, name in enumerate("xyz")}
        return Physics(
            num_showers=len(geant4),
            score=measured(score_replicas),
            response=self.pair(geant4.total, gan.total, "GeV").ratio,
            largest_response_error=measured(_largest(np.abs(binned.response - 1))),
            resolution_ratio=measured(resolution_replicas),
            fluctuation_ratio=measured(fluctuation_replicas),
            transverse_error=measured(transverse_replicas),
            correlation_distance=self.correlation_distance(),
            layers=layers,
            rows_x=rows_x,
            rows_y=rows_y,
            rings=rings,
            fluctuations=fluctuations,
            spectrum=dataclasses.replace(spectrum, positions=SPECTRUM_EDGES_GEV[:-1]),
            response_bins=binned.bins,
            paper_bins=self.paper_bins(),
            sampling_fraction=self.pair(geant4.total / self.energy, gan.total / self.energy, ""),
            nonlinearity=self.nonlinearity(binned),
            shower_maximum=self.shower_maximum(),
            second_moments=moments,
            moment_errors={name: _distance_from_one(pair.ratio) for name, pair in moments.items()},
            cells_above={
                f"{threshold * 1000:g} MeV": self.pair(geant4.above[:, i], gan.above[:, i], "")
                for i, threshold in enumerate(THRESHOLDS_GEV)
            },
            angle_error=self.angle_error(),
            notes=tuple(self.notes),
        )

    def mean(self, values: Array) -> Array:
        return self.draw.mean(at_fixed_energy(values, self.energy))

    def pair(self, geant4: Array, gan: Array, unit: str) -> Pair:
        """The means of (N,) values of both."""
        return _pair(self.mean(geant4), self.mean(gan), unit)

    def profile(self, geant4: Array, gan: Array, *, unit: str, axis: str, centred: bool = False) -> tuple[Profile, _Deviation]:
        """The means of (N, K) values of both."""
        middle = (geant4.shape[1] - 1) / 2 if centred else 0
        return _profile(self.mean(geant4), self.mean(gan), unit=unit, axis=axis, first_position=-middle)

    def fluctuations(self) -> tuple[Profile, Array]:
        """Spread of each layer's share of E, and the replicas of its ratio averaged over the layers by energy."""
        geant4 = self.draw.std(self.geant4.layers / self.energy[:, None])
        gan = self.draw.std(self.gan.layers / self.energy[:, None])
        profile, _ = _profile(geant4, gan, unit="", axis="layer from the front", first_position=0)
        return profile, _mean(divided(gan, geant4), weights=self.draw.mean(self.geant4.layers))

    def correlation_distance(self) -> Measured:
        geant4, gan = (self.draw.correlations(set_.layers / self.energy[:, None]) for set_ in (self.geant4, self.gan))
        above_diagonal = np.triu_indices(geant4.shape[1], k=1)
        return measured(np.sqrt(_mean(((gan - geant4) ** 2)[:, *above_diagonal])))

    def paper_bins(self) -> tuple[EnergyBin, ...]:
        lowest, highest = PAPER_RANGE_GEV
        if self.energy.min() < lowest or self.energy.max() > highest or np.ptp(self.energy) < 50:
            return ()
        edges = [(centre - PAPER_HALF_WIDTH_GEV, centre + PAPER_HALF_WIDTH_GEV) for centre in PAPER_CENTRES_GEV]
        return energy_bins(self.geant4, self.gan, self.draw, edges, self.notes).bins

    def nonlinearity(self, binned: Binned) -> Pair:
        geant4, gan = (
            _largest(np.abs(divided(sampling, self.mean(observed.total / self.energy)[:, None]) - 1))
            for sampling, observed in ((binned.sampling_geant4, self.geant4), (binned.sampling_gan, self.gan))
        )
        return _pair(geant4, gan, "")

    def shower_maximum(self) -> Pair:
        return _pair(_peak(self.mean(self.geant4.layers)), _peak(self.mean(self.gan.layers)), "layers")

    def angle_error(self) -> Pair:
        """The barycentres' slope gives cot(theta) by a straight line fitted to Geant4, along the axis that the angle tilts."""
        if np.std(self.geant4.theta) <= MIN_ANGLE_SPREAD:
            self.notes.append("the angle from the layers, as all showers have one angle")
            return Pair(unit="rad", geant4=UNDEFINED, gan=UNDEFINED, ratio=UNDEFINED)
        cot = 1 / np.tan(self.geant4.theta)
        usable = np.isfinite(self.geant4.slopes).all(axis=1)
        slopes, cot = self.geant4.slopes[usable], cot[usable]
        covariance = (slopes - slopes.mean(axis=0)).T @ (cot - cot.mean()) / len(cot)
        correlation = np.nan_to_num(divided(covariance, slopes.std(axis=0) * cot.std()))
        tilted = int(np.argmax(np.abs(correlation)))
        if not correlation[tilted]:
            self.notes.append("the angle from the layers, which Geant4's showers do not follow")
            return Pair(unit="rad", geant4=UNDEFINED, gan=UNDEFINED, ratio=UNDEFINED)
        gain = covariance[tilted] / slopes[:, tilted].var()
        offset = cot.mean() - gain * slopes[:, tilted].mean()
        geant4, gan = (
            np.abs(np.arctan2(1, offset + gain * observed.slopes[:, tilted]) - observed.theta)
            for observed in (self.geant4, self.gan)
        )
        return self.pair(geant4, gan, "rad")


class _Deviation(NamedTuple):
    """Replicas (1 + B,) of the mean over a profile of |ratio - 1|: each position alike, and by Geant4's share."""

    mean: Array
    weighted: Array


def _check_pairs(geant4: Observed, gan: Observed, *, match_angles: bool) -> None:
    for what, ours, theirs in (("number", len(geant4), len(gan)), ("shape", geant4.shape, gan.shape)):
        if ours != theirs:
            raise Refusal(
                f"{what} of showers: Geant4 {ours}, GAN {theirs}",
                expected="the same",
                remedy="generate one for each of Geant4's",
            )
    matches = [("energies", geant4.energy, gan.energy), *([("angles", geant4.theta, gan.theta)] if match_angles else [])]
    for what, of_geant4, of_gan in matches:
        if not np.allclose(of_geant4, of_gan, rtol=1e-3):
            raise Refusal(
                f"{what} of GAN and Geant4 showers differ by up to {np.max(np.abs(of_geant4 - of_gan)):.3g}",
                expected="the same in the same order",
                remedy="generate each shower for the energy and angle of its Geant4 shower",
            )


def _pair(geant4: Array, gan: Array, unit: str) -> Pair:
    return Pair(unit=unit, geant4=measured(geant4), gan=measured(gan), ratio=measured(divided(gan, geant4)))


def _profile(geant4: Array, gan: Array, *, unit: str, axis: str, first_position: float) -> tuple[Profile, _Deviation]:
    ratio = divided(gan, geant4)
    deviation = _Deviation(_mean(np.abs(ratio - 1)), _mean(np.abs(ratio - 1), weights=geant4))
    profile = Profile(
        unit=unit,
        axis=axis,
        positions=tuple(float(first_position + k) for k in range(geant4.shape[1])),
        geant4=measured_each(geant4),
        gan=measured_each(gan),
        ratio=measured_each(ratio),
        mean_error=measured(deviation.mean),
        weighted_error=measured(deviation.weighted),
        largest_error=measured(_largest(np.abs(ratio - 1))),
    )
    return profile, deviation


def _mean(replicas: Array, weights: Array | None = None) -> Array:
    """(1 + B,) mean of (1 + B, K) over what is defined."""
    share = np.ones_like(replicas) if weights is None else weights
    defined = np.isfinite(replicas)
    return divided((np.where(defined, replicas, 0) * share).sum(axis=1), (defined * share).sum(axis=1))


def _largest(replicas: Array) -> Array:
    """(1 + B,) largest of (1 + B, K) among what is defined."""
    highest = np.where(np.isfinite(replicas), replicas, -np.inf).max(axis=1)
    return np.where(np.isfinite(highest), highest, np.nan)


def _capped(replicas: Array) -> Array:
    return np.where(np.isfinite(replicas), np.minimum(replicas, SCORE_CAP), SCORE_CAP)


def _log_distance(ratio: Array) -> Array:
    """|ln ratio|, at most ln(SCORE_CAP), which also stands for what is undefined."""
    defined = np.isfinite(ratio) & (ratio > 0)
    return np.minimum(np.abs(np.log(np.where(defined, ratio, SCORE_CAP))), np.log(SCORE_CAP))


def _peak(layers: Array) -> Array:
    """(1 + B,) depth of the maximum of (1 + B, Z): the vertex of the parabola through the highest layer and its neighbours."""
    top = np.clip(layers.argmax(axis=1), 1, layers.shape[1] - 2)[:, None]
    before, at, after = (np.take_along_axis(layers, top + step, axis=1)[:, 0] for step in (-1, 0, 1))
    shift = divided(before - after, 2 * (before - 2 * at + after))
    return np.where(layers.max(axis=1) > 0, top[:, 0] + np.clip(np.nan_to_num(shift), -1, 1), np.nan)


def _distance_from_one(ratio: Measured) -> Measured:
    return Measured(abs(ratio.value - 1), ratio.error)


def _neighbours(showers: Showers) -> NDArray[np.int64]:
    """(N,) indices in an order in which neighbours have like energies, and like angles where these vary."""
    by_energy = np.argsort(showers.energy, kind="stable")
    if np.std(showers.theta) <= MIN_ANGLE_SPREAD:
        return by_energy
    block = np.empty(len(showers), dtype=np.int64)
    block[by_energy] = np.arange(len(showers)) // (4 * math.isqrt(len(showers)))
    return np.lexsort((showers.theta, block))


def _taken(showers: Showers, members: NDArray[np.int64]) -> Showers:
    return Showers(ecal=showers.ecal[members], energy=showers.energy[members], theta=showers.theta[members])
