"""Tables with a declared schema: what a column is, its unit and range, and what is missing.

Institutions keep the same thing in different ways. The schema is part of a project, so that it is
the same for all; each value is held against it before training, and what does not fit is reported
with file, row, column and reason. Features are scaled by constants of the schema: nobody learns a
statistic of another's data.

    TABLE = Table(
        (Number("age", unit="years", low=0, high=120, middle=50, scale=10),
         Category("sex", ("f", "m"), missing="none")),
        label=Category("outcome", ("well", "ill")),
    )
    features, labels = TABLE.load(partition.path)

Files end with ``.csv``, ``.npz`` (one array for each column) or ``.parquet`` (with pyarrow).
"""

from __future__ import annotations

import csv
import logging
import math
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from fl_chain.errors import TrainingError
from fl_chain.training.refusals import require_all

__all__ = ["Category", "Number", "Refusal", "Table", "TableData"]

Labels = npt.NDArray[np.int64] | npt.NDArray[np.float32]
MISSING: Final = frozenset({"", "na", "n/a", "nan", "null", "none", "?", "-"})
"""What stands for a missing value in a file, whatever its case."""
_LOG: Final = logging.getLogger(__name__)
_LARGEST: Final = float(np.finfo(np.float32).max)
_SURPLUS: Final = "\0"
"""Name of the fields beyond the heading, which no file has."""


