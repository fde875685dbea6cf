from __future__ import annotations

import pytest

from burst.calibration.pace import blocks, pace_of
from tests.burst.calibration.conftest import MakeEvents
from trainer.refusal import Refusal


def test_only_steps_with_nothing_in_between_are_timed(events: MakeEvents) -> None:
    timed = blocks(events(), num_warmup_steps=0)
    # Of each epoch: 1 to 2, 2 to 4, ... 8 to 10. From 10 to 11 there is an evaluation.
    assert [block.num_steps for block in timed] == [1, 2, 2, 2, 2] * 2
    assert sum(block.seconds for block in timed) == pytest.approx(18 * 0.5)


def test_the_first_steps_do_not_count(events: MakeEvents) -> None:
    slow_start = events(seconds_of_step=lambda step: 9.0 if step <= 5 else 0.5)
    pace = pace_of(slow_start, started_unix_seconds=1000, num_warmup_steps=6)
    assert pace.seconds_per_step_high == pace.seconds_per_step == pace.seconds_per_step_low == pytest.approx(0.5)
    assert pace.num_steps == 4 + 9


def test_the_first_steps_after_a_resumption_do_not_count_either(events: MakeEvents) -> None:
    run = events(num_epochs=4, seconds_of_step=lambda step: 9.0 if 21 <= step <= 25 else 0.5)
    restart = next(number for number, event in enumerate(run) if event.get("step") == 21)
    run.insert(restart, {"event": "phase", "unix_seconds": 0.0, "name": "training", "resumed_at_step": 20})
    assert pace_of(run, started_unix_seconds=1000, num_warmup_steps=6).seconds_per_step_high == pytest.approx(0.5)


def test_the_range_holds_nine_of_ten_steps_and_a_hiccup_does_not_move_the_median(events: MakeEvents) -> None:
    pace = pace_of(
        events(num_epochs=10, seconds_of_step=lambda step: 60.0 if step == 44 else 0.5 + 0.001 * (step % 10)),
        started_unix_seconds=1000,
    )
    assert 0.5 <= pace.seconds_per_step_low < 0.503
    assert pace.seconds_per_step == pytest.approx(0.505, abs=0.002)
    assert 0.506 < pace.seconds_per_step_high < 0.51


def test_the_parts_of_a_whole_run_add_up_to_its_length(events: MakeEvents) -> None:
    run = events(num_epochs=3)
    pace = pace_of(run, started_unix_seconds=1000)
    assert pace.evaluation_seconds == pytest.approx(2.0)
    assert pace.start_seconds == pytest.approx(8.0 + 3.0)  # to the first step, and the last judgement
    whole = pace.start_seconds + 30 * pace.seconds_per_step + 3 * pace.evaluation_seconds
    assert whole == pytest.approx(run[-1]["unix_seconds"] - 1000)


def test_a_run_that_was_stopped_is_taken_to_judge_in_half_an_evaluation(events: MakeEvents) -> None:
    pace = pace_of(events(judging_seconds=None), started_unix_seconds=1000)
    assert pace.start_seconds == pytest.approx(8.0 + pace.evaluation_seconds / 2)


def test_a_run_that_was_asked_for_again_later_ended_when_it_first_did(events: MakeEvents) -> None:
    again = {"event": "finished", "unix_seconds": 9e6, "status": "succeeded"}
    assert pace_of([*events(), again], started_unix_seconds=1000).start_seconds == pytest.approx(11.0)


def test_before_the_first_epoch_has_ended_the_start_tells_what_an_evaluation_takes(events: MakeEvents) -> None:
    cut = events(num_epochs=1)
    cut = cut[: next(number for number, event in enumerate(cut) if event.get("step") == 8) + 1]
    assert pace_of(cut, started_unix_seconds=1000, num_warmup_steps=1).evaluation_seconds == pytest.approx(3.0)


def test_too_few_steps_are_refused(events: MakeEvents) -> None:
    with pytest.raises(Refusal, match="the steps after the first 5 were timed 2 times; expected 3 times or more"):
        pace_of(events(num_epochs=1), started_unix_seconds=1000)
    with pytest.raises(Refusal, match="timed 0 times"):
        pace_of([], started_unix_seconds=1000)
