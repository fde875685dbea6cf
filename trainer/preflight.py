"""Refuses a run that cannot work before anything is started for it. No torch: it takes a moment."""

from __future__ import annotations

from trainer.contract import RunConfig
from trainer.gan.recipe import check_shape
from trainer.refusal import Refusal
from trainer.showers import reader

MIN_TEST_SHOWERS = 4
"""What `trainer.physics.floor` needs."""


def check(config: RunConfig) -> None:
    """Refuse data that are unreadable or not those of the configuration, of a shape without a network, or too few."""
    info = reader.inspect(config.data_path)
    if info.sha256 != config.data_sha256:
        raise Refusal(
            f"{config.data_path} has SHA-256 {info.sha256[:12]}...",
            expected=f"{config.data_sha256[:12]}..., as in the run's configuration",
            remedy="restore the data, or make a new run of the new data",
        )
    check_shape(config.preset, info.image_shape)
    train, test = reader.split(info.num_showers, config.test_fraction)
    if len(test) < MIN_TEST_SHOWERS:
        raise Refusal(
            f"{len(test)} of {info.num_showers} showers to test with",
            expected=f"{MIN_TEST_SHOWERS} or more",
            remedy="raise test_fraction, or use a larger data set",
        )
    global_batch = config.batch_per_rank * config.num_ranks
    if global_batch > len(train):
        raise Refusal(
            f"{config.num_ranks} ranks with {config.batch_per_rank} showers each need {global_batch} for one step",
            expected=f"at most the {len(train)} showers there are to train on",
            remedy="lower batch_per_rank or num_ranks, or use a larger data set",
        )
