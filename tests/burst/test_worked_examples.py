"""What the study claimed, reckoned with the forecast: where each claim holds and where not, as docs/worked-examples.md says."""

from __future__ import annotations

import pytest

from burst import facts
from burst import worked_examples as examples
from burst.forecast import Work, rented
from burst.ranges import Case
from burst.spec import Purchase
from burst.worked_examples import Higgs
from docs.figures import forecast, pages, worked_tables

PAGE = forecast.EXAMPLES.read_text(encoding="utf-8")
SENTENCES = " ".join(PAGE.split())
ON_DEMAND, SPOT = Purchase.ON_DEMAND, Purchase.SPOT


def test_the_page_states_what_the_code_says() -> None:
    for name, text in worked_tables.numbers().items():
        assert text in SENTENCES, f"{name} is {text}: correct docs/worked-examples.md"


def test_the_pages_tables_are_those_of_the_code() -> None:
    assert pages.rewritten(PAGE, worked_tables.blocks()) == PAGE, "python -m docs.figures brings it up to date"


@pytest.mark.parametrize(
    "name", ["GAN: largest number of GPUs", "GAN: duration of a training at scale", "GAN: price of a training", "Higgs: cost"]
)
def test_a_claim_without_a_source_is_marked_so(name: str) -> None:
    assert not examples.claim(name).is_sourced
    assert "as the project's description of the study has it" in SENTENCES


def test_a_published_fact_is_told_from_a_recalled_one() -> None:
    assert examples.claim("Higgs: data set").is_sourced
    assert examples.claim("Higgs: cores used").is_sourced


# 1. Near-linear from 1 to 128 V100.


def test_epochs_scale_almost_linearly_in_nodes_of_eight() -> None:
    found = examples.weak_scaling()
    assert [each.num_gpus for each in found] == [1, 2, 4, 8, 16, 32, 64, 128]
    assert [each.num_nodes for each in found] == [1, 1, 1, 1, 2, 4, 8, 16]
    assert found[-1].efficiency.expected == pytest.approx(0.84, abs=0.02)
    assert all(each.efficiency.expected > 0.95 for each in found if each.num_gpus <= 32)


def test_the_efficiency_that_cern_measured_lies_in_its_range() -> None:
    measured = examples.measured_speed_up(2, 128) / 64
    assert measured == pytest.approx(0.84, abs=0.01)
    assert measured in examples.weak_scaling()[-1].efficiency


def test_one_gpu_a_node_does_not_scale_so() -> None:
    apart, together = examples.weak_scaling(1), examples.weak_scaling()
    assert apart[-1].efficiency.expected == pytest.approx(0.59, abs=0.03)
    for alone, beside in zip(apart, together, strict=True):
        assert alone.epoch_seconds.expected >= beside.epoch_seconds.expected


def test_what_nobody_measured_has_the_widest_range() -> None:
    widths = [each.efficiency.high / each.efficiency.low for each in examples.weak_scaling(1)]
    assert widths[-1] == max(widths)
    assert widths[-1] > 1.5


def test_eight_times_the_gpus_at_one_global_batch_are_less_than_four_times_as_fast() -> None:
    found = examples.strong_scaling()
    assert {each.num_gpus * each.batch_per_rank for each in found} == {examples.best_published().global_batch}
    assert found[-1].num_gpus == 8 * found[0].num_gpus
    assert found[-1].speed_up.expected == pytest.approx(2.8, abs=0.2)
    assert found[-1].speed_up.high < 4


def test_a_whole_burst_gains_half_as_much_for_twice_the_money() -> None:
    alone, together = examples.whole_bursts()
    speed_up = alone.hours.expected / together.hours.expected
    assert speed_up == pytest.approx(55, abs=4)
    assert speed_up < 0.6 * examples.weak_scaling()[-1].speed_up.expected
    assert together.usd.expected / alone.usd.expected == pytest.approx(2.0, abs=0.2)


# 2. A training in an hour.


def test_the_training_alone_takes_an_hour_from_eighty_v100_on() -> None:
    within = [each.num_nodes for each in examples.hours_by_nodes() if each.training_hours.expected <= 1]
    assert within == list(range(10, 17))


def test_a_whole_burst_takes_more_than_an_hour_on_any_number_of_v100() -> None:
    for each in examples.hours_by_nodes():
        assert each.whole_hours.expected > 1
    assert examples.hours_by_nodes()[-1].whole_hours.expected == pytest.approx(1.1, abs=0.05)


