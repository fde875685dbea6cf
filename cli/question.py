"""What a command line of `burst plan` asks for, checked whole: every mistake in it is told at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Self

from burst import facts
from burst.advice import Limits
from burst.calibration.speed import ImageShape, image_shape_of
from burst.forecast import accuracy, owned
from burst.forecast.pace import CERN_IMAGE
from burst.forecast.work import CERN_NUM_EPOCHS, Work
from burst.plan_view.answer import SORTS
from burst.ranges import Range
from burst.spec import Purchase
from burst.wanted import BATCHES, Wanted, check_names
from cli.asked import Asked
from cli.mistakes import Mistakes, above_zero, at_least, one_of
from trainer.contract import Preset
from trainer.refusal import Refusal

IMAGES: dict[Preset, ImageShape] = {Preset.PUBLISHED: CERN_IMAGE, Preset.DEMO: (25, 25, 25)}
"""Of a preset whose image is not said."""
PURCHASES = (Purchase.ON_DEMAND, Purchase.SPOT)
MIN_BATCH = 2
"""BatchNorm needs two."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What to search for, and how much of it to show."""

    work: Work
    wanted: Wanted
    limits: Limits
    count: int
    sort: str

    @classmethod
    def of(cls, asked: Asked) -> Self:
        """Raises an `ExceptionGroup` of every `Refusal`."""
        mistakes = Mistakes()
        limits = _limits(asked, mistakes)
        work = _work(asked, mistakes)
        wanted = _wanted(asked, mistakes)
        mistakes.attempt(lambda: at_least("--count", asked.count, 1))
        mistakes.attempt(lambda: one_of("--sort", asked.sort, SORTS))
        mistakes.end()
        assert work is not None
        assert wanted is not None
        return cls(work=work, wanted=wanted, limits=limits, count=asked.count, sort=asked.sort)

    def with_old_prices(self) -> Self:
        """The same, with prices of any age."""
        return replace(self, wanted=replace(self.wanted, max_age_days=None))


def _limits(asked: Asked, mistakes: Mistakes) -> Limits:
    return Limits(
        max_hours=mistakes.attempt(
            lambda: above_zero("--hours", asked.hours, "hours from the grant of the machines to nothing left")
        ),
        max_usd=mistakes.attempt(lambda: above_zero("--usd", asked.usd, "US dollars")),
        max_kgco2e=mistakes.attempt(lambda: above_zero("--kgco2e", asked.kgco2e, "kilograms of CO2 equivalent")),
    )


def _work(asked: Asked, mistakes: Mistakes) -> Work | None:
    num_epochs, num_updates = _length(asked, mistakes)
    compute = _relative_compute(asked, mistakes)
    mistakes.attempt(lambda: facts.implementation(asked.implementation))
    mistakes.attempt(lambda: at_least("--showers", asked.showers, 1))
    if mistakes.found:
        return None
    assert compute is not None
    return Work(
        num_samples=asked.showers,
        num_epochs=num_epochs,
        num_updates=num_updates,
        implementation=asked.implementation,
        compute=compute,
    )


def _length(asked: Asked, mistakes: Mistakes) -> tuple[int | None, int | None]:
    """Epochs and updates, None where they are free. An accuracy takes the updates, and the passes, of published trainings."""
    given = {"--epochs": asked.epochs, "--updates": asked.updates, "--accuracy": asked.accuracy}
    names = [name for name, value in given.items() if value is not None]
    if len(names) > 1:
        mistakes.found.append(
            Refusal(f"{' and '.join(names)} are given", expected="one of them: each says how long to train", remedy="keep one")
        )
    for name, value in (("--epochs", asked.epochs), ("--updates", asked.updates)):
        if value is not None:
            mistakes.attempt(partial(at_least, name, value, 1))
    if asked.accuracy is not None:
        percent = asked.accuracy
        return accuracy.fewest_epochs(), mistakes.attempt(lambda: accuracy.updates_for(percent))
    if asked.updates is not None:
        return None, asked.updates
    return (CERN_NUM_EPOCHS if asked.epochs is None else asked.epochs), None


def _relative_compute(asked: Asked, mistakes: Mistakes) -> Range | None:
    given = mistakes.attempt(lambda: one_of("--preset", asked.preset, list(Preset)))
    if given is None:
        return None
    preset = Preset(given)
    shape = IMAGES[preset] if asked.image is None else mistakes.attempt(lambda: image_of(asked.image or ""))
    return None if shape is None else mistakes.attempt(lambda: owned.relative_compute(preset, shape))


def image_of(text: str) -> ImageShape:
    """Cells in x, y and depth; refuses what is none.

    >>> image_of("25x25x25")
    (25, 25, 25)
    """
    try:
        shape = image_shape_of(text)
    except ValueError:
        shape = (0, 0, 0)
    if min(shape) < 1:
        raise Refusal(f"--image is {text}", expected="cells in x, y and depth, such as 51x51x25", remedy="correct --image")
    return shape


def _wanted(asked: Asked, mistakes: Mistakes) -> Wanted | None:
    regions = [region.rpartition("/")[2] for region in asked.region or ()]
    named = [
        *(Wanted(providers=frozenset({name})) for name in asked.provider or ()),
        *(Wanted(regions=frozenset({name})) for name in regions),
        *(Wanted(shapes=frozenset({name})) for name in asked.shape or ()),
        *(Wanted(accelerators=frozenset({name})) for name in asked.accelerator or ()),
    ]
    quota = _quota(asked.quota or (), mistakes)
    named += [Wanted(quota={name: 0}) for name in quota]
    for one in named:
        mistakes.attempt(partial(check_names, one))
    purchases = [mistakes.attempt(partial(one_of, "--purchase", name, PURCHASES)) for name in asked.purchase or ()]
    for batch in asked.batch or ():
        mistakes.attempt(partial(at_least, "--batch", batch, MIN_BATCH))
    mistakes.attempt(lambda: at_least("--max-accelerators", asked.max_accelerators, 1))
    if asked.min_updates is not None:
        mistakes.attempt(partial(at_least, "--min-updates", asked.min_updates, 1))
    if mistakes.found:
        return None
    return Wanted(
        providers=frozenset(asked.provider or ()),
        regions=frozenset(regions),
        shapes=frozenset(asked.shape or ()),
        accelerators=frozenset(asked.accelerator or ()),
        purchases=frozenset(Purchase(name) for name in purchases if name is not None),
        batches=tuple(sorted(set(asked.batch or ()))) or BATCHES,
        max_accelerators=asked.max_accelerators,
        min_updates=asked.min_updates,
        quota=quota,
        measured_only=asked.measured_only,
        max_age_days=None if asked.allow_old else facts.MAX_AGE_DAYS,
    )


def _quota(given: Sequence[str], mistakes: Mistakes) -> dict[str, int]:
    """Of each accelerator, how many at most."""
    found: dict[str, int] = {}
    for text in given:
        name, _, number = text.partition("=")
        if name and number.isdecimal() and name not in found:
            found[name] = int(number)
        else:
            expected = "one number for each accelerator" if name in found else "an accelerator and a whole number: V100-16GB=16"
            mistakes.found.append(Refusal(f"--quota is {text}", expected=expected, remedy="correct --quota"))
    return found
