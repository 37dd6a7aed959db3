"""Participants and aggregators that lie about what a round cost and yielded.

An impossible measurement, or one of a task without any, leaves its update out: ``malformed`` or
``misbound``, and ``exclusions`` agrees. A false one counts, and moves nothing but totals. Totals
that are not those of the updates fail ``aggregate``.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from fl_chain.protocol.blob import decode_blob, encode_blob
from fl_chain.protocol.measurement import Measurement
from fl_chain.protocol.report import decode_report, encode_report
from tests.world import SAID, Federation, World


@pytest.fixture
def federation(world: World) -> Federation:
    return world.federation(num_rounds=1, min_updates=1)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        (b"base_correct", b"51"),
        (b"train_examples", b"0"),
        (b"train_milliseconds", b"-1"),
        (b"train_loss_millionths", b"nan"),
        (b"base_loss_millionths", b"9" * 30),
        (b"energy_source", b"guessed"),
    ],
)
def test_an_impossible_measurement_is_malformed(
    federation: Federation, key: bytes, value: bytes
) -> None:
    federation.submit_honestly(0, 1)
    blob = federation.update(2)
    said = str(getattr(SAID, key.decode())).encode()
    honest, lie = b'"%b":"%b"' % (key, said), b'"%b":"%b"' % (key, value)
    assert honest in blob
    padding = b" " * (len(honest) - len(lie))
    forged = blob.replace(honest, lie).replace(b"}}  ", b"}}  " + padding, 1)
    if len(lie) > len(honest):
        forged = forged.replace(b"}" + b" " * (len(lie) - len(honest)), b"}", 1)
    assert len(forged) == len(blob)
    federation.submit(2, forged)
    federation.assert_left_out("malformed")


def test_no_measurement_in_a_task_with_measurements_is_misbound(federation: Federation) -> None:
    federation.submit_honestly(0, 1)
    header = replace(federation.header(2), is_measured=False, measurement=None)
    federation.submit(2, encode_blob(header, federation.lanes(2)))
    federation.assert_left_out("misbound")


def test_a_measurement_in_a_task_without_any_is_misbound(world: World) -> None:
    federation = world.federation(num_rounds=1, min_updates=1, measurements=False)
    assert federation.header(0).measurement is None
    federation.submit_honestly(0, 1)
    header = replace(federation.header(2), is_measured=True, measurement=SAID)
    blob = encode_blob(header, federation.lanes(2))
    assert len(blob) == len(federation.update(2))
    federation.submit(2, blob)
    federation.assert_left_out("misbound")


def test_a_false_measurement_moves_totals_and_no_parameter(federation: Federation) -> None:
    honest = federation.update(2)
    largest = Measurement(2**32 - 1, 2**32 - 1, 2**32 - 1, 2**32 - 1, 0, 2**32 - 1)
    federation.submit_honestly(0, 1)
    lie = federation.update(2, measurement=largest)
    federation.submit(2, lie)
    assert (decode_blob(lie)[1] == decode_blob(honest)[1]).all()
    derived = federation.derive()
    totals = decode_report(derived.report).totals
    assert totals is not None
    assert totals.train_examples == 2 * SAID.train_examples + 2**32 - 1
    assert totals.energy_updates == 2
    federation.propose(derived.model, derived.report)
    federation.finalize()
    assert {finding.verdict for finding in federation.audit()} == {"PASS"}


def test_other_totals_than_those_of_the_updates_fail_the_aggregate(federation: Federation) -> None:
    federation.submit_honestly()
    derived = federation.derive()
    report = decode_report(derived.report)
    assert report.totals is not None
    for totals in (replace(report.totals, base_correct=0), None):
        lie = encode_report(replace(report, totals=totals))
        assert lie != derived.report
    federation.propose(derived.model, lie)
    federation.finalize()
    problems = [f.check for f in federation.audit() if f.verdict != "PASS"]
    assert problems == ["aggregate"]