@dataclass(frozen=True, slots=True)
class Number:
    """A column of numbers; one feature, (value - middle) / scale."""

    name: str
    unit: str = ""
    """For messages: what the numbers count."""
    low: float = -math.inf
    """Smallest value that can be."""
    high: float = math.inf
    """Largest value that can be."""
    middle: float = 0.0
    """What becomes 0."""
    scale: float = 1.0
    """What becomes 1 from there; not 0."""
    missing: float | None = None
    """Value that stands for a missing one; None refuses the row."""
    also_missing: tuple[float, ...] = ()
    """Numbers that mean that there is none, such as a cholesterol of 0."""

    def __post_init__(self) -> None:
        numbers = (self.middle, self.scale, 0.0 if self.missing is None else self.missing)
        if not all(map(math.isfinite, numbers)) or self.scale == 0:
            raise TrainingError(
                f"column {self.name!r}: middle, scale and missing are finite, and scale is not 0"
            )
        if not self.low <= self.high:
            raise TrainingError(f"column {self.name!r}: low {self.low:g} is above {self.high:g}")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it becomes."""
        return (self.name,)

    def encode(self, value: Any) -> list[float]:
        """Return the features of a value.

        Raises
        ------
        ValueError
            It does not fit; the text says why.
        """
        number = math.nan if _is_missing(value) else _to_number(value)
        if math.isnan(number) or number in self.also_missing:
            if self.missing is None:
                raise ValueError("is missing")
            number = self.missing
        elif not self.low <= number <= self.high:
            bound = f"below {self.low:g}" if number < self.low else f"above {self.high:g}"
            raise ValueError(f"{number:g} is {bound}{' ' + self.unit if self.unit else ''}")
        feature = (number - self.middle) / self.scale
        if not abs(feature) <= _LARGEST:
            raise ValueError(f"{number:g} is too large for a float32")
        return [feature]


@dataclass(frozen=True, slots=True)
class Category:
    """A column of names; one feature for each, 1 where it is that one, else 0. Also: a label."""

    name: str
    values: tuple[str, ...]
    """At least 1, each once."""
    missing: str | None = None
    """``none`` if a missing value is none of them, or one of them; None refuses the row."""

    def __post_init__(self) -> None:
        place = f"column {self.name!r}"
        values: Any = self.values  # whatever somebody wrote
        if isinstance(values, str) or not all(isinstance(value, str) for value in values):
            raise TrainingError(f"{place}: values are several texts", 'write ("a", "b") or ("a",)')
        if not self.values or len(set(self.values)) != len(self.values):
            raise TrainingError(f"{place}: there is at least one value, and each once")
        if self.missing not in (None, "none", *self.values):
            raise TrainingError(f'{place}: missing is one of its values, "none", or left out')

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features that it becomes."""
        return tuple(f"{self.name} {value}" for value in self.values)

    def encode(self, value: Any) -> list[float]:
        """Return the features of a value; see `Number.encode`."""
        place = self.place(value)
        return [float(place == other) for other in range(len(self.values))]

    def place(self, value: Any) -> int | None:
        """Return the place of a value, from 0; None if it is none of them, where that is allowed.

        Raises
        ------
        ValueError
            It does not fit; the text says why.
        """
        text = _to_text(value)
        if text in self.values:
            return self.values.index(text)
        if not _is_missing(value):
            raise ValueError(f"{text!r} is none of {', '.join(self.values)}")
        if self.missing is None:
            raise ValueError("is missing")
        return self.values.index(self.missing) if self.missing in self.values else None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A row that cannot be used."""

    row: int
    """From 1; in a CSV file row 1 is the line below the heading."""
    column: str
    reason: str

    def __str__(self) -> str:
        return f"row {self.row}, {self.column}: {self.reason}"


@dataclass(frozen=True, slots=True, eq=False)
class TableData:
    """What a file has."""

    features: npt.NDArray[np.float32]
    """float32 ``[n, number of features]``, of the rows that fit."""
    labels: Labels
    """int64 ``[n]``, or float32 where a number is to be predicted."""
    refusals: tuple[Refusal, ...]
    """Why each of the other rows does not fit, by its first column that does not."""
    missing: tuple[tuple[str, int], ...] = ()
    """Columns in which the schema says what stands for a missing value, and in how many rows it
    does; those with none are left out."""


@dataclass(frozen=True, slots=True)
class Table:
    """A schema.

    Examples
    --------
    >>> table = Table((Number("length", middle=20, scale=10),), Category("kind", ("roach", "pike")))
    >>> data = table.encode([{"length": "30", "kind": "pike"}, {"length": "long", "kind": "pike"}])
    >>> data.features.tolist(), data.labels.tolist(), [str(refusal) for refusal in data.refusals]
    ([[1.0]], [1], ["row 2, length: 'long' is no number"])
    """

    columns: tuple[Number | Category, ...]
    """What the model sees."""
    label: Category | Number
    """What it is to predict."""

    def __post_init__(self) -> None:
        columns: Any = self.columns
        if not isinstance(columns, tuple | list):
            raise TrainingError("a table has several columns", "write (Number(...),) for one")

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features, in their order."""
        return tuple(name for column in self.columns for name in column.features)

    @property
    def num_outputs(self) -> int:
        """How many scores a model of it gives: one for each class, or one for a number."""
        return 1 if isinstance(self.label, Number) else len(self.label.values)

    def load(self, path: Path) -> tuple[npt.NDArray[np.float32], Labels]:
        """Return features and labels of a file in which every row fits.

        How many values are missing is logged, by column.

        Raises
        ------
        TrainingError
            The file cannot be read, or has rows that do not fit: the first of them are named.
        """
        data = self.read(path)
        require_all(path, data.refusals, len(data.labels), "rows")
        if data.missing:
            counts = ", ".join(f"{name} {count}" for name, count in data.missing)
            _LOG.warning("%s: %d rows; missing values: %s", path, len(data.labels), counts)
        return data.features, data.labels

    def read(self, path: Path) -> TableData:
        """Return the rows of a file that fit, and why the others do not.

        Raises
        ------
        TrainingError
            The file cannot be read, or lacks a column.
        """
        rows = _READERS.get(path.suffix.lower(), _refuse_suffix)(path)
        return self.encode(rows, str(path))

    def encode(self, rows: Sequence[Mapping[str, Any]], place: str = "the table") -> TableData:
        """Return the rows that fit, encoded, and why the others do not.

        Raises
        ------
        TrainingError
            A column is missing.
        """
        wanted = [column.name for column in (*self.columns, self.label)]
        if rows and (absent := [name for name in wanted if name not in rows[0]]):
            there = ", ".join(map(str, rows[0]))
            hint = "commas divide its columns" if len(rows[0]) == 1 else f"it has: {there}"
            raise TrainingError(f"{place} has no column {absent[0]!r}", hint)
        features: list[list[float]] = []
        labels: list[float] = []
        refusals: list[Refusal] = []
        missing = dict.fromkeys((column.name for column in self.columns), 0)
        for number, row in enumerate(rows, 1):
            try:
                encoded, label = self._encode_row(row)
            except _Refused as refused:
                refusals.append(Refusal(number, refused.column, refused.reason))
            else:
                features.append(encoded)
                labels.append(label)
                for name in missing:
                    missing[name] += _is_missing(row[name])
        shape = (len(features), len(self.features))
        array = np.array(features, np.float32).reshape(shape)
        is_number = isinstance(self.label, Number)
        known: Labels = np.array(labels, np.float32) if is_number else np.array(labels, np.int64)
        counts = tuple((name, count) for name, count in missing.items() if count)
        return TableData(array, known, tuple(refusals), counts)

    def _encode_row(self, row: Mapping[str, Any]) -> tuple[list[float], float]:
        encoded: list[float] = []
        for column in self.columns:
            try:
                encoded += column.encode(row[column.name])
            except ValueError as error:
                raise _Refused(column.name, str(error)) from None
        value = row[self.label.name]
        try:
            if isinstance(self.label, Number):
                return encoded, self.label.encode(value)[0]
            label = self.label.place(value)
        except ValueError as error:
            raise _Refused(self.label.name, str(error)) from None
        if label is None:
            raise _Refused(self.label.name, "is missing")
        return encoded, label


