"""Which of many points no other beats in money, time and carbon at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Vector = NDArray[np.float64]


def undominated(values: Vector) -> NDArray[np.int64]:
    """Indices of the rows (money, time, carbon) that no other row equals or beats in every column and beats in one.

    Rows that are equal in all columns are all kept.

    >>> undominated(np.array([[1.0, 3.0, 1.0], [2.0, 2.0, 1.0], [2.0, 4.0, 1.0], [3.0, 1.0, 1.0]])).tolist()
    [0, 1, 3]
    """
    if not len(values):
        return np.zeros(0, dtype=np.int64)
    # By the sum of all columns, each in units of its mean: what comes first is beaten by nothing that comes later.
    scale = np.maximum(values.mean(axis=0), np.finfo(np.float64).tiny)
    order = np.lexsort((*values.T[::-1], (values / scale).sum(axis=1)))  # where rounding makes sums equal: by the columns
    usd, hours, kgco2e = (np.ascontiguousarray(column[order]) for column in values.T)
    left, kept = order, []
    while len(left):
        better = (usd < usd[0]) | (hours < hours[0]) | (kgco2e < kgco2e[0])
        kept.append(left[(usd == usd[0]) & (hours == hours[0]) & (kgco2e == kgco2e[0])])
        left, usd, hours, kgco2e = left[better], usd[better], hours[better], kgco2e[better]
    return np.sort(np.concatenate(kept))
