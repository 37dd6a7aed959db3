"""Which function carries out which robust rule."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from fl_chain.aggregation.robust.bulyan import compute_bulyan
from fl_chain.aggregation.robust.centered_clipping import compute_centered_clipping
from fl_chain.aggregation.robust.coordinates import compute_median, compute_trimmed_mean
from fl_chain.aggregation.robust.geometric_median import compute_geometric_median
from fl_chain.aggregation.robust.krum import compute_krum, compute_multi_krum
from fl_chain.aggregation.robust.neighbour_mixing import compute_nnm_trimmed_mean
from fl_chain.aggregation.robust.rows import LaneRows
from fl_chain.aggregation.step import Aggregate
from fl_chain.errors import ValueOutOfRange
from fl_chain.protocol.rules import RULES

ROBUST_RULES: Final[dict[str, Callable[[LaneRows, int], Aggregate]]] = {
    "median": compute_median,
    "trimmed_mean": compute_trimmed_mean,
    "krum": compute_krum,
    "multi_krum": compute_multi_krum,
    "bulyan": compute_bulyan,
    "nnm_trimmed_mean": compute_nnm_trimmed_mean,
    "geometric_median": compute_geometric_median,
    "centered_clipping": compute_centered_clipping,
}
"""By name, the rules of :mod:`fl_chain.protocol.rules` but ``mean``."""


def apply_rule(rule: str, rows: LaneRows, num_malicious: int) -> Aggregate:
    """Return the aggregate of the included updates.

    Raises
    ------
    ValueOutOfRange
        There are fewer updates than the rule's assumption asks for.
    """
    least = RULES[rule].least_updates(num_malicious)
    if len(rows) < least:
        what = f"the rule {rule} with {num_malicious} malicious updates needs {least}"
        raise ValueOutOfRange(f"{what} or more in all, and there are {len(rows)}")
    return ROBUST_RULES[rule](rows, num_malicious)
