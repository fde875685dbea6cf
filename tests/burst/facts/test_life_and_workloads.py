"""Phases of a burst's life, pre-emption, sizes, and the trainers that are known."""

from __future__ import annotations

import pytest

from burst import facts
from burst.facts import AFTER, BEFORE, PhaseName
from burst.spec import Purchase, Shape, Target
from trainer.refusal import Refusal

CLOUDS = (Target.GKE, Target.GCP_TPU, Target.AZURE_ML, Target.OCI)


def shape(provider: str, accelerator: str) -> Shape:
    return Shape(provider=provider, name="any", accelerator=accelerator, num_accelerators=8, vcpus=96, memory_gib=360)


@pytest.mark.parametrize("target", CLOUDS)
def test_every_target_has_nodes_that_boot_start_restart_and_go(target: Target) -> None:
    needed = {
        PhaseName.QUEUEING,
        PhaseName.NODE_CREATION,
        PhaseName.IMAGE_PULL,
        PhaseName.JOB_START,
        PhaseName.VALIDATION,
        PhaseName.CHECKPOINT,
        PhaseName.RESTART,
        PhaseName.NODE_DELETION,
    }
    assert needed <= facts.phases(target).keys()


@pytest.mark.parametrize("target", CLOUDS)
def test_waiting_for_capacity_is_not_billed_and_a_node_is(target: Target) -> None:
    phases = facts.phases(target)
    assert phases[PhaseName.QUEUEING].billed is facts.Billed.NOTHING
    assert phases[PhaseName.NODE_CREATION].billed is facts.Billed.NODES
    assert phases[PhaseName.NODE_DELETION].billed is facts.Billed.NODES


@pytest.mark.parametrize("target", CLOUDS)
def test_a_restart_takes_as_long_as_the_phases_that_it_repeats(target: Target) -> None:
    phases = facts.phases(target)
    repeated = (PhaseName.NODE_CREATION, PhaseName.IMAGE_PULL, PhaseName.JOB_START)
    assert phases[PhaseName.RESTART].seconds.expected >= sum(phases[name].seconds.expected for name in repeated)


def test_a_cluster_of_ones_own_takes_pods_and_gives_nothing_back() -> None:
    phases = facts.phases(Target.KUBERNETES)
    recurring = {PhaseName.VALIDATION, PhaseName.CHECKPOINT}
    assert phases.keys() == {PhaseName.QUEUEING, PhaseName.IMAGE_PULL, PhaseName.POD_START, PhaseName.JOB_START, *recurring}
    assert phases[PhaseName.IMAGE_PULL].seconds.low == 0, "the nodes have the image"
    assert phases[PhaseName.QUEUEING].seconds.expected == 0, "free nodes"


def test_what_recurs_is_neither_before_nor_after() -> None:
    recurring = {PhaseName.VALIDATION, PhaseName.CHECKPOINT, PhaseName.RESTART}
    assert {*BEFORE, *AFTER, *recurring} == set(PhaseName)
    assert not recurring & {*BEFORE, *AFTER}


@pytest.mark.parametrize("provider", ["gcp", "azure", "oci"])
def test_spot_machines_are_lost_more_often_than_bought_ones(provider: str) -> None:
    spot, bought = (
        facts.preemption(shape(provider, "V100-16GB"), purchase).per_node_hour
        for purchase in (Purchase.SPOT, Purchase.ON_DEMAND)
    )
    assert spot.expected > bought.expected
    assert spot.high > bought.high


def test_a_tpu_and_a_gpu_of_google_are_lost_at_their_own_rates() -> None:
    tpu, gpu = (facts.preemption(shape("gcp", name), Purchase.SPOT).per_node_hour for name in ("TPU-v3", "V100-16GB"))
    assert tpu.expected != gpu.expected


def test_a_machine_of_ones_own_has_no_rate_of_pre_emption() -> None:
    with pytest.raises(Refusal, match="no rate of pre-emption for owned gpu of gcp"):
        facts.preemption(shape("gcp", "V100-16GB"), Purchase.OWNED)


@pytest.mark.parametrize("what", ["image", "dataset", "results", "boot_disk"])
def test_what_is_moved_and_kept_has_a_size(what: str) -> None:
    assert facts.size(what).gb.low > 0


def test_a_mistyped_implementation_gets_the_closest() -> None:
    with pytest.raises(Refusal, match=r"no implementation hepbrust \(did you mean hepburst\?\)"):
        facts.implementation("hepbrust")


def test_cerns_trainer_is_its_own_measure_and_ours_is_not_yet_measured() -> None:
    cern, ours = (facts.implementation(name).factor for name in (facts.CERN, facts.OURS))
    assert cern.low == cern.expected == cern.high == 1
    assert ours.low < 1 < ours.high


def test_two_trainings_have_a_published_accuracy() -> None:
    assert [(each.global_batch, each.num_epochs, each.ecal_error_percent) for each in facts.accuracies()] == [
        (1024, 60, 8.3),
        (12288, 120, 11.0),
    ]
