"""Judges a checkpoint on any showers of the schema."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from trainer import checkpoint, evaluation
from trainer.contract import Preset
from trainer.evaluation import MAX_TEST_SHOWERS
from trainer.physics import compare, floor, judge, table
from trainer.refusal import Refusal
from trainer.showers import reader

DESCRIPTIONS = {Preset.DEMO: "a small model of our own", Preset.PUBLISHED: "the 3DGAN of the papers"}


def validate(checkpoint_path: Path, data_path: str, *, as_json: bool) -> str:
    """The figures of the checkpoint's product on the data, as a table or as the JSON of `trainer.physics.judge`.

    Of the very file that it was trained on, only the showers kept for testing count; of more than `MAX_TEST_SHOWERS`, only the
    first. A longer set of the same seed begins with the training showers and is not recognised: make test sets with another.
    Refuses damaged checkpoints and showers of another shape.
    """
    torch.set_num_threads(1)
    state = checkpoint.read(checkpoint_path)
    evaluated, config = evaluation.of_checkpoint(state)
    info = reader.inspect(data_path)
    if info.image_shape != tuple(state["image_shape"]):
        raise Refusal(
            f"{data_path} holds showers of {' x '.join(map(str, info.image_shape))} cells",
            expected=f"{' x '.join(map(str, state['image_shape']))}, which {checkpoint_path.name} was trained on",
            remedy="choose other data, or another checkpoint",
        )
    is_training_data = info.sha256 == config.data_sha256
    chosen = reader.split(info.num_showers, config.test_fraction)[1] if is_training_data else np.arange(info.num_showers)
    geant4 = reader.read(data_path, chosen[:MAX_TEST_SHOWERS])
    generated = evaluated.showers(state["product"], geant4.energy, geant4.theta)
    if as_json:
        return json.dumps(judge(geant4, generated), allow_nan=False)
    whose = "showers kept from its training" if is_training_data else "showers"
    title = f"{checkpoint_path}: preset {config.preset}, {DESCRIPTIONS[config.preset]}, on {len(geant4)} {whose} of {data_path}"
    return f"{title}\n{table(compare(geant4, generated), floor(geant4))}"
