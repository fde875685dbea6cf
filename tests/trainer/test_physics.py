"""Toy showers with known answers: a product of profiles, smeared by as much as each test says."""

from __future__ import annotations

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import pytest

from trainer.physics import Physics, compare, floor, judge, read_samples, table, write_samples
from trainer.refusal import Refusal
from trainer.showers.schema import Showers

DEPTH = np.array([0.4, 1.0, 2.0, 1.6, 0.9, 0.4])
ROW = np.array([0.02, 0.1, 0.5, 1.0, 0.5, 0.1, 0.02])
SAMPLING = 0.025


def toy(
    num_showers: int = 200,
    *,
    seed: int = 1,
    scale: float = 1.0,
    smear: float = 0.05,
    layer_smear: float = 0.0,
    depth: np.ndarray = DEPTH,
    range_gev: tuple[float, float] = (10.0, 100.0),
) -> Showers:
    """Energy sum = scale x SAMPLING x E x (1 + smear x gauss), shared out by `depth`, each layer smeared by `layer_smear`."""
    rng = np.random.default_rng(seed)
    energy = np.linspace(*range_gev, num_showers)
    total = scale * SAMPLING * energy * (1 + smear * rng.standard_normal(num_showers))
    layers = depth / depth.sum() * (1 + layer_smear * rng.standard_normal((num_showers, len(depth))))
    row = ROW / ROW.sum()
    ecal = total[:, None, None, None] * row[:, None, None] * row[:, None] * layers[:, None, None, :]
    return Showers(
        ecal=np.maximum(ecal, 0).astype(np.float32),
        energy=energy.astype(np.float32),
        theta=np.full(num_showers, np.pi / 2, dtype=np.float32),
    )


def with_cells(showers: Showers, ecal: np.ndarray) -> Showers:
    return dataclasses.replace(showers, ecal=ecal.astype(np.float32))


def test_a_set_against_itself_has_ratios_of_one_and_a_score_of_zero() -> None:
    physics = compare(toy(), toy())
    assert physics.score.value == 0
    assert physics.response.value == 1
    assert physics.response.error == 0
    assert physics.mean_layer_error.value == 0
    assert all(energy_bin.response.value == 1 for energy_bin in physics.response_bins)
    assert physics.fluctuation_ratio.value == pytest.approx(1)


def test_showers_scaled_by_1_1_have_a_response_of_1_1_and_a_layer_error_of_ten_percent() -> None:
    geant4 = toy()
    physics = compare(geant4, with_cells(geant4, geant4.ecal * 1.1))
    assert physics.response.value == pytest.approx(1.1, rel=1e-5)
    assert [energy_bin.response.value for energy_bin in physics.response_bins] == pytest.approx([1.1] * 5, rel=1e-5)
    assert physics.mean_layer_error.value == pytest.approx(0.1, rel=1e-4)
    assert physics.layers.weighted_error.value == pytest.approx(0.1, rel=1e-4)
    assert physics.transverse_error.value == pytest.approx(0.1, rel=1e-4)
    assert physics.resolution_ratio.value == pytest.approx(1, rel=1e-4), "a resolution is relative"
    assert physics.moment_errors["z"].value == pytest.approx(0, abs=1e-4)


def test_the_response_of_independent_showers_has_the_error_that_their_smearing_gives() -> None:
    physics = compare(toy(400, seed=1, smear=0.1), toy(400, seed=2, smear=0.1, scale=1.1))
    energy = toy(400).energy
    effective = energy.sum() ** 2 / (energy**2).sum()  # a mean energy sum weights each shower by its energy
    expected_error = 1.1 * 0.1 * math.sqrt(2 / effective)
    assert physics.response.error == pytest.approx(expected_error, rel=0.2)
    assert abs(physics.response.value - 1.1) < 4 * physics.response.error


def test_errors_cover_the_truth_as_often_as_one_standard_deviation_should() -> None:
    pulls = []
    for experiment in range(80):
        geant4 = toy(120, seed=2 * experiment, layer_smear=0.1)
        gan = toy(120, seed=2 * experiment + 1, scale=0.9, layer_smear=0.2)
        physics = compare(geant4, gan)
        figures = [physics.response, physics.layers.ratio[1], physics.response_bins[2].response]
        pulls.append([(figure.value - 0.9) / figure.error for figure in figures])
    centre, spread = np.mean(pulls, axis=0), np.std(pulls, axis=0)
    assert np.all(np.abs(centre) < 4 / math.sqrt(80)), centre
    assert np.all((spread > 0.75) & (spread < 1.3)), spread


