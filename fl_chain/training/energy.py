"""How much energy local training takes: estimated from computing time, or told by CodeCarbon.

CodeCarbon (https://codecarbon.io) reads the counters of processors (RAPL) and of NVIDIA's graphics
cards (NVML) where there are any, and otherwise estimates. It is an extra, used offline: it is asked
for energy only, which depends on no country, and nothing leaves the machine.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any, Final, Protocol

from fl_chain.errors import UsageError
from fl_chain.protocol.measurement import EnergySource

WATTS_PER_THREAD: Final = 4.0
"""Assumed power of one busy hardware thread, what CodeCarbon assumes of an unknown processor
(``DEFAULT_POWER_PER_CORE``). Memory, graphics cards and power supply come on top."""
JOULES_PER_KILOWATT_HOUR: Final = 3.6e6
METERS: Final = ("cpu-time", "codecarbon", "none")
"""Names of the meters, the default first."""
_TASK: Final = "training"
"""CodeCarbon's name for what is measured."""
_SAMPLE_SECONDS: Final = 15
"""CodeCarbon looks at the counters at both ends anyway; in between this often, in a thread."""


@dataclass(frozen=True, slots=True)
class Energy:
    """Energy of some work."""

    joules: float
    """At least 0."""
    source: EnergySource


class EnergyMeter(Protocol):
    """Measures what happens between `start` and `stop`, as often as it is asked to."""

    def start(self) -> None:
        """Begin."""
        ...

    def stop(self) -> Energy:
        """Return the energy since `start`, from the source ``none`` if nothing is known."""
        ...


class SilentMeter:
    """Says nothing."""

    def start(self) -> None:
        """Begin."""

    def stop(self) -> Energy:
        """Return no energy, from no source."""
        return Energy(0.0, EnergySource.NONE)


class CpuTimeMeter:
    """Estimates: computing time of this process, in all threads, times `WATTS_PER_THREAD`."""

    def __init__(self) -> None:
        self._started = 0.0

    def start(self) -> None:
        """Begin."""
        self._started = time.process_time()

    def stop(self) -> Energy:
        """Return the energy since `start`."""
        seconds = time.process_time() - self._started
        return Energy(seconds * WATTS_PER_THREAD, EnergySource.ESTIMATED)


class CodeCarbonMeter:
    """Asks CodeCarbon.

    With counters of the processor it is what these and those of graphics cards have counted, for
    the whole machine: whatever else it does counts as well. Without them it is CodeCarbon's
    estimate for this process and its memory.

    Looks for hardware once, which takes seconds and starts programs such as ``lscpu``.

    Raises
    ------
    UsageError
        CodeCarbon is not installed, or does not work here.
    """

    def __init__(self) -> None:
        try:
            from codecarbon import OfflineEmissionsTracker
            from codecarbon.core.cpu import is_rapl_available
        except ImportError:
            raise UsageError(
                "CodeCarbon is not installed",
                "pip install 'fl_chain[energy]', or leave out --energy codecarbon",
            ) from None
        logging.getLogger("codecarbon").setLevel(logging.CRITICAL)  # before it has read its own
        self._has_counters = bool(is_rapl_available())
        # That there are no outputs is said: settings in the user's home or environment may turn
        # some on, also the one that sends everything to a server. The country is for emissions,
        # which nobody asks for.
        self._tracker: Any = OfflineEmissionsTracker(
            country_iso_code="FRA",
            tracking_mode="machine" if self._has_counters else "process",
            measure_power_secs=_SAMPLE_SECONDS,
            allow_multiple_runs=True,
            log_level="critical",
            output_methods=[],
            output_handlers=[],
        )
        try:
            self.start()
            self.stop()
        except AttributeError:  # it has swallowed an exception, and is half of an object
            raise UsageError(
                "CodeCarbon does not work on this machine", "leave out --energy codecarbon"
            ) from None

    def start(self) -> None:
        """Begin."""
        self._tracker.start_task(_TASK)

    def stop(self) -> Energy:
        """Return the energy since `start`."""
        told = self._tracker.stop_task(_TASK)
        if told is None:
            return Energy(0.0, EnergySource.NONE)
        if self._has_counters:
            counted = told.cpu_energy + told.gpu_energy
            return Energy(counted * JOULES_PER_KILOWATT_HOUR, EnergySource.MEASURED)
        return Energy(told.energy_consumed * JOULES_PER_KILOWATT_HOUR, EnergySource.ESTIMATED)


def open_meter(name: str) -> EnergyMeter:
    """Return the meter of one of the names in `METERS`.

    Raises
    ------
    UsageError
        CodeCarbon is asked for and of no use here, or there is no such meter.
    """
    match name:
        case "cpu-time":
            return CpuTimeMeter()
        case "codecarbon":
            return CodeCarbonMeter()
        case "none":
            return SilentMeter()
        case _:
            raise UsageError(f"there is no meter {name!r}", f"choose one of {', '.join(METERS)}")
