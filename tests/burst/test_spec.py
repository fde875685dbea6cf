"""A burst as plain values: what cannot be is refused where it is written down."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from burst.spec import Dataset, Pool, Purchase, Shape, Target, Workload
from trainer.contract import RunConfig
from trainer.refusal import Refusal

V100 = Shape(
    provider="gcp",
    name="n1-standard-96+8xV100-16GB",
    accelerator="V100-16GB",
    num_accelerators=8,
    vcpus=96,
    memory_gib=360,
)
POOL = Pool(target=Target.GKE, region="gcp/europe-west4", shape=V100, num_nodes=4, purchase=Purchase.SPOT)
LOCAL = Pool(target=Target.LOCAL, region="gcp/europe-west6")
RUN = RunConfig(data_path="showers.h5", data_sha256="0" * 64, num_epochs=10)


@pytest.mark.parametrize(
    ("provider", "accelerator", "target"),
    [
        ("gcp", "V100-16GB", Target.GKE),
        ("gcp", "TPU-v3", Target.GCP_TPU),
        ("azure", "A100-80GB", Target.AZURE_ML),
        ("oci", "V100-16GB", Target.OCI),
    ],
)
def test_a_shape_knows_what_deploys_onto_it(provider: str, accelerator: str, target: Target) -> None:
    assert replace(V100, provider=provider, accelerator=accelerator).target is target


@given(num_nodes=st.integers(1, 1000), num_accelerators=st.integers(0, 16))
def test_a_pool_has_the_accelerators_of_all_its_nodes(num_nodes: int, num_accelerators: int) -> None:
    pool = replace(POOL, num_nodes=num_nodes, shape=replace(V100, num_accelerators=num_accelerators))
    assert pool.num_accelerators == num_nodes * num_accelerators


def test_this_machine_has_no_shape_and_no_accelerators_to_rent() -> None:
    assert LOCAL.num_accelerators == 0


@pytest.mark.parametrize("num_nodes", [0, -3])
def test_a_pool_of_no_nodes_is_refused_with_the_setting(num_nodes: int) -> None:
    with pytest.raises(Refusal, match=rf"a pool of {num_nodes} nodes; expected 1 or more; to mend it: set pool\.num_nodes"):
        replace(POOL, num_nodes=num_nodes)


@pytest.mark.parametrize("changes", [{"shape": None}, {"purchase": Purchase.OWNED}, {"target": Target.LOCAL}])
def test_a_pool_that_is_half_owned_and_half_rented_is_our_mistake(changes: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        replace(POOL, **changes)  # type: ignore[arg-type]  # test table


@given(num_showers=st.integers(2, 5_000), num_ranks=st.integers(1, 8), batch=st.integers(2, 512))
def test_a_workload_has_a_step_or_is_refused_with_the_batch_that_has_one(num_showers: int, num_ranks: int, batch: int) -> None:
    dataset = Dataset(path="showers.h5", sha256="0" * 64, num_showers=num_showers, image_shape=(25, 25, 25))
    run = replace(RUN, num_ranks=num_ranks, batch_per_rank=batch)
    training = num_showers - run.num_test_showers(num_showers)
    if batch * num_ranks <= training:
        assert Workload(run=run, dataset=dataset).steps_per_epoch == training // (batch * num_ranks)
        return
    largest = training // num_ranks
    with pytest.raises(Refusal, match=f"expected a batch per rank of {largest} or less"):
        Workload(run=run, dataset=dataset)
    if largest >= 2:
        assert Workload(run=replace(run, batch_per_rank=largest), dataset=dataset).steps_per_epoch >= 1
