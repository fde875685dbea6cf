"""`python -m trainer.showers generate | dataset | inspect`: make showers, or say what a file of them is."""

from __future__ import annotations

import argparse
import dataclasses
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn

from trainer.refusal import Refusal
from trainer.showers import cached, reader
from trainer.showers.generate import generate, parts_folder_of
from trainer.showers.progress import ProgressLine
from trainer.showers.reader import DatasetInfo
from trainer.showers.recipe import Geometry, Recipe

FAILED, REFUSED, INTERRUPTED = 1, 2, 3


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 done, 1 failed, 2 refused (one line on stderr), 3 interrupted."""
    options = _parser().parse_args(arguments)
    try:
        options.command(options)
    except Refusal as refusal:
        print(refusal, file=sys.stderr)
        return REFUSED
    except OSError as problem:  # such as a full disk
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return INTERRUPTED
    return 0


def _interrupt(*_: object) -> NoReturn:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m trainer.showers", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make = commands.add_parser("generate", help="simulate showers with Geant4 into a file")
    _add_recipe(make)
    make.add_argument("--out", type=Path, required=True, metavar="FILE", help="HDF5 file to make")
    make.set_defaults(command=_generate)
    keep = commands.add_parser("dataset", help="the same into the cache folder, unless it is there; prints path, size, SHA-256")
    _add_recipe(keep)
    keep.set_defaults(command=_dataset)
    look = commands.add_parser("inspect", help="say what a data set is")
    look.add_argument("path", help="HDF5 file, folder of them, or pattern")
    look.set_defaults(command=lambda options: _print_info(reader.inspect(options.path)))
    return parser


def _add_recipe(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--num-showers", type=int, required=True, metavar="N")
    parser.add_argument("--geometry", choices=[geometry.value for geometry in Geometry], default=Geometry.FIXED.value)
    parser.add_argument("--energy-min", type=float, metavar="GEV", help="default 10 (fixed) or 100 (angle)")
    parser.add_argument("--energy-max", type=float, metavar="GEV", help="default 100 (fixed) or 200 (angle)")
    parser.add_argument(
        "--theta-min", type=float, metavar="DEG", help="default 90 (fixed) or 60 (angle); 90 is normal incidence"
    )
    parser.add_argument("--theta-max", type=float, metavar="DEG", help="default 90 (fixed) or 120 (angle)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, metavar="N", help="default: one a core")


def _recipe(options: argparse.Namespace) -> Recipe:
    given = {
        "energy_min_gev": options.energy_min,
        "energy_max_gev": options.energy_max,
        "theta_min_deg": options.theta_min,
        "theta_max_deg": options.theta_max,
    }
    standard = Recipe.standard(Geometry(options.geometry))
    return dataclasses.replace(
        standard, seed=options.seed, **{name: value for name, value in given.items() if value is not None}
    )


def _generate(options: argparse.Namespace) -> None:
    with _kept_parts_told(options.out):
        generate(
            _recipe(options), options.num_showers, options.out, num_processes=options.processes, progress=ProgressLine().show
        )
    print(options.out)


def _dataset(options: argparse.Namespace) -> None:
    recipe = _recipe(options)
    with _kept_parts_told(cached.path_of(recipe, options.num_showers)):
        info = cached.dataset(
            recipe,
            options.num_showers,
            num_processes=options.processes,
            progress=ProgressLine().show,
            starting=lambda path: print(f"simulating {options.num_showers} showers into {path}", file=sys.stderr),
        )
    _print_info(info)


@contextmanager
def _kept_parts_told(out: Path) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        print(f"\nwhat is done is kept in {parts_folder_of(out)}; the same command goes on from there", file=sys.stderr)
        raise


def _print_info(info: DatasetInfo) -> None:
    for path in info.paths:
        print(path)
    print(f"showers            {info.num_showers}")
    print(f"cells              {' x '.join(map(str, info.image_shape))}")
    print(f"size               {info.num_bytes / 1e6:.1f} MB")
    print(f"sha256             {info.sha256}")
    print(f"sampling fraction  {info.sampling_fraction:.2%}")
    for name, value in info.attributes.items():
        print(f"{name:<18} {value}")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _interrupt)
    sys.exit(main())
