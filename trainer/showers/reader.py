"""Reads a data set of showers, be it one file or many, always in GeV and radian.

A data set is a path: an HDF5 file, a folder of them, a pattern such as `data/Ele_*.h5`, or `s3://bucket/key.h5` and
`s3://bucket/prefix/`, which are fetched once (`trainer.showers.s3`). Its files in the order of their names are one numbered row
of showers. Needs h5py and no torch, so that a preview can look at the data.
"""

from __future__ import annotations

import glob
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from trainer.contract import num_test_showers
from trainer.refusal import Refusal
from trainer.showers import layout as files
from trainer.showers import s3
from trainer.showers.digest import sha256_of_file
from trainer.showers.layout import Layout
from trainer.showers.schema import Showers

SUFFIXES = (".h5", ".hdf5")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatasetInfo:
    """What a data set is, without its showers."""

    paths: tuple[Path, ...]
    num_showers: int
    image_shape: tuple[int, int, int]
    num_bytes: int
    """Of the files, compressed."""
    sha256: str
    """Of the file; of many files, over lines of digest and name, as `sha256sum` prints them."""
    sampling_fraction: float
    """Median of the first showers: energy in silicon by the electron's energy."""
    attributes: dict[str, str | int | float]
    """What the first file says about itself; empty for the public CERN sets."""


def inspect(path: str | Path) -> DatasetInfo:
    """Look at a data set; refuses by name what cannot be trained on. Takes milliseconds, but large files are hashed once."""
    layouts = _layouts(paths_of(path))
    return DatasetInfo(
        paths=tuple(layout.path for layout in layouts),
        num_showers=sum(layout.num_showers for layout in layouts),
        image_shape=layouts[0].image_shape,
        num_bytes=sum(layout.path.stat().st_size for layout in layouts),
        sha256=_sha256(layouts),
        sampling_fraction=layouts[0].sampling_fraction,
        attributes=layouts[0].attributes,
    )


def read(path: str | Path, indices: range | NDArray[np.int64] | None = None) -> Showers:
    """The showers of these numbers, in this order; all by default. Refuses unsound values by file and number."""
    layouts = _layouts(paths_of(path))
    num_showers = sum(layout.num_showers for layout in layouts)
    wanted = np.arange(num_showers) if indices is None else np.asarray(indices, np.int64)
    if len(wanted) and not 0 <= wanted.min() <= wanted.max() < num_showers:
        raise Refusal(
            f"showers {wanted.min()} to {wanted.max()} of {path}", expected=f"0 to {num_showers - 1}", remedy="choose others"
        )
    return _read(layouts, wanted)


def split(num_showers: int, test_fraction: float, *, seed: int = 0) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Numbers of the showers to train on and to test with, each rising: a partition that depends on the arguments alone.

    Both parts hold at least one shower. Trainings that differ in their own seed should keep this one, so that they are judged
    on the same showers.

    >>> train, test = split(10, 0.2)
    >>> len(train), len(test), sorted([*train.tolist(), *test.tolist()]) == list(range(10))
    (8, 2, True)
    """
    if num_showers < 2 or not 0 < test_fraction < 1:
        raise Refusal(
            f"{test_fraction:g} of {num_showers} showers to test with",
            expected="between 0 and 1 of at least two",
            remedy="use a larger data set, or another test_fraction",
        )
    num_test = num_test_showers(num_showers, test_fraction)
    order = np.random.default_rng([seed, num_showers]).permutation(num_showers)
    return np.sort(order[num_test:]), np.sort(order[:num_test])


def paths_of(path: str | Path) -> list[Path]:
    """The files of a data set, by name. A wildcard of the shell is expanded, a folder gives its .h5 and .hdf5 files."""
    if s3.is_url(path):
        return s3.fetched(str(path), SUFFIXES)
    given = Path(path).expanduser()
    if given.is_dir():
        found = sorted(file for file in given.iterdir() if file.suffix in SUFFIXES and not file.name.startswith("."))
        expected = f"a folder with {' or '.join(SUFFIXES)} files"
    elif given.exists():
        return [given]
    else:
        found = sorted(Path(name) for name in glob.glob(str(given)))  # noqa: PTH207 - patterns may be absolute
        expected = "an HDF5 file, a folder of them, or a pattern such as data/*.h5"
    if not found:
        raise Refusal(f"no showers at {path}", expected=expected, remedy="check the path, or make showers with `make data`")
    return found


def image_shape(path: str | Path) -> tuple[int, int, int]:
    """(X, Y, Z) cells of each shower."""
    return _layouts(paths_of(path))[0].image_shape


def spans_of(path: str | Path) -> list[range]:
    """The numbers of a data set's showers, grouped as they lie together in the files: read these in one piece."""
    return list(_spans(_layouts(paths_of(path))))


def _spans(layouts: list[Layout]) -> Iterator[range]:
    first = 0
    for layout in layouts:
        end = first + layout.num_showers
        yield from (range(start, min(start + layout.span_showers, end)) for start in range(first, end, layout.span_showers))
        first = end


def _layouts(paths: list[Path]) -> list[Layout]:
    layouts = []
    for path in paths:
        status = path.stat() if path.exists() else None
        layouts.append(_understood(path, status.st_size if status else 0, status.st_mtime_ns if status else 0))
    for layout in layouts:
        if layout.image_shape != layouts[0].image_shape:
            raise Refusal(
                f"{layout.path} holds showers of {layout.image_shape} cells",
                expected=f"{layouts[0].image_shape}, as in {layouts[0].path}",
                remedy="keep fixed-angle and variable-angle files in different folders",
            )
    return layouts


@lru_cache(maxsize=256)
def _understood(path: Path, _num_bytes: int, _mtime_ns: int) -> Layout:
    """Once per file and state of it: a stream of batches reads the same files thousands of times."""
    return files.understand(path)


def _read(layouts: list[Layout], wanted: NDArray[np.int64]) -> Showers:
    """Each file's rows in rising order, then put in the order wanted."""
    ends = np.cumsum([layout.num_showers for layout in layouts])
    unique, positions = np.unique(wanted, return_inverse=True)
    file_of = np.searchsorted(ends, unique, side="right")
    parts = []
    for number in np.unique(file_of):
        first = ends[number] - layouts[number].num_showers
        parts.append(files.read(layouts[number], unique[file_of == number] - first))
    showers = parts[0] if len(parts) == 1 else Showers.joined(*parts)
    return showers if np.array_equal(unique, wanted) else showers[positions]


def _sha256(layouts: list[Layout]) -> str:
    digests = [sha256_of_file(layout.path) for layout in layouts]
    if len(digests) == 1:
        return digests[0]
    lines = [f"{digest}  {layout.path.name}\n" for digest, layout in zip(digests, layouts, strict=True)]
    return hashlib.sha256("".join(lines).encode()).hexdigest()
