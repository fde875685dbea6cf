from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml

from burst.spec import Burst, Target
from stacks import settings
from stacks.sections import LocalSettings, PoolSettings, WorkloadSettings
from trainer.contract import Precision, Preset, RunConfig
from trainer.refusal import Refusal

PROJECT = Path(__file__).parents[2]


@pytest.fixture
def config(toy_showers: Path) -> dict[str, Any]:
    """Settings that work, as Python values."""
    return {
        "target": "local",
        "data": str(toy_showers),
        "workload": {"preset": "demo", "num_epochs": 2},
        "pool": {"region": "gcp/europe-west6"},
    }


def burst_of(config: dict[str, Any], stack: str = "local") -> Burst:
    as_pulumi_gives_them = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return settings.to_burst(as_pulumi_gives_them, stack=stack)


def mistakes_of(config: dict[str, Any]) -> list[str]:
    with pytest.raises(ExceptionGroup) as mistakes:
        burst_of(config)
    return [str(mistake) for mistake in mistakes.value.exceptions]


def changed(config: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    """A copy with one setting changed, or removed where the value is None."""
    copy = json.loads(json.dumps(config))
    *sections, name = path.split(".")
    place = copy[sections[0]] if sections else copy
    if value is None:
        del place[name]
    else:
        place[name] = value
    assert isinstance(copy, dict)
    return copy


def test_settings_become_a_burst(config: dict[str, Any], toy_showers: Path) -> None:
    config["workload"] |= {"precision": "fp32", "seed": 7, "learning_rate": 0.002}
    config["pool"] |= {"num_ranks": 1}
    burst = burst_of(config)
    run = burst.workload.run
    assert (burst.name, burst.target, burst.region) == ("local", Target.LOCAL, "gcp/europe-west6")
    assert (run.preset, run.precision, run.seed, run.learning_rate) == (Preset.DEMO, Precision.FP32, 7, 0.002)
    assert (run.num_ranks, run.data_path) == (1, str(toy_showers))
    assert burst.workload.dataset.num_showers == 64
    assert run.data_sha256 == burst.workload.dataset.sha256


def test_what_is_left_out_has_the_runs_own_defaults(config: dict[str, Any]) -> None:
    run = burst_of(config).workload.run
    assert run == RunConfig(data_path=run.data_path, data_sha256=run.data_sha256, num_epochs=2)


def test_every_value_of_a_run_can_be_set_or_follows_from_the_data() -> None:
    names = {name for section in (WorkloadSettings, PoolSettings) for name in section.model_fields}
    followed = {"data_path", "data_sha256", "image_digest"}
    assert set(RunConfig.__dataclass_fields__) - followed == names - {"region"}


def test_data_inside_the_project_are_known_by_a_relative_path(
    config: dict[str, Any], toy_showers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(toy_showers.parent)
    here = burst_of(config).workload
    assert here.dataset.path == "toy.h5"
    monkeypatch.chdir("/")
    elsewhere = burst_of(config).workload
    assert elsewhere.dataset.path == str(toy_showers.relative_to("/"))
    assert elsewhere.run.run_id() == here.run.run_id()


MISTAKES = [
    ("target", "locall", ["hepburst:target is 'locall' (did you mean local?)", "local"]),
    ("target", None, ["hepburst:target is missing; expected local"]),
    ("data", "gone.h5", ["hepburst:data: no showers at gone.h5", "make data"]),
    ("data", "sample/fixd", ["did you mean sample/fixed?"]),
    ("data", None, ["hepburst:data is missing; expected text"]),
    ("workload", None, ["hepburst:workload is missing; expected a map"]),
    ("workload", "demo", ["hepburst:workload is 'demo'; expected a map"]),
    ("workload.preset", "dmeo", ["hepburst:workload.preset is 'dmeo' (did you mean demo?); expected published or demo"]),
    ("workload.precision", "fp16", ["hepburst:workload.precision is 'fp16'", "expected fp32 or bf16"]),
    ("workload.batchnorm", "sync", ["hepburst:workload.batchnorm is 'sync'", "expected local or global"]),
    ("workload.num_epochs", -3, ["hepburst:workload.num_epochs is -3; expected 1 or more"]),
    ("workload.num_epochs", 2.5, ["hepburst:workload.num_epochs is 2.5; expected a whole number"]),
    ("workload.num_epochs", "many", ["hepburst:workload.num_epochs is 'many'; expected a whole number"]),
    ("workload.num_epochs", None, ["hepburst:workload.num_epochs is missing; expected a whole number"]),
    ("workload.epochs", 3, ["hepburst:workload.epochs is no setting (did you mean num_epochs?)"]),
    ("workload.batch_per_rank", 1, ["hepburst:workload.batch_per_rank is 1; expected 2 or more"]),
    ("workload.batch_per_rank", 512, ["a batch of 512 on each of 2 ranks", "51 training showers"]),
    ("workload.learning_rate", 3, ["hepburst:workload.learning_rate is 3", "between 0 and 1"]),
    ("workload.learning_rate", "fast", ["hepburst:workload.learning_rate is 'fast'; expected a number"]),
    ("workload.learning_rate", "nan", ["hepburst:workload.learning_rate is nan; expected between 0 and 1"]),
    ("workload.learning_rate", True, ["hepburst:workload.learning_rate is True; expected a number"]),
    ("data", "sample/angle", ["showers of 51 x 51 x 25 cells for preset demo; expected 25 x 25 x 25"]),
    ("workload.test_fraction", 1.5, ["hepburst:workload.test_fraction is 1.5; expected between 0 and 1"]),
    ("workload.seed", -1, ["hepburst:workload.seed is -1; expected 0 or more"]),
    ("workload.attempt", 0, ["hepburst:workload.attempt is 0; expected 1 or more"]),
    ("pool.num_ranks", 0, ["hepburst:pool.num_ranks is 0; expected 1 or more"]),
    ("pool.threads_per_rank", True, ["hepburst:pool.threads_per_rank is True; expected a whole number"]),
    ("pool.region", "gcp/europe-west66", ["gcp/europe-west66 (did you mean gcp/europe-west6?)", "grid_carbon.csv"]),
    ("pool.region", None, ["hepburst:pool.region is missing; expected text"]),
    ("poool", "x", ["hepburst:poool is no setting (did you mean pool?)"]),
]


@pytest.mark.parametrize(("path", "value", "expected"), MISTAKES, ids=[f"{path}={value}" for path, value, _ in MISTAKES])
def test_a_mistake_is_refused_in_one_sentence(config: dict[str, Any], path: str, value: Any, expected: list[str]) -> None:
    (sentence,) = mistakes_of(changed(config, path, value))
    for part in expected:
        assert part in sentence
    assert "to mend it:" in sentence


def test_numbers_are_taken_as_pulumi_config_set_writes_them(config: dict[str, Any]) -> None:
    config["workload"] |= {"learning_rate": "0.002", "test_fraction": "2.5e-1", "seed": 7}
    run = burst_of(config).workload.run
    assert (run.learning_rate, run.test_fraction) == (0.002, 0.25)


@pytest.mark.parametrize("name", ["state", "logs", "..", ".hidden"])
def test_a_stack_whose_folder_is_in_use_is_refused(config: dict[str, Any], name: str) -> None:
    with pytest.raises(ExceptionGroup) as mistakes:
        burst_of(config, stack=name)
    assert [f".hepburst/{name} is in use" in str(mistake) for mistake in mistakes.value.exceptions] == [True]


def test_all_mistakes_are_told_at_once(config: dict[str, Any]) -> None:
    config = changed(config, "workload.num_epochs", 0)
    config = changed(config, "workload.seed", -1)
    config = changed(config, "data", "gone.h5")
    config = changed(config, "pool.region", "cern/meyrin")
    assert len(mistakes_of(config)) == 4


def test_all_slips_of_the_pen_are_told_at_once(config: dict[str, Any]) -> None:
    config["workload"] = {"preset": "demoo", "epochs": 1}
    assert len(mistakes_of(config)) == 3


def test_the_settings_of_the_stack_local_are_right() -> None:
    written = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text())["config"]
    ours = {key.removeprefix("hepburst:"): value for key, value in written.items()}
    checked = LocalSettings.model_validate_json(json.dumps(ours))
    assert checked.data in settings.SAMPLES
    assert checked.workload.preset is Preset.DEMO


def test_a_file_of_settings_is_read_without_the_engine(tmp_path: Path, toy_showers: Path) -> None:
    values = {
        "hepburst:target": "local",
        "hepburst:data": str(toy_showers),
        "hepburst:workload": {"preset": "demo", "num_epochs": 2, "learning_rate": 0.002},
        "hepburst:pool": {"region": "gcp/europe-west6"},
        "other:key": {"secure": "v1:abc"},
    }
    (tmp_path / "Pulumi.my.run.yaml").write_text(yaml.safe_dump({"config": values, "encryptionsalt": "v1:x"}))
    burst = settings.from_file("my.run", tmp_path)
    assert (burst.name, burst.workload.run.learning_rate) == ("my.run", 0.002)


def test_a_file_of_settings_reads_as_the_program_reads_it() -> None:
    burst = settings.from_file("local", PROJECT)
    config = yaml.safe_load((PROJECT / "Pulumi.local.yaml").read_text())["config"]
    assert burst == burst_of({key.removeprefix("hepburst:"): value for key, value in config.items()})


def test_a_stack_without_a_file_is_refused_with_the_closest(tmp_path: Path) -> None:
    (tmp_path / "Pulumi.local.yaml").write_text("config: {}\n")
    with pytest.raises(Refusal, match=r"no stack locla \(did you mean local\?\); expected one of local"):
        settings.from_file("locla", tmp_path)


@pytest.mark.parametrize("text", ["config: [", "config: 3", "- 1", "\udcff"])
def test_a_damaged_file_of_settings_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "Pulumi.local.yaml").write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(Refusal, match=r"Pulumi.local.yaml: .*; expected a stack's settings as YAML"):
        settings.from_file("local", tmp_path)


def test_a_target_that_has_no_stack_yet_is_refused(config: dict[str, Any]) -> None:
    config["target"] = "azure-ml"
    (mistake,) = mistakes_of(config)
    assert "hepburst:target is 'azure-ml'" in mistake
