"""The only reader of Pulumi's configuration: a stack's YAML into a `Burst` or a base, or all its mistakes at once."""

from __future__ import annotations

import datetime
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeAlias, assert_never

import yaml

from burst import facts
from burst.gcp_base import GcpBase
from burst.spec import Burst, Dataset, Pool, Target, Workload
from stacks import cluster_settings, gcp_base_settings, gke_settings, reading
from stacks.gke_sections import GcpBaseSettings, GkeSettings
from stacks.mistakes import NAMESPACE, attempt, full_name
from stacks.place import Place
from stacks.sections import Deployed, KubernetesSettings, LocalSettings, Section
from trainer.contract import RunConfig
from trainer.gan.recipe import check_shape
from trainer.refusal import Refusal, closest
from trainer.showers import reader, sample

BurstSettings: TypeAlias = LocalSettings | KubernetesSettings | GkeSettings
EXIT_AFTER_MESSAGE = 32
"""The exit status by which a program tells Pulumi's language host that the user has been told what is wrong."""
SAMPLES: Mapping[str, Path] = {"sample/fixed": sample.FIXED, "sample/angle": sample.ANGLE}
"""Data sets that come with the project, by the names that `hepburst:data` has for them."""
STORED = "s3://"
"""How the address of data in an object store begins."""
RESERVED_STACK_NAMES = ("state", "logs", "rehearsal", "sandbox")
"""A stack's folder is `.hepburst/<its name>`; these are of all stacks: state, logs, rehearsals."""


EXTRAS = {Deployed.GKE: "gcp", Deployed.GCP_BASE: "gcp"}
"""Of pyproject.toml, where it is not called as the target."""


def target() -> Deployed:
    """What the running program's stack is for. A target that there is not is refused with all other mistakes."""
    config = _of_the_program()
    found = reading.target_of(config)
    if found is None:
        reading.read(config)
    assert found is not None  # else its settings were refused
    return found


def read() -> Burst:
    """The burst that the running program's configuration describes. Raises an `ExceptionGroup` of every `Refusal`."""
    import pulumi  # takes a second, which what reads a file alone should not wait for

    return to_burst(_of_the_program(), stack=pulumi.get_stack(), now=datetime.datetime.now(datetime.UTC))


def read_base() -> GcpBase:
    """The base that the running program's configuration describes. Raises as `read`."""
    return to_base(_of_the_program())


def _of_the_program() -> dict[str, str]:
    import pulumi  # as in `read`

    return _ours(pulumi.runtime.config.get_config_env())


def from_file(stack: str, project: Path) -> Burst:
    """The burst that `Pulumi.<stack>.yaml` describes, read without the engine; `project` is the folder of Pulumi.yaml.

    Paths in it are relative to the working directory, as for a program; a deadline may be past, as the burst may be. Raises a
    `Refusal`, or an `ExceptionGroup` of several.
    """
    path = project / f"Pulumi.{stack}.yaml"
    stacks = sorted(file.name.removeprefix("Pulumi.").removesuffix(".yaml") for file in project.glob("Pulumi.*.yaml"))
    if stack not in stacks:
        raise Refusal(
            f"no stack {stack}{closest(stack, stacks)}", expected=f"one of {', '.join(stacks)}", remedy=f"write {path.name}"
        )
    try:
        config = dict((yaml.safe_load(path.read_text(encoding="utf-8")) or {}).get("config") or {})
    except (OSError, UnicodeDecodeError, yaml.YAMLError, AttributeError, TypeError) as problem:
        said = " ".join(str(problem).split())
        raise Refusal(f"{path.name}: {said}", expected="a stack's settings as YAML", remedy="correct the file") from None
    # As the engine hands them to a program: every value as text, maps and lists as JSON.
    texts = {str(key): value if isinstance(value, str) else json.dumps(value, default=str) for key, value in config.items()}
    return to_burst(_ours(texts), stack=stack)


def _ours(config: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(f"{NAMESPACE}:"): value for key, value in config.items() if key.startswith(f"{NAMESPACE}:")}


