"""`strict_trainer.py run.json`: the trainer's side of the contract. Seeds: 1 trains, 2 trains until stopped, 3 ignores SIGTERM,
4 dies of an exception, 5 refuses, 6 fails with a result, 7 is killed, 8 says other things too."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path
from types import FrameType

from trainer.contract import RESULT_FILE, RunConfig, RunResult, RunStatus, Segment, write_json

STEPS_PER_EPOCH = 5
stopping = False


def stop(_number: int, _frame: FrameType | None) -> None:
    global stopping
    stopping = True


def emit(event: str, **members: object) -> None:
    print(json.dumps({"event": event, "unix_seconds": time.time(), **members}), flush=True)


def main(run_file: Path) -> int:
    assert int(os.environ["HEPBURST_PARENT_PID"]) == os.getppid()
    assert os.getsid(0) == os.getpid()
    config, folder = RunConfig.read(run_file), run_file.parent
    assert Path(config.data_path).is_absolute()
    signal.signal(signal.SIGTERM, signal.SIG_IGN if config.seed == 3 else stop)
    checkpoint = folder / "checkpoints" / "last.json"
    checkpoint.parent.mkdir(exist_ok=True)
    step = json.loads(checkpoint.read_text())["step"] if checkpoint.exists() else 0
    emit("phase", name="training", **({"resumed_at_step": step} if step else {}))
    num_steps = config.num_epochs * STEPS_PER_EPOCH
    match config.seed:
        case 4:
            raise RuntimeError("the calorimeter is on fire")
        case 5:
            print("batch of 9; expected 8; to mend it: lower it", file=sys.stderr)
            return 2
        case 7:
            os.kill(os.getpid(), signal.SIGKILL)
        case 8:
            print("not an event")
            print('["neither"]')
            emit("step", seconds_left=None)
            emit("health", problem="response 3.1", action="return to step 5")
    while (step < num_steps or config.seed in (2, 3)) and not stopping:
        step += 1
        emit(
            "step",
            epoch=1 + (step - 1) // STEPS_PER_EPOCH,
            num_epochs=config.num_epochs,
            step=step,
            num_steps=num_steps,
            samples_per_second=100.0,
            seconds_left=1.0,
            losses={"generator": 1.0},
        )
        time.sleep(0.01)
    write_json(checkpoint, {"step": step})
    status = RunStatus.FAILED if config.seed == 6 else RunStatus.INTERRUPTED if stopping else RunStatus.SUCCEEDED
    if config.seed == 6:
        print("disk quota exceeded", file=sys.stderr)
    RunResult(
        run_id=config.run_id(),
        lineage_id=config.lineage_id(),
        status=status,
        message="no space left for checkpoints" if config.seed == 6 else "",
        num_epochs=step // STEPS_PER_EPOCH,
        num_steps=step,
        num_ranks=config.num_ranks,
        train_seconds=0.1,
        samples_per_second=100.0,
        segments=(Segment(started_unix_seconds=time.time(), seconds=0.1, cpu_seconds=0.1),),
        losses={"generator": 1.0},
        physics={},
        checkpoint="checkpoints/last.json",
        checkpoint_sha256=str(step),
        environment={},
    ).write(folder / RESULT_FILE)
    return {RunStatus.SUCCEEDED: 0, RunStatus.INTERRUPTED: 3, RunStatus.FAILED: 1}[status]


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