def test_the_resolution_of_each_bin_is_the_smearing_without_the_trend_inside_the_bin() -> None:
    geant4, gan = toy(2000, seed=1, smear=0.04), toy(2000, seed=2, smear=0.08)
    drooping = with_cells(gan, gan.ecal * (1 - 0.003 * gan.energy[:, None, None, None]))
    for energy_bin in compare(geant4, drooping).response_bins:
        assert energy_bin.resolution_geant4.value == pytest.approx(0.04, rel=0.12)
        assert energy_bin.resolution_gan.value == pytest.approx(0.08, rel=0.12)
        assert energy_bin.resolution_gan.error == pytest.approx(0.96 * 0.08 / math.sqrt(400), rel=0.3)


def test_one_shower_that_leaks_does_not_widen_the_resolution() -> None:
    geant4 = toy(100, range_gev=(10, 27))
    leaking = geant4.ecal.copy()
    leaking[50] *= 0.2
    pairs = zip(compare(geant4, with_cells(geant4, leaking)).response_bins, compare(geant4, geant4).response_bins, strict=True)
    for with_leak, without in pairs:
        assert with_leak.resolution_gan.value == pytest.approx(without.resolution_gan.value, rel=0.4)


def test_a_drooping_response_shows_as_nonlinearity_and_in_each_bin() -> None:
    geant4 = toy(smear=0)
    physics = compare(geant4, with_cells(geant4, geant4.ecal * (1.1 - 0.002 * geant4.energy[:, None, None, None])))
    assert physics.nonlinearity.geant4.value == pytest.approx(0, abs=1e-6)
    assert physics.nonlinearity.gan.value == pytest.approx(0.072 / 0.99, rel=0.05), "36 GeV from the middle to the outer bins"
    first, *_, last = physics.response_bins
    assert first.response.value > 1.05
    assert last.response.value < 0.93


def test_a_layer_lost_by_the_gan_is_the_largest_error_and_counts_by_its_energy() -> None:
    depth = DEPTH.copy()
    depth[0] = 0
    geant4, gan = toy(smear=0), toy(smear=0, depth=depth, scale=depth.sum() / DEPTH.sum())
    layers = compare(geant4, gan).layers
    assert layers.largest_error.value == pytest.approx(1)
    assert layers.mean_error.value == pytest.approx(1 / len(DEPTH), rel=1e-4)
    assert layers.weighted_error.value == pytest.approx(0.4 / DEPTH.sum(), rel=1e-4)


def test_a_gan_that_fluctuates_half_as_much_has_a_fluctuation_ratio_of_one_half() -> None:
    physics = compare(toy(800, smear=0, layer_smear=0.2), toy(800, seed=2, smear=0, layer_smear=0.1))
    assert physics.fluctuation_ratio.value == pytest.approx(0.5, abs=5 * physics.fluctuation_ratio.error)
    assert 0 < physics.fluctuation_ratio.error < 0.02


def test_layers_that_move_together_are_far_from_layers_that_move_alone() -> None:
    together, alone = toy(500, smear=0.2), toy(500, seed=2, smear=0, layer_smear=0.2)
    assert compare(together, alone).correlation_distance.value == pytest.approx(1, abs=0.1)
    assert compare(toy(500, smear=0, layer_smear=0.2), alone).correlation_distance.value < 0.1


