#!/usr/bin/env python3
"""Write the golden vectors below tests/vectors; with --check, compare instead.

Expected values come from tests/reference.py or are written by hand in scripts/vectors. Nothing is
imported from fl_chain, so a vector that it does not meet is a finding, not a file to regenerate.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts.vectors import (  # noqa: E402
    app_bundles,
    audit_statements,
    audits,
    blobs,
    budgets,
    commitments,
    compression,
    differences,
    documents,
    encodings,
    foreign_code,
    list_audits,
    lists,
    masked_audits,
    masked_rounds,
    masks,
    noise,
    numbers,
    openings,
    phases,
    promises,
    registries,
    replays,
    reports,
    rewards,
    rounds,
    rules,
    sealed,
    seeds,
    staleness,
)

VECTORS = ROOT / "tests" / "vectors"

MAKERS = {
    "digest/digest.json": encodings.make_digest,
    "digest/openings.json": openings.make_openings,
    "canonical_json/canonical_json.json": encodings.make_canonical_json,
    "blob/blob.json": blobs.make_blob,
    "manifest/manifest.json": documents.make_manifest,
    "report/report.json": reports.make_report,
    "fixed_point/fixed_point.json": numbers.make_fixed_point,
    "aggregate/round.json": rounds.make_aggregate,
    "aggregate/measured_round.json": rounds.make_measured_aggregate,
    "aggregate/robust_round.json": rounds.make_robust_aggregate,
    "aggregate/compressed_round.json": compression.make_compressed_aggregate,
    "aggregate/packed_round.json": compression.make_packed_aggregate,
    "aggregate/optimized_round.json": compression.make_optimized_aggregate,
    "aggregate/late_round.json": staleness.make_late_aggregate,
    "aggregate/discounts.json": staleness.make_discounts,
    "aggregate/difference_round.json": differences.make_difference_aggregate,
    "aggregate/differences.json": differences.make_differences,
    "aggregate/rewarded_round.json": rewards.make_rewarded_aggregate,
    "aggregate/scores.json": rewards.make_scores,
    "aggregate/optimizers.json": compression.make_steps,
    "aggregate/selections.json": compression.make_selections,
    "aggregate/steps.json": numbers.make_steps,
    "history/history.json": rounds.make_history,
    "history/refused.json": replays.make_refused_logs,
    "round/transitions.json": phases.make_transitions,
    "round/phases.json": phases.make_phases,
    "round/replay.json": replays.make_replay,
    "round/replay_commitments.json": commitments.make_replay,
    "commitment/commitment.json": commitments.make_commitments,
    "round/replay_lists.json": lists.make_replay,
    "round/replay_masks.json": masks.make_replay,
    "update_list/update_list.json": lists.make_lists,
    "round/replay_seeds.json": seeds.make_replay,
    "seed/seed.json": seeds.make_seeds,
    "registry/replay.json": registries.make_replay,
    "registry/succession.json": registries.make_succession,
    "noise/costs.json": noise.make_costs,
    "sealed/sealed.json": sealed.make_sealed,
    "app_bundle/app_bundle.json": app_bundles.make_bundles,
    "audit_statement/audit_statement.json": audit_statements.make_statements,
    **audits.MAKERS,
    **budgets.MAKERS,
    **foreign_code.MAKERS,
    **list_audits.MAKERS,
    **masked_audits.MAKERS,
    **masked_rounds.MAKERS,
    **promises.MAKERS,
    **rules.MAKERS,
}


def lay_out(document: dict[str, Any]) -> str:
    """Return JSON with one line for each case, so that a difference shows the case."""
    lines = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            cases = ",\n".join(f"  {json.dumps(case)}" for case in value)
            lines.append(f" {json.dumps(key)}: [\n{cases}\n ]")
        else:
            lines.append(f" {json.dumps(key)}: {json.dumps(value)}")
    return "{\n" + ",\n".join(lines) + "\n}\n"


def main() -> int:
    """Write or compare every file; return 1 when one differs."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 on differences")
    is_check = parser.parse_args().check
    different = []
    for name, make in MAKERS.items():
        path = VECTORS / name
        text = lay_out(make())
        if is_check:
            if not path.exists() or path.read_text(encoding="utf-8") != text:
                different.append(name)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    for name in different:
        print(f"{name} differs: run scripts/make_vectors.py and look at the difference")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main())
