"""Trains: the one loop for one, two or N ranks."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from trainer.checkpoint import Checkpoints
from trainer.contract import CHECKPOINTS_FOLDER, EventName, Json, RunConfig, RunStatus
from trainer.evaluation import MAX_TEST_SHOWERS, Evaluation
from trainer.events import Events
from trainer.gan import recipe as recipes
from trainer.gan.build import build
from trainer.gan.model import batch_of
from trainer.gan.recipe import Recipe
from trainer.gan.step import Stepper, draw_seed
from trainer.health import Health
from trainer.progress import NOT_LOSSES, Pace, Progress
from trainer.ranks import Ranks, RegroupRanks
from trainer.refusal import Refusal
from trainer.showers import reader
from trainer.showers.batches import Batches

MAX_REFERENCE_SHOWERS = 2000
"""Training showers that a new network starts from, and whose energies calibrate its product."""
COMMIT_SECONDS = 300.0
"""Between the checkpoints of an elastic run: what the loss of a rank costs at most, beside an epoch."""
NUM_CHOOSING_SHOWERS = 400
"""So many of them choose the best checkpoint, for it happens every epoch."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """How the loop ended, on every rank alike."""

    status: RunStatus
    message: str


class Training:
    """A run from its last checkpoint, or from the start, to its last epoch.

    Every rank makes one and runs it. Rank 0 alone evaluates, writes and speaks; what all ranks must know they learn from the
    metrics that travel with the gradients, so a verdict costs no message of its own.
    """

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        ranks: Ranks,
        events: Events,
        *,
        started_unix_seconds: float,
        recipe: Recipe | None = None,
        share: range | None = None,
        cpu_seconds_before: float = 0.0,
    ) -> None:
        """`share`: of the global batch, where ranks are missing. `cpu_seconds_before`: of this process, in other segments."""
        self.config, self.ranks, self._events = config, ranks, events
        self._cpu_seconds_before = cpu_seconds_before
        events.emit(EventName.PHASE, name="loading")
        self.image_shape = reader.image_shape(config.data_path)
        self.recipe = recipe or recipes.of_preset(config.preset, self.image_shape, learning_rate=config.learning_rate)
        train, test = reader.split(reader.spans_of(config.data_path)[-1].stop, config.test_fraction)
        self._batches = Batches(
            config.data_path,
            train,
            batch_per_rank=config.batch_per_rank,
            seed=config.seed,
            rank=ranks.rank,
            num_ranks=config.num_ranks,
            share=share,
        )
        self._committed_at = time.monotonic()
        self._health = Health(self.recipe.health)
        self._is_first = ranks.rank == 0
        saved = None
        if self._is_first:
            self.checkpoints = Checkpoints(folder / CHECKPOINTS_FOLDER)
            self.evaluation = Evaluation(
                config.preset,
                self.image_shape,
                precision=config.precision,
                seed=config.seed,
                num_calibration_batches=self.recipe.num_calibration_batches,
            )
            # Chosen by training showers and judged on test showers: chosen by the same, it would flatter itself.
            self._reference = reader.read(config.data_path, train[:MAX_REFERENCE_SHOWERS])
            self._choosing = self._reference[:NUM_CHOOSING_SHOWERS]
            self.test_showers = reader.read(config.data_path, test[:MAX_TEST_SHOWERS])
            saved = self._saved()
        torch.manual_seed(draw_seed(config.seed, "weights"))
        self.gan = build(config.preset, self.image_shape, batchnorm=config.batchnorm, ranks=ranks)
        if self._is_first and saved is None:
            self.gan.start_from(batch_of(self._reference))
        self._stepper = Stepper(self.gan, self.recipe, ranks, precision=config.precision, seed=config.seed)
        self.progress = self._start(saved)
        self._resumed_at_step = self.progress.step
        self.progress.open_segment(started_unix_seconds)

    @property
    def num_steps(self) -> int:
        """Of the whole run."""
        return self.config.num_epochs * self._batches.num_batches

    @property
    def num_epochs_done(self) -> int:
        """Whole epochs."""
        return self.progress.step // self._batches.num_batches

    def run(self, should_stop: Callable[[], bool], should_regroup: Callable[[], bool] | None = None) -> Outcome:
        """Train until the last epoch, a request to stop, or a collapse that could not be mended. A checkpoint holds the end.

        `should_regroup`, in elastic runs: whether the ranks are to be counted anew; then `RegroupRanks` is raised on each,
        after a checkpoint. Such runs also write one every `COMMIT_SECONDS`.
        """
        if self.progress.step >= self.num_steps:
            return Outcome(RunStatus.SUCCEEDED, f"{self.num_epochs_done} epochs were trained already")
        resumed: dict[str, Json] = {"resumed_at_step": self._resumed_at_step} if self._resumed_at_step else {}
        if should_regroup is not None:
            resumed["num_ranks"] = self.ranks.size
        self._events.emit(EventName.PHASE, name="training", **resumed)
        if self._is_first and not self._resumed_at_step:
            self._say_start()
        outcome = None
        while outcome is None:
            outcome = self._train_until_something(should_stop, should_regroup)
        self.account()
        return outcome

    def account(self) -> None:
        """Add up the processor time of all ranks until now."""
        own = time.process_time() - self._cpu_seconds_before
        spent = self.ranks.sum({"cpu_seconds": own}, "cpu_seconds")
        self.progress.grow_segment(spent["cpu_seconds"])

    def _train_until_something(
        self, should_stop: Callable[[], bool], should_regroup: Callable[[], bool] | None
    ) -> Outcome | None:
        """To the end of the epoch (None), of the run, or to what cuts it short."""
        per_epoch = self._batches.num_batches
        epoch, first_batch = divmod(self.progress.step, per_epoch)
        pace = Pace()
        for showers in self._batches.epoch(epoch, first_batch):
            began = time.perf_counter()
            metrics = self._stepper.step(
                batch_of(showers),
                step=self.progress.step,
                samples_seen=self.progress.step * self.samples_per_step,
                rate_scale=self.progress.rate_scale,
                stop=should_stop(),
                regroup=should_regroup and should_regroup(),
            )
            seconds = time.perf_counter() - began
            self.progress.count(metrics, samples=self.samples_per_step, seconds=seconds)
            pace.count(self.samples_per_step)
            problem = self._health.problem(metrics, step=self.progress.step)
            if problem:
                return self._go_back(problem)
            is_last_of_epoch = self.progress.step % per_epoch == 0
            if is_last_of_epoch or self._events.step_is_due():
                self._say_step(metrics, pace)
            if is_last_of_epoch:
                self._end_epoch()
            if self.progress.step >= self.num_steps:
                return Outcome(RunStatus.SUCCEEDED, f"{self.config.num_epochs} epochs trained")
            if metrics["stop"] > 0 or metrics.get("regroup", 0) > 0:
                if not is_last_of_epoch:
                    self.account()
                    self._commit(is_best=False)
                if metrics["stop"] == 0:
                    raise RegroupRanks
                return Outcome(RunStatus.INTERRUPTED, f"interrupted at step {self.progress.step} of {self.num_steps}")
            if should_regroup is not None and time.monotonic() > self._committed_at + COMMIT_SECONDS:
                self._commit(is_best=False)
        return None

    @property
    def samples_per_step(self) -> int:
        """Real showers in a step, over all ranks."""
        return self.config.batch_per_rank * self.config.num_ranks

    def _say_step(self, metrics: dict[str, float], pace: Pace) -> None:
        spent = self.progress.train_seconds / self.progress.samples_trained
        self._events.emit(
            EventName.STEP,
            epoch=(self.progress.step - 1) // self._batches.num_batches + 1,
            num_epochs=self.config.num_epochs,
            step=self.progress.step,
            num_steps=self.num_steps,
            samples_per_second=round(pace.samples_per_second(), 2),
            seconds_left=round(spent * (self.num_steps - self.progress.step) * self.samples_per_step, 1),
            losses={name: value for name, value in metrics.items() if name not in NOT_LOSSES},
        )

    def _say_start(self) -> None:
        """Epoch 0: what the network is worth before its first step, for one that starts from the training showers."""
        physics = self.evaluation.verdict(self.product(), self._choosing).physics
        self._events.emit(
            EventName.EPOCH, epoch=0, num_epochs=self.config.num_epochs, losses={}, physics=physics, is_best=False
        )

    def _end_epoch(self) -> None:
        """Evaluate where it is time to, commit, and say so."""
        self.progress.end_epoch()
        self.account()
        if not self._is_first:
            return
        epoch = self.num_epochs_done
        physics: dict[str, Json] = {}
        is_best = False
        product = self.product()
        if epoch % self.recipe.epochs_per_evaluation == 0 or epoch == self.config.num_epochs:
            verdict = self.evaluation.verdict(product, self._choosing)
            physics = verdict.physics
            is_best = verdict.score < self.progress.best_score
            if is_best:
                self.progress.best_score, self.progress.best_step = verdict.score, self.progress.step
        self._commit(is_best=is_best, product=product)
        self._events.emit(
            EventName.EPOCH,
            epoch=epoch,
            num_epochs=self.config.num_epochs,
            losses=dict(self.progress.losses),
            physics=physics,
            is_best=is_best,
        )

    def product(self) -> dict[str, torch.Tensor]:
        """The generator as it would be delivered now."""
        seen = self._reference
        return self.evaluation.product(self.gan.generator.state_dict(), self._stepper.ema, seen.energy, seen.theta)

    def _commit(self, *, is_best: bool, product: dict[str, torch.Tensor] | None = None) -> None:
        self._committed_at = time.monotonic()
        if not self._is_first:
            return
        state = {
            "config": json.loads(json.dumps(self.config.to_dict())),  # plain strings for its enumerations
            "lineage_id": self.config.lineage_id(),
            "image_shape": list(self.image_shape),
            "progress": self.progress.to_dict(),
            "training": self._stepper.state(),
            "product": product or self.product(),
        }
        path = self.checkpoints.commit(state, step=self.progress.step, is_best=is_best)
        self._events.emit(EventName.CHECKPOINT, path=f"{CHECKPOINTS_FOLDER}/{path.name}", step=self.progress.step)

    def _go_back(self, problem: str) -> Outcome | None:
        """To the best checkpoint with a lower rate, unless that was done too often."""
        limits = self.recipe.health
        if self.progress.num_returns >= limits.max_returns:
            self._events.emit(EventName.HEALTH, problem=problem, action="stop")
            return Outcome(
                RunStatus.FAILED, f"{problem}, after {limits.max_returns} returns to an earlier checkpoint at lower rates"
            )
        state = None
        if self._is_first:
            state = self.checkpoints.best() or self.checkpoints.latest()[0]
        state = self.ranks.broadcast(state, "return")
        assert state is not None  # a run commits its start
        self.progress = self.progress.returned_to(Progress.from_dict(state["progress"]), rate_factor=limits.rate_after_return)
        self._stepper.restore(state["training"])
        self._health.forget()
        self._events.emit(EventName.HEALTH, problem=problem, action=f"return to step {self.progress.step}")
        self._commit(is_best=False, product=state["product"])
        return None

    def _saved(self) -> dict[str, Any] | None:
        """The newest undamaged checkpoint, None for a new run; refuses one of another run."""
        state, problems = self.checkpoints.latest()
        for problem in problems:
            self._events.emit(EventName.HEALTH, problem=problem, action="use the checkpoint before")
        if state is not None and state["lineage_id"] != self.config.lineage_id():
            raise Refusal(
                f"{self.checkpoints.folder} holds run {state['lineage_id']}",
                expected=f"run {self.config.lineage_id()}, or no checkpoints",
                remedy="give --out another folder",
            )
        return state

    def _start(self, saved: dict[str, Any] | None) -> Progress:
        """All ranks take rank 0's state, saved or new; a new one is committed, so that there is always one to return to."""
        training = saved["training"] if saved else self._stepper.state()
        training, progress = self.ranks.broadcast((training, saved and saved["progress"]), "start")
        self._stepper.restore(training)
        if progress is not None:
            return Progress.from_dict(progress)
        self.progress = Progress()
        self._commit(is_best=False)
        return self.progress