@contextmanager
def with_its_sdk(target: Target | Deployed) -> Iterator[None]:
    """Within it the target's Pulumi SDK is imported; refuses with the remedy where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise Refusal(
            f"{missing.name} is not installed",
            expected=f"the packages of the target {target}",
            remedy=f"make setup EXTRA={EXTRAS.get(Deployed(target), target)}",
        ) from None


def refuse(refused: Refusal | ExceptionGroup[Refusal]) -> NoReturn:
    """End the program with one message and no traceback."""
    import pulumi  # as in `read`

    mistakes = refused.exceptions if isinstance(refused, ExceptionGroup) else (refused,)
    # Not `pulumi.RunError`: after it the engine adds a second error, that the program failed.
    pulumi.log.error(message(mistakes, stack=pulumi.get_stack()))
    sys.exit(EXIT_AFTER_MESSAGE)


def message(mistakes: Sequence[Exception], *, stack: str) -> str:
    """What the user reads: each mistake on a line.

    >>> print(message((ValueError("a is 1"), ValueError("b is 2")), stack="local"))
    2 settings of Pulumi.local.yaml cannot work, so nothing is done:
      - a is 1
      - b is 2
    """
    count = "1 setting" if len(mistakes) == 1 else f"{len(mistakes)} settings"
    return f"{count} of Pulumi.{stack}.yaml cannot work, so nothing is done:" + "".join(f"\n  - {each}" for each in mistakes)


def to_burst(config: Mapping[str, str], *, stack: str, now: datetime.datetime | None = None) -> Burst:
    """Configuration (without its namespace; maps as JSON) as a burst. Raises an `ExceptionGroup` of every `Refusal`.

    `now`: by which a deadline is judged, and nothing else; None: it is not.
    """
    settings = reading.read(config)
    if not isinstance(settings, BurstSettings):
        raise Refusal(f"{full_name('target')} is {config['target']}", expected="a burst", remedy="take the stack of a burst")
    mistakes: list[Refusal] = []
    attempt(lambda: _check_name(stack), mistakes)
    place = _place(settings, stack, now, mistakes)
    dataset = attempt(lambda: _dataset(settings.data), mistakes)
    if dataset is not None:
        attempt(lambda: check_shape(settings.workload.preset, dataset.image_shape), mistakes)
    mistakes += _run_mistakes(settings)
    if mistakes or dataset is None or place is None:
        raise ExceptionGroup("settings", mistakes)
    values = _run_values(settings) | ({} if place.num_ranks is None else {"num_ranks": place.num_ranks})
    run = RunConfig(data_path=place.data_path or dataset.path, data_sha256=dataset.sha256, **values)
    workload = attempt(lambda: Workload(run=run, dataset=dataset), mistakes)
    if workload is None:
        raise ExceptionGroup("settings", mistakes)
    return Burst(name=stack, workload=workload, pools=place.pools, cluster=place.cluster, gke=place.gke)


def _place(settings: BurstSettings, stack: str, now: datetime.datetime | None, mistakes: list[Refusal]) -> Place | None:
    match settings:
        case LocalSettings():
            attempt(lambda: facts.grid_carbon(settings.pool.region), mistakes)
            return Place(pools=(Pool(target=Target.LOCAL, region=settings.pool.region),))
        case KubernetesSettings():
            return cluster_settings.place_of(settings, stack, mistakes)
        case GkeSettings():
            return gke_settings.place_of(settings, stack, now=now, mistakes=mistakes)
        case _:
            assert_never(settings)


def to_base(config: Mapping[str, str]) -> GcpBase:
    """Configuration as `to_burst` takes it, as a base. Raises as that."""
    settings = reading.read(config)
    assert isinstance(settings, GcpBaseSettings), config
    mistakes: list[Refusal] = []
    base = gcp_base_settings.base_of(settings, mistakes)
    if mistakes:
        raise ExceptionGroup("settings", mistakes)
    return base


def _check_name(stack: str) -> None:
    if stack in RESERVED_STACK_NAMES or stack.startswith("."):
        raise Refusal(
            f"a stack called {stack}",
            expected=f"another name: .hepburst/{stack} is in use",
            remedy="pulumi stack rename, and rename its file of settings",
        )


def _dataset(data: str) -> Dataset:
    """The data set that `hepburst:data` names; its path relative to the project if it lies in it."""
    place = data if data.startswith(STORED) else SAMPLES.get(data, Path(data))
    try:
        info = reader.inspect(place)
    except Refusal as refusal:
        near = closest(data, SAMPLES)
        expected = f"{refusal.expected}, or {' or '.join(SAMPLES)}" if near else refusal.expected
        raise Refusal(f"{full_name('data')}: {refusal.got}{near}", expected=expected, remedy=refusal.remedy) from None
    return Dataset(
        path=data if isinstance(place, str) else _within_the_project(place),
        sha256=info.sha256,
        num_showers=info.num_showers,
        image_shape=info.image_shape,
    )


def _within_the_project(place: Path) -> str:
    root, path = Path.cwd(), place.expanduser().absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _sections(settings: BurstSettings) -> dict[str, Section]:
    return {"workload": settings.workload, "pool": settings.pool}


def _run_values(settings: BurstSettings) -> dict[str, Any]:
    """The given values of `RunConfig`; the others keep their defaults."""
    return {
        name: value
        for section in _sections(settings).values()
        for name, value in section.model_dump(exclude_none=True).items()
        if name in RunConfig.__dataclass_fields__
    }


def _run_mistakes(settings: BurstSettings) -> list[Refusal]:
    """What `RunConfig` refuses, each value tried alone so that none hides another."""
    mistakes = []
    for name, value in _run_values(settings).items():
        try:
            RunConfig(**{"data_path": "", "data_sha256": "", "num_epochs": 1, name: value})
        except Refusal as refusal:
            section = next(title for title, values in _sections(settings).items() if name in type(values).model_fields)
            key = full_name(section, name)
            mistakes.append(Refusal(f"{key} is {value}", expected=refusal.expected, remedy=f"set {key}"))
    return mistakes