def test_every_training_in_an_hour_makes_fewer_updates_than_any_published() -> None:
    fewest = min(each.num_epochs * (124_987 // each.global_batch) for each in facts.accuracies())
    for each in examples.hours_by_nodes():
        if each.training_hours.expected <= 1:
            assert each.num_updates < fewest
            assert each.ecal_error_percent is None


def test_the_best_accuracy_of_an_hour_is_not_the_best_published() -> None:
    best = examples.most_updates_in_an_hour()
    assert best.training_hours.expected <= 1
    assert best.num_updates < 7320 / 2
    assert best.ecal_error_percent is not None
    assert best.ecal_error_percent == pytest.approx(9.8, abs=0.2)
    assert best.ecal_error_percent > examples.best_published().ecal_error_percent + 1


def test_the_published_training_at_scale_takes_about_an_hour_of_logged_epochs() -> None:
    assert examples.measured_hours_at_scale() == pytest.approx(1.14, abs=0.01)
    forecast_ = examples.published_at_scale()
    assert forecast_.num_nodes == 16
    assert examples.measured_hours_at_scale() in forecast_.training_hours


def test_on_demand_costs_more_than_spot_and_more_nodes_more_than_fewer() -> None:
    found = examples.hours_by_nodes()
    assert all(each.usd_on_demand.expected > each.usd_spot.expected for each in found)
    prices = [each.usd_on_demand.expected for each in found]
    assert prices == sorted(prices)


def test_the_cheapest_burst_within_an_hour_is_within_it() -> None:
    plan = examples.cheapest_whole_hour()
    assert rented.cost(plan).hours.expected <= 1
    assert float(rented.times(plan, Case.EXPECTED).num_updates[0]) >= 1200


# 3. A pre-emptible v3-8 is 2.4 times cheaper than the equivalent V100s.


def test_a_v3_8_is_worth_eight_to_nine_v100() -> None:
    assert examples.equal_speed_gpus().expected == pytest.approx(8.6, abs=0.3)
    assert 8 in examples.equal_speed_gpus()


def test_the_v3_8_is_cheaper_in_every_reading() -> None:
    for each in examples.readings():
        assert each.by_training.low > 1
        assert each.by_burst == pytest.approx(each.by_training.expected, rel=0.06)


def test_like_with_like_in_one_region_the_claim_is_too_modest() -> None:
    claimed = examples.claim("GAN: preemptible TPU v3-8 against equivalent GPUs").number
    alike = [each for each in examples.readings() if (each.gpus.region, each.gpus.purchase) == (each.tpu.region, SPOT)]
    assert len(alike) == 2
    assert all(each.by_training.low > claimed for each in alike)


def test_only_where_v100s_are_cheapest_is_the_ratio_near_the_claim() -> None:
    claimed = examples.claim("GAN: preemptible TPU v3-8 against equivalent GPUs").number
    near = [each for each in examples.readings() if claimed in each.by_training]
    assert {each.gpus.region for each in near} == {"asia-east1"}
    assert min(abs(each.by_training.expected - claimed) for each in near) < 0.1


# 4. About 25 USD a training.


def test_a_pre_emptible_training_costs_less_than_claimed() -> None:
    claimed = examples.claim("GAN: price of a training").number
    assert examples.tpu_training().usd.expected == pytest.approx(15.3, abs=1)
    for region in (examples.REGION, examples.OTHER_REGION):
        assert examples.tpu_training(region=region).usd.high < claimed


def test_on_demand_a_training_costs_more_than_claimed() -> None:
    assert examples.tpu_training(ON_DEMAND).usd.low > 2 * examples.claim("GAN: price of a training").number


def test_by_a_trainer_that_nobody_measured_there_the_claim_is_in_the_range() -> None:
    assert examples.claim("GAN: price of a training").number in examples.tpu_training(work=Work()).usd


def test_the_claimed_money_buys_more_epochs_than_the_best_training_has() -> None:
    number = examples.epochs_for(examples.claim("GAN: price of a training").number)
    assert number == pytest.approx(99, abs=8)
    assert number > examples.best_published().num_epochs
    assert examples.epochs_for(0.01) == 0


# 5. The Higgs analysis on 660 nodes for less than 300 USD.


def higgs(shape: str, purchase: Purchase) -> Higgs:
    return next(each for each in examples.higgs() if (each.offer.shape.name, each.offer.purchase) == (shape, purchase))


def test_only_the_larger_machine_has_the_published_cores() -> None:
    published = examples.claim("Higgs: cores used").number
    assert higgs("n1-highmem-16", SPOT).num_cores < 0.6 * published
    assert higgs("n1-highmem-32", SPOT).num_cores == pytest.approx(published, rel=0.1)


def test_as_spot_machines_660_nodes_stay_below_300_usd() -> None:
    found = higgs("n1-highmem-32", SPOT)
    assert found.usd.high < examples.claim("Higgs: cost").number
    assert found.usd.expected == pytest.approx(121, abs=10)
    assert found.max_minutes == pytest.approx(40, abs=2)


def test_on_demand_the_larger_nodes_do_not() -> None:
    found = higgs("n1-highmem-32", ON_DEMAND)
    assert found.usd.expected > examples.claim("Higgs: cost").number
    assert found.max_minutes == pytest.approx(14, abs=1)
    assert found.max_minutes < examples.node_minutes().expected


def test_the_bill_reaches_the_claim_at_the_stated_minutes() -> None:
    for each in examples.higgs():
        assert each.usd_per_hour * each.max_minutes / 60 == pytest.approx(300, rel=0.005)


def test_nodes_live_longer_than_the_demonstration() -> None:
    minutes = examples.node_minutes()
    assert minutes.low > examples.claim("Higgs: duration of the demonstration").number
    assert (minutes.low, minutes.expected, minutes.high) == pytest.approx((8.0, 16.1, 38.0), abs=0.1)


def test_reading_the_data_takes_the_demonstrations_minutes() -> None:
    assert examples.read_seconds() / 60 == pytest.approx(examples.claim("Higgs: duration of the demonstration").number, rel=0.2)


def test_keeping_the_data_for_a_month_costs_more_than_the_run() -> None:
    assert examples.data_usd_per_month() > max(each.usd.expected for each in examples.higgs())
