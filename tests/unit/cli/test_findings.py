"""What people and machines are told of a whole audit."""

from __future__ import annotations

import json

import pytest

from fl_chain.audit.findings import Finding, failed, passed
from fl_chain.cli.findings import print_verdict

FINDINGS: list[Finding] = [
    passed("aggregate", "3 updates re-executed", 1),
    passed("model_blob", "a CID", 1),
    failed("update_blob", "damaged on disk", round_number=2),
    passed("model_blob", "a CID", 2),
    failed("aggregate", "the model does not follow", round_number=3),
    passed("model_blob", "a CID", 3),
]


def test_a_round_whose_updates_cannot_be_had_is_not_said_to_be_re_executed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    print_verdict(FINDINGS, as_json=False)
    assert "FAIL  6 checks: 4 pass, 2 fail, 0 undecidable; 2 rounds re-executed" in (
        capsys.readouterr().out
    )
    print_verdict(FINDINGS, as_json=True)
    assert json.loads(capsys.readouterr().out)["rounds"] == 2