class _Refused(Exception):
    def __init__(self, column: str, reason: str) -> None:
        super().__init__(column, reason)
        self.column, self.reason = column, reason


def _is_missing(value: Any) -> bool:
    if value is None or (isinstance(value, float | np.floating) and math.isnan(value)):
        return True
    return isinstance(value, str) and value.strip().lower() in MISSING


def _to_number(value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(f"{_to_text(value)!r} is no number") from None
    if math.isinf(number):
        raise ValueError(f"{_to_text(value)!r} is no number")
    return number


def _to_text(value: Any) -> str:
    return str(value).strip()[:80]


def _read_csv(path: Path) -> list[dict[str, Any]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, restkey=_SURPLUS, strict=True)
            names = [name.strip() for name in reader.fieldnames or ()]
            reader.fieldnames = names
            rows = list(reader)
    except OSError as error:
        raise TrainingError(f"cannot read {path}: {error.strerror}") from None
    except (csv.Error, UnicodeDecodeError) as error:
        hint = "save it as CSV in UTF-8, with commas between fields and points in numbers"
        raise TrainingError(f"{path} is no CSV file in UTF-8: {error}", hint) from None
    if not names:
        raise TrainingError(f"{path} is empty", "its first line names the columns")
    if len(set(names)) != len(names):
        raise TrainingError(f"{path} has two columns of one name")
    for number, row in enumerate(rows, 1):
        if _SURPLUS in row or None in row.values():
            raise TrainingError(
                f"{path}: row {number} has more or fewer fields than the heading",
                "fields are separated by commas, and a number has a point",
            )
    return rows


def _read_npz(path: Path) -> list[dict[str, Any]]:
    try:
        with np.load(path, allow_pickle=False) as archive:
            columns = {name: archive[name] for name in archive.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or "numpy.savez writes one, of plain arrays"
        raise TrainingError(f"{path} is no NPZ file without pickles: {reason}") from None
    return _rows_of(path, columns)


def _read_parquet(path: Path) -> list[dict[str, Any]]:
    try:
        from pyarrow import ArrowException, parquet
    except ImportError:
        raise TrainingError(f"{path} needs pyarrow", "pip install 'fl_chain[parquet]'") from None
    try:
        rows: list[dict[str, Any]] = parquet.read_table(path).to_pylist()
    except (OSError, ArrowException) as error:
        raise TrainingError(f"{path} is no Parquet file: {error}") from None
    return rows


def _rows_of(path: Path, columns: Mapping[str, npt.NDArray[Any]]) -> list[dict[str, Any]]:
    lengths = {array.shape for array in columns.values()}
    if len(lengths) != 1 or any(len(shape) != 1 for shape in lengths):
        raise TrainingError(f"{path} has arrays of shapes {sorted(lengths)}, not of one length")
    return list(_zip_columns(columns))


def _zip_columns(columns: Mapping[str, npt.NDArray[Any]]) -> Iterator[dict[str, Any]]:
    for values in zip(*(array.tolist() for array in columns.values()), strict=True):
        yield dict(zip(columns, values, strict=True))


def _refuse_suffix(path: Path) -> list[dict[str, Any]]:
    raise TrainingError(f"{path} is no table", f"known endings: {', '.join(_READERS)}")


_READERS: Final = {".csv": _read_csv, ".npz": _read_npz, ".parquet": _read_parquet}
