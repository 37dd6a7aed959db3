"""Energy: where it comes from is said, and nothing leaves the machine."""

from __future__ import annotations

import logging
import socket
from pathlib import Path

import numpy as np
import pytest

from fl_chain.errors import UsageError
from fl_chain.protocol.measurement import EnergySource
from fl_chain.training.energy import METERS, CodeCarbonMeter, CpuTimeMeter, open_meter


def work() -> None:
    for _ in range(20):
        np.linalg.svd(np.random.default_rng(0).random((60, 60)))


@pytest.mark.parametrize("name", METERS)
def test_every_meter_says_where_its_energy_comes_from(name: str) -> None:
    meter = open_meter(name)
    for _ in range(2):
        meter.start()
        work()
        energy = meter.stop()
        assert energy.joules >= 0
        assert (energy.source == EnergySource.NONE) == (name == "none")


def test_computing_time_is_called_an_estimate() -> None:
    meter = CpuTimeMeter()
    meter.start()
    work()
    energy = meter.stop()
    assert energy.joules > 0
    assert energy.source == EnergySource.ESTIMATED


def test_an_unknown_meter_is_refused() -> None:
    with pytest.raises(UsageError, match="no meter"):
        open_meter("wattmeter")


def test_codecarbon_uses_no_network_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    def refuse(*arguments: object) -> None:
        raise AssertionError(f"a connection to {arguments}")

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setenv("CODECARBON_SAVE_TO_API", "true")
    monkeypatch.setenv("CODECARBON_SAVE_TO_FILE", "true")
    meter = CodeCarbonMeter()
    meter.start()
    work()
    assert meter.stop().source in (EnergySource.MEASURED, EnergySource.ESTIMATED)
    assert list(tmp_path.iterdir()) == []
    assert capfd.readouterr() == ("", "")
    assert not logging.getLogger("codecarbon").isEnabledFor(logging.ERROR)
