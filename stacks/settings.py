"""The only reader of Pulumi's configuration: a stack's YAML into a `Burst`, or all its mistakes at once."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn, TypeVar, assert_never, get_origin

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from burst import facts
from burst.spec import Burst, Dataset, Pool, Target, Workload
from stacks import cluster_settings
from stacks.sections import SETTINGS, Deployed, KubernetesSettings, LocalSettings, Section, maps_of, section_at
from trainer.contract import Preset, RunConfig
from trainer.gan.recipe import check_shape
from trainer.refusal import Refusal, closest
from trainer.showers import reader, sample

T = TypeVar("T")
NAMESPACE = "hepburst"
EXIT_AFTER_MESSAGE = 32
"""The exit status by which a program tells Pulumi's language host that the user has been told what is wrong."""
SAMPLES: Mapping[str, Path] = {"sample/fixed": sample.FIXED, "sample/angle": sample.ANGLE}
"""Data sets that come with the project, by the names that `hepburst:data` has for them."""
STORED = "s3://"
"""How the address of data in an object store begins."""
RESERVED_STACK_NAMES = ("state", "logs", "rehearsal")
"""A stack's folder is `.hepburst/<its name>`; these are of all stacks: their state, logs, a rehearsal's cluster."""


def read() -> Burst:
    """The burst that the running program's configuration describes. Raises an `ExceptionGroup` of every `Refusal`."""
    import pulumi  # takes a second, which what reads a file alone should not wait for

    config = pulumi.runtime.config.get_config_env()
    return to_burst(_ours(config), stack=pulumi.get_stack())


