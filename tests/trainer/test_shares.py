"""Runs in which ranks are missing train on the same global batches, and average as if none were."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainer.ranks import SingleRank
from trainer.shares import SharingRanks, share_of
from trainer.showers import reader
from trainer.showers.batches import Batches

pytestmark = pytest.mark.usefixtures("no_rank_environment")


@given(size=st.integers(1, 40), whole=st.integers(1, 40), batch=st.integers(2, 20))
def test_shares_are_a_partition_and_differ_by_one_at_most(size: int, whole: int, batch: int) -> None:
    shares = [share_of(rank, min(size, whole), whole * batch) for rank in range(min(size, whole))]
    assert [position for share in shares for position in share] == list(range(whole * batch))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("size", [1, 2, 3])
def test_the_global_batches_are_those_of_all_ranks(data: Path, size: int, streamed: bool) -> None:
    form: dict[str, Any] = {"in_memory_bytes": 0, "window_bytes": 5 * 4 * 25**3} if streamed else {}
    train = np.arange(2, 30)

    def batches(rank: int, share: range | None) -> list[list[float]]:
        made = Batches(data, train, batch_per_rank=2, seed=1, rank=rank, num_ranks=4, share=share, **form)
        assert made.num_batches == 3
        return [batch.energy.tolist() for batch in made.epoch(2, first_batch=1)]

    whole = [batches(rank, None) for rank in range(4)]
    fewer = [batches(0, share_of(rank, size, 8)) for rank in range(size)]
    for step in range(2):
        assert sum((rank[step] for rank in fewer), []) == sum((rank[step] for rank in whole), [])  # noqa: RUF017


def test_one_rank_that_is_left_counts_for_all() -> None:
    ranks = SharingRanks(SingleRank(), num_whole=4, global_batch=8)
    assert ranks.num_whole == 4
    assert ranks.total(8) == 8


def test_unequal_shares_average_to_the_mean_over_the_global_batch() -> None:
    ranks = """
import torch
from torch import nn
from trainer import lifeline, ranks
from trainer.gan.norm import GlobalBatchNorm3d
from trainer.shares import SharingRanks, share_of

lifeline.die_with_launcher()
torch.set_num_threads(1)
both = SharingRanks(ranks.of_environment(), num_whole=5, global_batch=5)
share = share_of(both.rank, 2, 5)
assert len(share) == 2 + both.rank
mine = slice(share.start, share.stop)
assert both.total(10 * len(share)) == 50

torch.manual_seed(0)
x, pull = torch.randn(5, 3, 4, 4, 4), torch.randn(5, 3, 4, 4, 4)
network = nn.Sequential(nn.Conv3d(3, 4, 1), GlobalBatchNorm3d(4, both, name="n", eps=1e-5, momentum=0.1), nn.Conv3d(4, 3, 1))
whole = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.Conv3d(4, 3, 1))
network.load_state_dict(whole.state_dict())
(network(x[mine]) * pull[mine]).sum((1, 2, 3, 4)).mean().backward()
(whole(x) * pull).sum((1, 2, 3, 4)).mean().backward()
gradients = [parameter.grad for parameter in network.parameters()]
both.average_(gradients, "gradients")
for gradient, parameter in zip(gradients, whole.parameters(), strict=True):
    torch.testing.assert_close(gradient, parameter.grad, atol=1e-5, rtol=1e-4)
torch.testing.assert_close(network[1].running_var, whole[1].running_var)
if both.rank == 0:
    print("same", flush=True)
both.shutdown()
"""
    call = f"launch([{sys.executable!r}, '-c', {ranks!r}], num_ranks=2, environment={{}})"
    code = f"import sys; from trainer.launch import launch; sys.exit({call})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same"]


def test_reading_ahead_of_a_share_covers_whole_rows(data: Path) -> None:
    """A window smaller than a share still makes progress."""
    made = Batches(
        data, np.arange(24), batch_per_rank=4, seed=1, num_ranks=2, share=range(1, 7), in_memory_bytes=0, window_bytes=1
    )
    assert [len(batch) for batch in made.epoch(0)] == [6, 6, 6]
    assert reader.image_shape(data) == (25, 25, 25)