def test_second_moments_shower_maximum_and_spectrum_have_their_textbook_values() -> None:
    ecal = np.zeros((20, 7, 7, 6), dtype=np.float32)
    ecal[:, 2, 3, 2] = ecal[:, 4, 3, 2] = 0.05
    ecal[:, 3, 3, 1] = ecal[:, 3, 3, 3] = 0.0005
    showers = with_cells(toy(20), ecal)
    physics = compare(showers, showers)
    assert physics.second_moments["x"].geant4.value == pytest.approx(0.1 / 0.101, rel=1e-4)
    assert physics.second_moments["y"].geant4.value == pytest.approx(0, abs=1e-6)
    assert physics.shower_maximum.geant4.value == pytest.approx(2)
    assert physics.rings.geant4[1].value == pytest.approx(0.1, rel=1e-5)
    assert physics.cells_above["10 MeV"].geant4.value == pytest.approx(2 / 294)
    assert physics.cells_above["0.1 MeV"].geant4.value == pytest.approx(4 / 294)
    assert sum(figure.value for figure in physics.spectrum.geant4) == pytest.approx(4)


def test_angles_come_back_from_the_barycentres_and_are_lost_when_the_gan_forgets_them() -> None:
    rng = np.random.default_rng(3)
    theta = rng.uniform(np.pi / 3, 2 * np.pi / 3, 60)
    x, z = np.arange(25) - 12, np.arange(10) - 4.5
    axis = 1.1 / np.tan(theta)[:, None] * z
    slanted = np.exp(-0.5 * (x[None, :, None] - axis[:, None, :]) ** 2)
    ecal = 0.001 * slanted[:, None, :, :] * np.ones((1, 5, 1, 1))
    energy = np.linspace(100, 200, 60).astype(np.float32)
    geant4 = Showers(ecal=ecal.astype(np.float32), energy=energy, theta=theta.astype(np.float32))
    straight = compare(geant4, with_cells(geant4, ecal[::-1].copy())).angle_error
    assert straight.geant4.value < 0.01
    assert straight.gan.value > 0.2
    assert not compare(toy(), toy()).angle_error.gan.is_defined


def test_the_bins_of_the_papers_are_there_at_100_to_200_gev_only() -> None:
    physics = compare(toy(range_gev=(100, 199.9)), toy(range_gev=(100, 199.9), seed=2))
    assert [(b.low_gev, b.high_gev) for b in physics.paper_bins] == [(105, 115), (145, 155), (185, 195)]
    assert compare(toy(), toy()).paper_bins == ()


def test_bins_with_too_few_showers_are_null_with_the_reason() -> None:
    energy = np.concatenate([np.linspace(10, 20, 98), [60.0, 99.0]]).astype(np.float32)
    showers = dataclasses.replace(toy(100), energy=energy)
    physics = compare(showers, showers)
    values = physics.to_dict()
    assert physics.notes[0] == "28-46 GeV: 0 showers, 10 needed"
    assert isinstance(values["response_bins"], list)
    assert isinstance(values["response_bins"][1], dict)
    assert values["response_bins"][1]["response"] == [None, None]


def test_the_floor_is_that_of_statistics_and_lies_below_a_bad_gan() -> None:
    geant4 = toy(300, smear=0.1, layer_smear=0.1)
    ours = floor(geant4)
    assert ours.num_showers == 150
    assert abs(ours.response.value - 1) < 4 * ours.response.error
    assert ours.mean_layer_error.value < 0.05 < compare(geant4, toy(300, seed=2, scale=1.2)).mean_layer_error.value
    assert floor(geant4) == ours, "the seed is fixed"


def test_the_floor_of_slanted_showers_pairs_like_angles() -> None:
    rng = np.random.default_rng(5)
    geant4 = dataclasses.replace(toy(400), theta=rng.uniform(1, 2, 400).astype(np.float32))
    assert abs(floor(geant4).response.value - 1) < 0.05


def test_a_generator_of_nothing_has_the_worst_score_and_still_finite_json() -> None:
    geant4 = toy()
    nothing = compare(geant4, with_cells(geant4, np.zeros_like(geant4.ecal)))
    bad = compare(geant4, toy(seed=3, scale=1.6, smear=0.5))
    assert math.isfinite(nothing.score.value)
    assert nothing.score.value > bad.score.value > compare(geant4, toy(seed=3)).score.value
    json.dumps(nothing.to_dict(), allow_nan=False)
    json.dumps(nothing.summary(), allow_nan=False)
    assert nothing.to_dict()["shower_maximum"] is not None
    assert not nothing.shower_maximum.gan.is_defined


