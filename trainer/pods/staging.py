"""The showers that are shipped with the trainer, put on the volume where a run looks for its data."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from trainer.contract import RunConfig
from trainer.refusal import Refusal
from trainer.showers.digest import sha256_of_file
from trainer.showers.sample import ANGLE, FIXED


def stage_sample(config: RunConfig) -> bool:
    """Copy a shipped sample to the run's data path, if nothing is there and the sample has its digest; whether it did.

    Whole or not at all, so that several launchers may do it at once. Refuses a volume that takes no files.
    """
    path = Path(config.data_path)
    if "://" in config.data_path or path.exists():
        return False
    sample = next((each for each in (FIXED, ANGLE) if sha256_of_file(each) == config.data_sha256), None)
    if sample is None:
        return False
    partial = path.with_name(f".{path.name}.{os.uname().nodename}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(sample, partial)
        partial.replace(path)
    except OSError as problem:
        raise Refusal(
            f"{path}: {problem.strerror}",
            expected="a volume that can be written",
            remedy="free space on the volume or put the showers there",
        ) from None
    return True
