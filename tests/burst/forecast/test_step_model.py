"""The step model as a formula: what more ranks, larger batches and more nodes can do to an epoch, and what they cannot."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from burst.facts.epoch_times import NUM_SAMPLES
from burst.forecast import fitting
from burst.forecast.step_model import StepModel, num_steps

SAMPLES = float(NUM_SAMPLES)
FITTED = fitting.gke().models[fitting.GKE_ACCELERATOR]
DROPPING = replace(FITTED, keeps_last_batch=False)
MODELS = st.builds(
    StepModel,
    seconds_per_sample=st.floats(1e-4, 1.0),
    seconds_per_step=st.floats(0, 1.0),
    seconds_per_step_and_node=st.floats(0, 0.1),
    seconds_per_epoch=st.floats(0, 10.0),
    keeps_last_batch=st.booleans(),
)
BATCHES = st.integers(2, 512)
RANKS = st.integers(1, 512)


def epoch(model: StepModel, *, batch: int, ranks: int, nodes: int, samples: float = SAMPLES) -> float:
    return model.epoch_seconds(samples, float(batch), float(ranks), float(nodes))


def above(seconds: float) -> float:
    """Its rounding allowed for."""
    return seconds * (1 + 1e-12)


@given(model=MODELS, batch=BATCHES, ranks=RANKS, nodes=st.integers(1, 64), samples=st.integers(1, 200_000))
def test_an_epoch_is_its_start_its_samples_and_its_steps_one_by_one(
    model: StepModel, batch: int, ranks: int, nodes: int, samples: int
) -> None:
    share, seconds = samples / ranks, model.seconds_per_epoch
    while share > 1e-9:
        here = min(float(batch), share)
        if here == batch or model.keeps_last_batch:
            seconds += here * model.seconds_per_sample + model.seconds_per_step
            seconds += (nodes - 1) * model.seconds_per_step_and_node
        share -= batch
    # A share that is a whole number of batches but for rounding may count one step more or less.
    near = abs(samples / (batch * ranks) - round(samples / (batch * ranks))) < 1e-9
    if not near or samples % (batch * ranks) == 0:
        assert epoch(model, batch=batch, ranks=ranks, nodes=nodes, samples=float(samples)) == pytest.approx(seconds, rel=1e-9)


@given(samples=st.integers(1, 200_000), batch=BATCHES, ranks=RANKS, keeps=st.booleans())
def test_steps_are_the_whole_batches_and_the_last_if_it_is_kept(samples: int, batch: int, ranks: int, keeps: bool) -> None:
    steps = num_steps(float(samples), float(batch), float(ranks), keeps_last_batch=keeps)
    assert steps == (-(-samples // (batch * ranks)) if keeps else samples // (batch * ranks))


@given(model=MODELS, layouts=st.lists(st.tuples(BATCHES, RANKS, st.integers(1, 64)), min_size=1, max_size=5))
def test_many_layouts_at_once_take_what_each_takes(model: StepModel, layouts: list[tuple[int, int, int]]) -> None:
    batches, ranks, nodes = (np.array(column, dtype=np.float64) for column in zip(*layouts, strict=True))
    together = model.epoch_seconds(np.full(len(layouts), SAMPLES), batches, ranks, nodes)
    assert together.tolist() == [epoch(model, batch=b, ranks=r, nodes=n) for b, r, n in layouts]


@given(model=MODELS, batch=BATCHES, ranks=RANKS, nodes=st.integers(1, 63))
def test_the_same_ranks_on_more_nodes_are_never_faster(model: StepModel, batch: int, ranks: int, nodes: int) -> None:
    fewer, more = (epoch(model, batch=batch, ranks=ranks, nodes=number) for number in (nodes, nodes + 1))
    assert fewer <= above(more)


@given(model=MODELS, batch=BATCHES, ranks=RANKS, nodes=st.integers(1, 64), larger=st.integers(1, 256))
def test_a_larger_batch_is_never_slower_where_the_last_one_is_kept(
    model: StepModel, batch: int, ranks: int, nodes: int, larger: int
) -> None:
    model = replace(model, keeps_last_batch=True)
    small, large = (epoch(model, batch=number, ranks=ranks, nodes=nodes) for number in (batch, batch + larger))
    assert large <= above(small)


@given(batch=BATCHES, ranks=RANKS, nodes=st.integers(1, 64), larger=st.integers(1, 256))
def test_where_the_last_batch_is_dropped_a_larger_one_is_slower_by_less_than_a_step(
    batch: int, ranks: int, nodes: int, larger: int
) -> None:
    small, large = (epoch(DROPPING, batch=number, ranks=ranks, nodes=nodes) for number in (batch, batch + larger))
    assert large <= above(small + DROPPING.step_seconds(float(batch), float(nodes)))


@settings(max_examples=300)
@given(batch=BATCHES, per_node=st.sampled_from([1, 2, 4, 8, 16]), nodes=st.integers(1, 64), more=st.integers(1, 64))
def test_more_nodes_of_a_layout_are_slower_by_less_than_one_overhead(batch: int, per_node: int, nodes: int, more: int) -> None:
    """What holds exactly, the last batch kept: but for the rounding up of the steps, an epoch never gets longer.

    Without rounding it is `start + N/ranks (compute + (step - wait) / batch) + N wait / (batch per_node)` with `wait` that of
    a node: it falls with the ranks as long as `compute x batch + step >= wait`, which the fitted constants fulfil at a batch
    of 1. Rounding up adds less than one step's overhead.
    """
    assert FITTED.seconds_per_sample + FITTED.seconds_per_step >= FITTED.seconds_per_step_and_node
    few, many = (epoch(FITTED, batch=batch, ranks=per_node * number, nodes=number) for number in (nodes, nodes + more))
    overhead = FITTED.step_seconds(0.0, float(nodes + more))
    assert many <= above(few + overhead)


@settings(max_examples=300)
@given(batch=BATCHES, per_node=st.sampled_from([1, 2, 4, 8, 16]), nodes=st.integers(1, 64), more=st.integers(1, 64))
def test_where_the_last_batch_is_dropped_more_nodes_are_slower_by_less_than_a_step(
    batch: int, per_node: int, nodes: int, more: int
) -> None:
    """As above, with a whole step of the smaller layout for the rounding down."""
    few, many = (epoch(DROPPING, batch=batch, ranks=per_node * number, nodes=number) for number in (nodes, nodes + more))
    assert many <= above(few + DROPPING.step_seconds(float(batch), float(nodes)))


@given(batch=BATCHES, per_node=st.sampled_from([1, 2, 4, 8]), doublings=st.integers(0, 5))
def test_twice_the_nodes_are_faster_while_each_rank_has_ten_batches(batch: int, per_node: int, doublings: int) -> None:
    nodes = 2**doublings
    if SAMPLES / (batch * per_node * 2 * nodes) >= 10:
        assert epoch(FITTED, batch=batch, ranks=2 * per_node * nodes, nodes=2 * nodes) < epoch(
            FITTED, batch=batch, ranks=per_node * nodes, nodes=nodes
        )


@given(model=MODELS, batch=BATCHES, ranks=RANKS, nodes=st.integers(1, 64), samples=st.integers(1, 100_000))
def test_more_showers_never_take_less(model: StepModel, batch: int, ranks: int, nodes: int, samples: int) -> None:
    fewer, more = (
        epoch(model, batch=batch, ranks=ranks, nodes=nodes, samples=float(number)) for number in (samples, 2 * samples)
    )
    assert fewer <= above(more)
