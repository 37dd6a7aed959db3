"""The robust rules of docs/spec.md, 8.5, in dull code: Python's integers, one value at a time.

Imports nothing of fl_chain. Updates are lists of lanes in the order of their participants'
addresses. Every rule returns the numerators and the divisor of its aggregate.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tests import reference as ref

Rows = list[list[int]]
Aggregate = tuple[list[int], int]


def mean_of(rows: Rows) -> Aggregate:
    return [sum(column) for column in columns(rows)], len(rows)


def columns(rows: Rows) -> Rows:
    return [list(column) for column in zip(*rows, strict=True)]


def square(a: Sequence[int], b: Sequence[int]) -> int:
    return sum((x - y) ** 2 for x, y in zip(a, b, strict=True))


def norm(a: Sequence[int], b: Sequence[int]) -> int:
    """Return the distance rounded up, at least 1, by counting down from an upper bound."""
    wanted = square(a, b)
    low, high = 0, 1
    while high * high < wanted:
        high *= 2
    while high - low > 1:
        middle = (low + high) // 2
        if middle * middle < wanted:
            low = middle
        else:
            high = middle
    return max(1, high if wanted else 0)


def rounded(aggregate: Aggregate) -> list[int]:
    numerators, divisor = aggregate
    return [ref.div_rhe(numerator, divisor) for numerator in numerators]


def trimmed(rows: Rows, count: int) -> Aggregate:
    kept = [sorted(column)[count : len(rows) - count] for column in columns(rows)]
    return [sum(column) for column in kept], len(rows) - 2 * count


def median(rows: Rows, f: int) -> Aggregate:
    return trimmed(rows, (len(rows) - 1) // 2)


def trimmed_mean(rows: Rows, f: int) -> Aggregate:
    return trimmed(rows, f)


def score(rows: Rows, index: int, among: Sequence[int], num_nearest: int) -> int:
    others = sorted(square(rows[index], rows[other]) for other in among if other != index)
    return sum(others[:num_nearest])


def ranking(rows: Rows, f: int) -> list[int]:
    n = len(rows)
    scores = [(score(rows, i, range(n), n - f - 2), i) for i in range(n)]
    return [index for _, index in sorted(scores)]


def krum(rows: Rows, f: int) -> Aggregate:
    return rows[ranking(rows, f)[0]], 1


def multi_krum(rows: Rows, f: int) -> Aggregate:
    return mean_of([rows[index] for index in ranking(rows, f)[: len(rows) - f]])


def bulyan(rows: Rows, f: int) -> Aggregate:
    left = list(range(len(rows)))
    chosen = []
    for _ in range(len(rows) - 2 * f):
        nearest = max(1, len(left) - f - 2)
        _, best = min((score(rows, index, left, nearest), index) for index in left)
        chosen.append(best)
        left.remove(best)
    numerators = []
    for column in columns([rows[index] for index in chosen]):
        lanes = sorted(column)
        doubled = lanes[(len(lanes) - 1) // 2] + lanes[len(lanes) // 2]
        for _ in range(2 * f):  # of two equally far, the larger one goes
            lanes.remove(max(lanes, key=lambda lane: (abs(2 * lane - doubled), lane)))
        numerators.append(sum(lanes))
    return numerators, len(rows) - 4 * f


def nnm_trimmed_mean(rows: Rows, f: int) -> Aggregate:
    n = len(rows)
    mixed = []
    for row in rows:
        nearest = sorted(range(n), key=lambda other: (square(row, rows[other]), other))[: n - f]
        mixed.append(mean_of([rows[other] for other in nearest])[0])
    numerators, left = trimmed(mixed, f)
    return numerators, (n - f) * left


def geometric_median(rows: Rows, f: int) -> Aggregate:
    aggregate: Aggregate = rounded(median(rows, f)), 1
    for _ in range(8):
        point = rounded(aggregate)
        norms = [norm(row, point) for row in rows]
        weights = [max(1, 2**20 * min(norms) // each) for each in norms]
        aggregate = ref.weighted_sum(rows, weights), sum(weights)
    return aggregate


def centered_clipping(rows: Rows, f: int) -> Aggregate:
    aggregate: Aggregate = rounded(median(rows, f)), 1
    for _ in range(3):
        point = rounded(aggregate)
        norms = [norm(row, point) for row in rows]
        radius = sorted(norms)[(len(rows) - 1) // 2]
        sums = [len(rows) * value for value in point]
        for row, length in zip(rows, norms, strict=True):
            for position, lane in enumerate(row):
                away = lane - point[position]
                if length > radius:
                    short = abs(away) * radius // length
                    away = short if away > 0 else -short
                sums[position] += away
        aggregate = sums, len(rows)
    return aggregate


RULES: dict[str, Callable[[Rows, int], Aggregate]] = {
    "median": median,
    "trimmed_mean": trimmed_mean,
    "krum": krum,
    "multi_krum": multi_krum,
    "bulyan": bulyan,
    "nnm_trimmed_mean": nnm_trimmed_mean,
    "geometric_median": geometric_median,
    "centered_clipping": centered_clipping,
}

LEAST: dict[str, Callable[[int], int]] = {
    "median": lambda f: 2 * f + 1,
    "trimmed_mean": lambda f: 2 * f + 1,
    "krum": lambda f: 2 * f + 3,
    "multi_krum": lambda f: 2 * f + 3,
    "bulyan": lambda f: 4 * f + 3,
    "nnm_trimmed_mean": lambda f: 2 * f + 1,
    "geometric_median": lambda f: 2 * f + 1,
    "centered_clipping": lambda f: 2 * f + 1,
}
"""By f: the fewest updates of each rule."""
