"""The launcher, its ranks and their ends: real processes."""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from trainer.contract import EVENTS_FILE, RESULT_FILE, RUN_FILE, RunConfig, RunResult, RunStatus
from trainer.lifeline import is_alive

DEADLINE_SECONDS = 120.0
"""For what takes a few seconds on a quiet machine; a test that waits longer than that fails."""

pytestmark = pytest.mark.usefixtures("no_rank_environment")

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start() -> Iterator[Start]:
    """Starts a process in a session of its own, and leaves none behind."""
    started: list[subprocess.Popen[str]] = []

    def run(*command: str, **environment: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def run_file(config: RunConfig, tmp_path: Path) -> Path:
    """A run of two ranks that lasts for hours."""
    dataclasses.replace(config, num_epochs=10_000, num_ranks=2, batch_per_rank=4).write(tmp_path / RUN_FILE)
    return tmp_path / RUN_FILE


def trainer(run_file: Path) -> tuple[str, ...]:
    return (sys.executable, "-m", "trainer", str(run_file))


def wait_for(condition: Callable[[], Any], seconds: float = DEADLINE_SECONDS) -> Any:
    """The condition's value once it is true."""
    deadline = time.monotonic() + seconds
    while not (value := condition()):
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
    return value


def events(run_file: Path, name: str) -> list[dict[str, Any]]:
    with contextlib.suppress(OSError):
        lines = (run_file.parent / EVENTS_FILE).read_text().splitlines()
        return [event for event in map(json.loads, lines) if event["event"] == name]
    return []


def children(pid: int) -> list[int]:
    return [int(child) for task in Path(f"/proc/{pid}/task").iterdir() for child in (task / "children").read_text().split()]


def script(text: str) -> tuple[str, ...]:
    """Two ranks that run `text`, started by our launcher in a process of its own."""
    ranks = f"[{sys.executable!r}, '-c', {text!r}]"
    call = f"launch({ranks}, num_ranks=2, environment={{}})"
    return (sys.executable, "-c", f"import sys; from trainer.launch import launch; sys.exit({call})")


@pytest.mark.slow  # most of a minute; on the engine, Ctrl-C does the same to both ranks (tests/e2e)
def test_sigterm_stops_both_ranks_after_a_checkpoint_and_the_next_start_goes_on(start: Start, run_file: Path) -> None:
    first = start(*trainer(run_file))
    wait_for(lambda: len(events(run_file, "step")) >= 2)
    ranks = children(first.pid)
    assert len(ranks) == 2
    second = start(*trainer(run_file))
    _, words = second.communicate(timeout=DEADLINE_SECONDS)
    assert second.returncode == 2
    assert f"process {first.pid} is already at work" in words
    first.send_signal(signal.SIGTERM)
    output, _ = first.communicate(timeout=DEADLINE_SECONDS)
    assert first.returncode == 3
    result = RunResult.read(run_file.parent / RESULT_FILE)
    assert result.status is RunStatus.INTERRUPTED
    assert result.num_steps >= 2
    assert (run_file.parent / result.checkpoint).exists()
    assert [json.loads(line)["event"] for line in output.splitlines()][-1] == "finished"
    assert not any(map(is_alive, ranks))

    third = start(*trainer(run_file))
    phase = wait_for(lambda: [event for event in events(run_file, "phase") if "resumed_at_step" in event])
    assert phase[0]["resumed_at_step"] == result.num_steps
    ranks = wait_for(lambda: children(third.pid))
    third.kill()
    wait_for(lambda: not any(map(is_alive, ranks)), seconds=5)


def test_ranks_hold_the_same_weights_after_training_and_batchnorm_can_span_them(start: Start, data: Path) -> None:
    text = f"""
import hashlib, torch
from trainer import lifeline, ranks
from trainer.contract import BatchNorm, Precision, Preset
from trainer.gan.build import build
from trainer.gan.model import Batch
from trainer.gan.norm import GlobalBatchNorm3d
from trainer.gan.recipe import DEMO
from trainer.gan.step import Stepper
from trainer.ranks import SingleRank
from trainer.showers import reader
from torch import nn

lifeline.die_with_launcher()
torch.set_num_threads(1)
both = ranks.of_environment()
mine = slice(4 * both.rank, 4 * both.rank + 4)

torch.manual_seed(0)
x, pull = torch.randn(8, 3, 4, 4, 4), torch.randn(8, 3, 4, 4, 4)
spanning, whole = GlobalBatchNorm3d(3, both, name="n", eps=1e-5, momentum=0.1), nn.BatchNorm3d(3)
part, full = x[mine].clone().requires_grad_(), x.clone().requires_grad_()
(spanning(part) * pull[mine]).sum().backward()
(whole(full) * pull).sum().backward()
torch.testing.assert_close(spanning(x[mine]), whole(x)[mine])
torch.testing.assert_close(spanning.running_var, whole.running_var)
torch.testing.assert_close(part.grad, full.grad[mine], atol=1e-4, rtol=1e-4)

showers = reader.read({str(data)!r}, range(8))[mine]
batch = Batch(*(torch.from_numpy(values) for values in (showers.ecal, showers.energy, showers.theta)))
torch.manual_seed(both.rank)  # unlike on purpose: the first step must still begin alike
gan = build(Preset.DEMO, (25, 25, 25), batchnorm=BatchNorm.LOCAL, ranks=both)
stepper = Stepper(gan, DEMO, both, precision=Precision.BF16, seed=1)
stepper.restore(both.broadcast(stepper.state(), "start"))
for step in range(3):
    metrics = stepper.step(batch, step=step, samples_seen=8 * step, rate_scale=1.0, stop=step == 2 and both.rank == 1)
digest = hashlib.sha256(b"".join(value.detach().numpy().tobytes() for network in (gan.generator, gan.discriminator)
                                 for value in network.state_dict().values())).hexdigest()
digests = [both.broadcast(digest, "digest"), digest]
assert digests[0] == digests[1], digests
assert metrics["stop"] == 0.5, metrics
assert both.sum({{"one": 1.0}}, "sum") == {{"one": 2.0}}
if both.rank == 0:
    print("same", flush=True)
both.shutdown()
"""
    launcher = start(*script(text))
    output, words = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 0, words
    assert output.split() == ["same"]


def test_a_rank_that_fails_ends_the_run_at_once_with_its_last_words(start: Start) -> None:
    text = "import os, sys, time\nif os.environ['HOROVOD_RANK'] == '1': sys.exit('Traceback: out of memory')\ntime.sleep(1000)"
    launcher = start(*script(text))
    _, words = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert "rank 1 ended with status 1; its last lines:" in words
    assert "out of memory" in words


def test_a_rank_that_is_killed_is_named_with_its_signal(start: Start) -> None:
    text = "import os, time\nif os.environ['HOROVOD_RANK'] == '0': os.kill(os.getpid(), 9)\ntime.sleep(1000)"
    launcher = start(*script(text))
    _, words = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 1
    assert "rank 0 was killed by SIGKILL" in words


def test_no_rank_outlives_a_launcher_that_is_killed_even_one_that_ignores_signals(start: Start) -> None:
    text = (
        "import signal, time; from trainer import lifeline; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "lifeline.die_with_launcher(); print('here', flush=True); time.sleep(1000)"
    )
    launcher = start(*script(text))
    assert launcher.stdout is not None
    launcher.stdout.readline()
    ranks = children(launcher.pid)
    assert len(ranks) == 2
    launcher.kill()
    wait_for(lambda: not any(map(is_alive, ranks)), seconds=5)


def test_the_launcher_stops_when_the_parent_it_was_told_of_is_gone(start: Start) -> None:
    parent = start("sleep", "1000")
    launcher = start(*script("import time; print('here', flush=True); time.sleep(1000)"), HEPBURST_PARENT_PID=str(parent.pid))
    assert launcher.stdout is not None
    launcher.stdout.readline()
    ranks = children(launcher.pid)
    parent.kill()
    parent.wait()
    launcher.communicate(timeout=DEADLINE_SECONDS)
    assert not any(map(is_alive, ranks))


def test_a_run_that_is_stopped_before_its_ranks_listen_is_interrupted_not_failed(start: Start) -> None:
    launcher = start(*script("import time; print('here', flush=True); time.sleep(1000)"))
    assert launcher.stdout is not None
    launcher.stdout.readline()
    launcher.send_signal(signal.SIGINT)
    _, words = launcher.communicate(timeout=DEADLINE_SECONDS)
    assert launcher.returncode == 3
    assert words == ""


def test_a_zombie_is_not_alive(start: Start) -> None:
    process = start("sleep", "1000")
    assert is_alive(process.pid)
    process.kill()
    wait_for(lambda: not is_alive(process.pid))


def test_what_rank_0_alone_refuses_is_said_in_one_line(run_file: Path, best_checkpoint: Path, start: Start) -> None:
    (run_file.parent / "checkpoints").mkdir()
    (run_file.parent / "checkpoints" / "step-000000003.pt").write_bytes(best_checkpoint.read_bytes())  # of another run
    process = start(*trainer(run_file))
    _, said = process.communicate(timeout=DEADLINE_SECONDS)
    assert process.returncode == 2, said
    assert "holds run" in said
    assert said.count("\n") == 1, said
