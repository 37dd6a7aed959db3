from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

pytest_plugins = [
    *("tests.chain_fixtures", "tests.ipfs_fixtures", "tests.world"),
    "tests.gallery",
]

# The same examples on every run; HYPOTHESIS_PROFILE=explore looks for new ones.
settings.register_profile(
    "default", derandomize=True, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile(
    "explore", parent=settings.get_profile("default"), derandomize=False, max_examples=2000
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "default"))