def test_the_cheap_path_gives_the_same_score_without_errors() -> None:
    cheap, full = compare(toy(), toy(seed=2), errors=False), compare(toy(), toy(seed=2))
    assert cheap.score.value == pytest.approx(full.score.value, rel=1e-9)
    assert math.isnan(cheap.score.error)
    assert cheap.summary() == pytest.approx(full.summary(), rel=1e-9)


def test_a_comparison_survives_json() -> None:
    judged = json.loads(json.dumps(judge(toy(), toy(seed=2)), allow_nan=False))
    assert set(judged) == {"gan", "floor"}
    assert judge(toy(3), toy(3))["floor"] == {}, "too few showers for a floor"
    again = Physics.from_dict(judged["gan"])
    assert again.to_dict() == judged["gan"]
    assert again.response == compare(toy(), toy(seed=2)).response


@pytest.mark.parametrize("damage", [{}, {"num_showers": 3}, {"layers": None}])
def test_physics_that_is_none_is_refused(damage: dict[str, object]) -> None:
    whole = compare(toy(), toy()).to_dict() if damage else {}
    with pytest.raises(Refusal, match="physics that cannot be read"):
        Physics.from_dict({key: value for key, value in {**whole, **damage}.items() if key != "rings"})


def test_the_table_names_the_figures_their_errors_and_the_floor() -> None:
    geant4 = toy(seed=1)
    text = table(compare(geant4, toy(seed=2, scale=1.1)), floor(geant4))
    assert "200 showers of each" in text
    assert "100 pairs" in text
    (response_line,) = (line for line in text.splitlines() if line.startswith("46-64 GeV"))
    assert " ± " in response_line
    assert max(len(line) for line in text.splitlines()) < 130


def test_sets_that_are_not_pairs_are_refused() -> None:
    with pytest.raises(Refusal, match="number of showers: Geant4 200, GAN 100"):
        compare(toy(), toy(100))
    with pytest.raises(Refusal, match="energies of GAN and Geant4 showers differ by up to 20"):
        compare(toy(), dataclasses.replace(toy(), energy=toy().energy + 20))
    with pytest.raises(Refusal, match="angles of GAN"):
        compare(toy(), dataclasses.replace(toy(), theta=toy().theta + 1))
    with pytest.raises(Refusal, match="shape of showers"):
        compare(toy(), with_cells(toy(), toy().ecal[:, 1:]))


def test_showers_of_a_wrong_shape_or_with_broken_cells_are_refused() -> None:
    with pytest.raises(Refusal, match=r"showers of shape \(200, 7, 7\)"):
        compare(with_cells(toy(), toy().ecal[..., 0]), toy())
    for cell in (math.nan, math.inf, -1.0):
        broken = toy().ecal.copy()
        broken[3, 2, 1, 0] = cell
        with pytest.raises(Refusal, match="negative or not finite"):
            compare(toy(), with_cells(toy(), broken))
    with pytest.raises(Refusal, match="1 showers to compare"):
        compare(toy(1), toy(1))
    with pytest.raises(Refusal, match="one of each a shower"):
        compare(dataclasses.replace(toy(), energy=toy().energy[1:]), toy())
    with pytest.raises(Refusal, match="3 showers for a floor"):
        floor(toy(3))


def test_samples_are_spread_over_the_energies_and_come_back_as_written(tmp_path: Path) -> None:
    path = tmp_path / "showers.npz"
    write_samples(path, toy(), toy(seed=2), num_samples=4)
    geant4, gan = read_samples(path)
    assert geant4.energy == pytest.approx([21.5, 44.1, 66.7, 89.3], abs=0.3)
    assert np.array_equal(gan.energy, geant4.energy)
    assert gan.ecal.shape == geant4.ecal.shape == (4, 7, 7, 6)
    assert list(tmp_path.iterdir()) == [path]


def test_damaged_samples_are_refused_by_name(tmp_path: Path) -> None:
    path = tmp_path / "showers.npz"
    with pytest.raises(Refusal, match=r"showers\.npz"):
        read_samples(path)
    write_samples(path, toy(), toy(seed=2))
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(Refusal, match=r"showers\.npz"):
        read_samples(path)
    with path.open("wb") as file:
        np.savez(file, geant4_ecal=np.zeros(3))
    with pytest.raises(Refusal, match="gan_ecal"):
        read_samples(path)