def from_file(stack: str, project: Path) -> Burst:
    """The burst that `Pulumi.<stack>.yaml` describes, read without the engine; `project` is the folder of Pulumi.yaml.

    Paths in it are relative to the working directory, as for a program. Raises a `Refusal`, or an `ExceptionGroup` of several.
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
    texts = {str(key): value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    return to_burst(_ours(texts), stack=stack)


def _ours(config: Mapping[str, str]) -> dict[str, str]:
    return {key.removeprefix(f"{NAMESPACE}:"): value for key, value in config.items() if key.startswith(f"{NAMESPACE}:")}


@contextmanager
def with_its_sdk(target: Target) -> Iterator[None]:
    """Within it the target's Pulumi SDK is imported; refuses with the remedy where it is not installed."""
    try:
        yield
    except ModuleNotFoundError as missing:
        raise Refusal(
            f"{missing.name} is not installed",
            expected=f"the packages of the target {target}",
            remedy=f"make setup EXTRA={target}",
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


def to_burst(config: Mapping[str, str], *, stack: str) -> Burst:
    """Configuration (without its namespace; maps as JSON) as a burst. Raises an `ExceptionGroup` of every `Refusal`."""
    settings = _settings(config)
    mistakes: list[Refusal] = []
    _try(lambda: _check_name(stack), mistakes)
    _try(lambda: facts.grid_carbon(settings.pool.region), mistakes)
    cluster = None
    if isinstance(settings, KubernetesSettings):
        cluster = cluster_settings.cluster_of(settings, stack, mistakes)
    dataset = _try(lambda: _dataset(settings.data), mistakes)
    if dataset is not None:
        _try(lambda: check_shape(settings.workload.preset, dataset.image_shape), mistakes)
    mistakes += _run_mistakes(settings)
    if mistakes or dataset is None:
        raise ExceptionGroup("settings", mistakes)
    values = _run_values(settings)
    match settings:
        case LocalSettings():
            pool, data_path = Pool(target=Target.LOCAL, region=settings.pool.region), dataset.path
        case KubernetesSettings():
            assert cluster is not None
            pool = cluster_settings.pool_of(settings, cluster.workers)
            data_path = cluster_settings.data_path(settings)
            values["num_ranks"] = cluster.workers.num_ranks
        case _:
            assert_never(settings)
    run = RunConfig(data_path=data_path, data_sha256=dataset.sha256, **values)
    workload = _try(lambda: Workload(run=run, dataset=dataset), mistakes)
    if workload is None:
        raise ExceptionGroup("settings", mistakes)
    return Burst(name=stack, workload=workload, pool=pool, cluster=cluster)


def _check_name(stack: str) -> None:
    if stack in RESERVED_STACK_NAMES or stack.startswith("."):
        raise Refusal(
            f"a stack called {stack}",
            expected=f"another name: .hepburst/{stack} is in use",
            remedy="pulumi stack rename, and rename its file of settings",
        )


def _try(make: Callable[[], T], mistakes: list[Refusal]) -> T | None:
    try:
        return make()
    except Refusal as refusal:
        mistakes.append(refusal)
        return None


def _settings(config: Mapping[str, str]) -> LocalSettings | KubernetesSettings:
    # A target that there is not is refused by the settings of this machine, as any.
    expected = SETTINGS.get(
        Deployed(target) if (target := config.get("target")) in list(Deployed) else Deployed.LOCAL, LocalSettings
    )
    maps = maps_of(expected)
    values = {name: _json(value) if name in maps else value for name, value in config.items()}
    try:
        return expected.model_validate_json(json.dumps(values))
    except ValidationError as problem:
        raise ExceptionGroup("settings", [_refusal(error, expected) for error in problem.errors()]) from None


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _refusal(error: ErrorDetails, settings: type[Section]) -> Refusal:
    """A mistake that pydantic found, in our words."""
    section = section_at(settings, error["loc"])
    key, name = _key(*error["loc"]), str(error["loc"][-1])
    match error["type"]:
        case "extra_forbidden":
            known = list(section.model_fields)
            return Refusal(
                f"{key} is no setting{closest(name, known)}", expected=", ".join(known), remedy="correct or remove it"
            )
        case "missing":
            return Refusal(f"{key} is missing", expected=_expected(section, name), remedy="add it")
        case "enum":
            choices = str(error["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            near = closest(str(error["input"]), choices)
            return Refusal(f"{key} is {error['input']!r}{near}", expected=" or ".join(choices), remedy="choose one of them")
    return Refusal(f"{key} is {error['input']!r}", expected=_expected(section, name), remedy="correct it")


def _expected(section: type[Section], name: str) -> str:
    """What a setting must be, in words."""
    kind: Any = section.model_fields[name].annotation if name in section.model_fields else None
    for choices in (Deployed, Preset):
        if kind is choices:
            return " or ".join(choices)
    words: dict[Any, str] = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
    words |= {known | None: said for known, said in words.items()}
    return words.get(kind, "a list of maps" if get_origin(kind) is list else "a map of settings")


def _key(*path: str | int) -> str:
    """How the setting is called on the command line: `hepburst:workload.seed`, `hepburst:pool.groups[0].num_nodes`."""
    return f"{NAMESPACE}:" + "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _dataset(data: str) -> Dataset:
    """The data set that `hepburst:data` names; its path relative to the project if it lies in it."""
    place = data if data.startswith(STORED) else SAMPLES.get(data, Path(data))
    try:
        info = reader.inspect(place)
    except Refusal as refusal:
        near = closest(data, SAMPLES)
        expected = f"{refusal.expected}, or {' or '.join(SAMPLES)}" if near else refusal.expected
        raise Refusal(f"{_key('data')}: {refusal.got}{near}", expected=expected, remedy=refusal.remedy) from None
    return Dataset(
        path=data if isinstance(place, str) else _within_the_project(place),
        sha256=info.sha256,
        num_showers=info.num_showers,
        image_shape=info.image_shape,
    )


def _within_the_project(place: Path) -> str:
    root, path = Path.cwd(), place.expanduser().absolute()
    return str(path.relative_to(root) if path.is_relative_to(root) else path)


def _sections(settings: LocalSettings | KubernetesSettings) -> dict[str, Section]:
    return {"workload": settings.workload, "pool": settings.pool}


def _run_values(settings: LocalSettings | KubernetesSettings) -> dict[str, Any]:
    """The given values of `RunConfig`; the others keep their defaults."""
    return {
        name: value
        for section in _sections(settings).values()
        for name, value in section.model_dump(exclude_none=True).items()
        if name in RunConfig.__dataclass_fields__
    }


def _run_mistakes(settings: LocalSettings | KubernetesSettings) -> list[Refusal]:
    """What `RunConfig` refuses, each value tried alone so that none hides another."""
    mistakes = []
    for name, value in _run_values(settings).items():
        try:
            RunConfig(**{"data_path": "", "data_sha256": "", "num_epochs": 1, name: value})
        except Refusal as refusal:
            section = next(title for title, values in _sections(settings).items() if name in type(values).model_fields)
            key = _key(section, name)
            mistakes.append(Refusal(f"{key} is {value}", expected=refusal.expected, remedy=f"set {key}"))
    return mistakes
