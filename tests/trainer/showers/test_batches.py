"""Batches: every rank its own showers, in an order that depends on the seed and the epoch alone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.trainer.showers.shower_files import Write, deposits_gev
from trainer.refusal import Refusal
from trainer.showers.batches import Batches

IMAGE_BYTES = 4 * 25**3
STREAMED: dict[str, Any] = {"in_memory_bytes": 0, "window_bytes": 9 * IMAGE_BYTES}
FORMS = pytest.mark.parametrize("form", [{}, STREAMED], ids=["in memory", "streamed"])


@pytest.fixture
def sixty(write_file: Write) -> str:
    """Sixty showers of 1 to 60 GeV in two files, so that the energy is the number of the shower, plus one."""
    for number in range(2):
        energy = np.arange(30 * number + 1, 30 * number + 31, dtype=np.float32)
        ecal = 1e3 * deposits_gev(energy, (25, 25, 25))
        path = write_file(f"{number}.h5", energy=energy, ECAL=ecal, theta=np.full(30, 1.57))
    return str(path.parent)


def numbers(batches: Batches, epoch: int, first_batch: int = 0) -> list[list[int]]:
    """Of the showers, after a check that energies and images belong together."""
    found = []
    for batch in batches.epoch(epoch, first_batch):
        np.testing.assert_allclose(batch.ecal.sum(axis=(1, 2, 3)), 0.02 * batch.energy, rtol=1e-5)
        found.append([round(energy) - 1 for energy in batch.energy.tolist()])
    return found


@given(
    num_train=st.integers(1, 60),
    batch=st.integers(1, 20),
    num_ranks=st.integers(1, 4),
    seed=st.integers(0, 9),
    epoch=st.integers(0, 9),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_ranks_see_each_shower_at_most_once_and_equally_many(
    sixty: str, num_train: int, batch: int, num_ranks: int, seed: int, epoch: int
) -> None:
    train = np.random.default_rng(seed).permutation(60)[:num_train]
    if batch * num_ranks > num_train:
        with pytest.raises(Refusal, match=f"a batch of {batch} showers on each of {num_ranks} ranks.*{num_train} showers"):
            Batches(sixty, train, batch_per_rank=batch, seed=seed, num_ranks=num_ranks)
        return
    per_rank = [
        numbers(Batches(sixty, train, batch_per_rank=batch, seed=seed, rank=rank, num_ranks=num_ranks), epoch)
        for rank in range(num_ranks)
    ]
    seen = [number for batches in per_rank for each in batches for number in each]
    assert {len(batches) for batches in per_rank} == {num_train // (batch * num_ranks)}
    assert all(len(each) == batch for batches in per_rank for each in batches)
    assert len(seen) == len(set(seen))
    assert set(seen) <= set(train.tolist())
    assert len(train) - len(seen) < batch * num_ranks


@FORMS
def test_a_stream_gives_each_rank_its_own_showers_too(sixty: str, form: dict[str, Any]) -> None:
    train = np.arange(3, 58)
    per_rank = [
        numbers(Batches(sixty, train, batch_per_rank=4, seed=1, rank=rank, num_ranks=3, **form), epoch=2) for rank in range(3)
    ]
    seen = [number for batches in per_rank for batch in batches for number in batch]
    assert [len(batches) for batches in per_rank] == [4, 4, 4]
    assert len(set(seen)) == len(seen) == 48
    assert set(seen) <= set(train.tolist())


@FORMS
def test_the_order_depends_on_seed_and_epoch_alone(sixty: str, form: dict[str, Any]) -> None:
    first, again, other = (Batches(sixty, np.arange(60), batch_per_rank=7, seed=seed, **form) for seed in (1, 1, 2))
    assert numbers(first, 0) == numbers(again, 0)
    assert numbers(first, 0) != numbers(first, 1)
    assert numbers(first, 0) != numbers(other, 0)


@FORMS
def test_an_epoch_resumes_at_any_batch(sixty: str, form: dict[str, Any]) -> None:
    batches = Batches(sixty, np.arange(60), batch_per_rank=7, seed=1, rank=1, num_ranks=2, **form)
    whole = numbers(batches, 5)
    assert len(whole) == batches.num_batches == 4
    for first_batch in range(5):
        assert numbers(batches, 5, first_batch) == whole[first_batch:]


def test_a_stream_refuses_unsound_showers_by_file_and_number(write_file: Write) -> None:
    ecal = 1e3 * deposits_gev(np.linspace(10, 100, 40, dtype=np.float32), (25, 25, 25))
    ecal[33, 0, 0, 0] = np.nan
    path = write_file(ECAL=ecal, energy=np.linspace(10, 100, 40), theta=np.full(40, 1.57))
    batches = Batches(str(path), np.arange(40), batch_per_rank=4, seed=1, **STREAMED)
    with pytest.raises(Refusal, match=r"showers.h5: ECAL of shower 33 is not sound"):
        list(batches.epoch(0))


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def test_no_reading_process_stays_when_an_epoch_is_left(sixty: str) -> None:
    before = children_of(os.getpid())
    epoch = Batches(sixty, np.arange(60), batch_per_rank=4, seed=1, **STREAMED).epoch(0)
    next(epoch)
    assert len(children_of(os.getpid())) == len(before) + 1
    epoch.close()  # type: ignore[attr-defined]  # epochs are generators
    assert children_of(os.getpid()) == before


def test_no_reading_process_outlives_a_killed_trainer(sixty: str) -> None:
    code = (
        "import sys, time, numpy as np; from trainer.showers.batches import Batches\n"
        f"epoch = Batches(sys.argv[1], np.arange(60), batch_per_rank=4, seed=1, **{STREAMED}).epoch(0)\n"
        "next(epoch); print('reading', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, sixty], stdout=subprocess.PIPE) as trainer:
        assert trainer.stdout is not None
        assert trainer.stdout.readline() == b"reading\n"
        (child,) = children_of(trainer.pid)
        trainer.send_signal(signal.SIGKILL)
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists():
        assert time.monotonic() < deadline, "the reading process is still there"
        time.sleep(0.05)
