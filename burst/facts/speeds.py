"""What our trainer was measured to do: the shipped measurements, and the user's own."""

from __future__ import annotations

from burst.calibration.speed import Calibration, ImageShape, image_text
from burst.calibration.table import OWN_TABLE, read
from burst.facts import rows
from trainer.contract import Precision, Preset
from trainer.refusal import Refusal

SHIPPED = rows.FOLDER / "trainer_speed.csv"
OWN = rows.FOLDER.parents[1] / OWN_TABLE


def shipped() -> tuple[Calibration, ...]:
    """The measurements that come with the project."""
    return read(SHIPPED)


def own() -> tuple[Calibration, ...]:
    """The user's own, made by `burst calibrate` on the machines at hand; none before its first run."""
    return read(OWN)


def on_processor(
    processor: str, preset: Preset, image_shape: ImageShape, precision: Precision | None = None
) -> tuple[Calibration, ...]:
    """The user's own measurements of one kind of training on one kind of processor; None: in any precision."""
    return tuple(
        each
        for each in own()
        if each.processor == processor and _kind(each) == (preset, image_shape, precision or each.precision)
    )


def anywhere(preset: Preset, image_shape: ImageShape, precision: Precision) -> tuple[Calibration, ...]:
    """The shipped measurements of one kind of training; refuses a kind that nobody has measured."""
    found = tuple(each for each in shipped() if _kind(each) == (preset, image_shape, precision))
    if not found:
        raise Refusal(
            f"the speed of preset {preset} in {precision} on {image_text(image_shape)} images was never measured",
            expected=f"a measurement in {OWN_TABLE} or burst/facts/trainer_speed.csv",
            remedy=f"burst calibrate --preset {preset} --image {image_text(image_shape)} --precision {precision}",
        )
    return found


def _kind(each: Calibration) -> tuple[Preset, ImageShape, Precision]:
    return each.preset, each.image_shape, each.precision
