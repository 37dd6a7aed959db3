"""Schemas: what fits is encoded, what does not is named, whatever the file is kept in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fl_chain.errors import TrainingError
from fl_chain.training.tables import Category, Number, Table

TABLE = Table(
    (
        Number("age", unit="years", low=0, high=120, middle=50, scale=10),
        Number("chol", middle=200, scale=100, missing=200, also_missing=(0,)),
        Category("sex", ("f", "m"), missing="none"),
        Category("ward", ("a", "b"), missing="b"),
    ),
    label=Category("outcome", ("well", "ill")),
)
FIT: dict[str, Any] = {"age": "60", "chol": "300", "sex": "m", "ward": "a", "outcome": "ill"}
ROWS = [FIT, {**FIT, "age": "40", "outcome": "well"}]


def write(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Write rows in the format that the path ends with."""
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    if path.suffix == ".csv":
        lines = [",".join(columns), *(",".join(row.values()) for row in rows)]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    elif path.suffix == ".npz":
        np.savez(path, **{name: np.array(values) for name, values in columns.items()})
    else:
        pyarrow = pytest.importorskip("pyarrow")
        from pyarrow import parquet

        parquet.write_table(pyarrow.table(columns), path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".npz", ".parquet"])
def test_every_format_holds_the_same_table(tmp_path: Path, suffix: str) -> None:
    features, labels = TABLE.load(write(tmp_path / f"table{suffix}", ROWS))
    assert features.dtype == np.float32
    assert features.tolist() == [[1, 1, 0, 1, 1, 0], [-1, 1, 0, 1, 1, 0]]
    assert labels.tolist() == [1, 0]
    assert TABLE.features == ("age", "chol", "sex f", "sex m", "ward a", "ward b")


@pytest.mark.parametrize("suffix", [".npz", ".parquet"])
def test_numbers_may_be_kept_as_numbers(tmp_path: Path, suffix: str) -> None:
    rows = [{**FIT, "age": 60.0, "chol": math.nan}, {**FIT, "age": 40.0, "chol": 0.0}]
    features, _ = TABLE.load(write(tmp_path / f"table{suffix}", rows))
    assert features[:, :2].tolist() == [[1, 0], [-1, 0]]


@pytest.mark.parametrize("missing", ["", " ", "NA", "n/a", "NaN", "null", "?", "-", None, math.nan])
def test_a_missing_value_is_what_the_schema_says(missing: Any) -> None:
    data = TABLE.encode([{**FIT, "chol": missing, "sex": missing, "ward": missing}])
    assert data.features.tolist() == [[1, 0, 0, 0, 0, 1]]
    for name in ("age", "outcome"):
        (refusal,) = TABLE.encode([{**FIT, name: missing}]).refusals
        assert str(refusal) == f"row 1, {name}: is missing"


def test_how_many_values_are_missing_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    rows = [{**FIT, "chol": "", "sex": "?"}, {**FIT, "chol": ""}, FIT]
    path = write(tmp_path / "table.csv", rows)
    assert TABLE.read(path).missing == (("chol", 2), ("sex", 1))
    TABLE.load(path)
    TABLE.load(write(tmp_path / "whole.csv", [FIT]))
    assert caplog.messages == [f"{path}: 3 rows; missing values: chol 2, sex 1"]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"age": "old"}, "'old' is no number"),
        ({"age": "inf"}, "'inf' is no number"),
        ({"chol": "1e300"}, "1e+300 is too large for a float32"),
        ({"age": "-1"}, "-1 is below 0 years"),
        ({"age": "121"}, "121 is above 120 years"),
        ({"age": [3]}, "'[3]' is no number"),
        ({"sex": "x"}, "'x' is none of f, m"),
        ({"outcome": "gone"}, "'gone' is none of well, ill"),
    ],
)
def test_what_does_not_fit_is_told_with_row_column_and_reason(
    change: dict[str, Any], reason: str
) -> None:
    data = TABLE.encode([FIT, {**FIT, **change}, FIT])
    assert len(data.labels) == len(data.features) == 2
    (refusal,) = data.refusals
    assert (refusal.row, refusal.column) == (2, next(iter(change)))
    assert refusal.reason == reason


def test_a_file_with_rows_that_do_not_fit_is_refused_with_the_first_of_them(tmp_path: Path) -> None:
    path = write(tmp_path / "table.csv", [FIT, *({**FIT, "age": str(200 + n)} for n in range(7))])
    with pytest.raises(TrainingError) as caught:
        TABLE.load(path)
    message = caught.value.message
    assert message.startswith(
        f"{path}: 7 of 8 rows do not fit: row 2, age: 200 is above 120 years;"
    )
    assert message.endswith("; and 2 more")
    assert len(TABLE.read(path).labels) == 1


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("missing.csv", None, "cannot read"),
        ("empty.csv", b"", "is empty"),
        ("latin.csv", "age\n\xe4\n".encode("latin-1"), "is no CSV file in UTF-8"),
        ("quote.csv", b'age\n"3"x\n', "is no CSV file"),
        ("short.csv", b"a,b\n1\n", "row 1 has more or fewer fields"),
        ("long.csv", b"a,b\n1,2\n1,2,3\n", "row 2 has more or fewer fields"),
        ("twice.csv", b"a,a\n1,2\n", "two columns of one name"),
        ("other.csv", b"age,chol\n1,2\n", "has no column 'sex'"),
        ("halves.csv", b"age;sex\n1;2\n", "commas divide its columns"),
        ("bad.npz", b"no archive", "is no NPZ file"),
        ("missing.npz", None, "is no NPZ file"),
        ("bad.parquet", b"no parquet", "is no Parquet file|needs pyarrow"),
        ("table.xlsx", b"", "is no table"),
    ],
)
def test_a_file_that_is_no_table_is_refused(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(TrainingError, match=message):
        TABLE.read(tmp_path / name)


def test_an_archive_with_pickles_or_of_uneven_lengths_is_refused(tmp_path: Path) -> None:
    np.savez(tmp_path / "pickled.npz", age=np.array([{}], dtype=object))
    np.savez(tmp_path / "uneven.npz", age=np.zeros(2), sex=np.zeros(3))
    with pytest.raises(TrainingError, match="without pickles"):
        TABLE.read(tmp_path / "pickled.npz")
    with pytest.raises(TrainingError, match="not of one length"):
        TABLE.read(tmp_path / "uneven.npz")


@pytest.mark.parametrize(
    "make",
    [
        lambda: Number("x", scale=0),
        lambda: Number("x", low=2, high=1),
        lambda: Number("x", middle=math.nan),
        lambda: Number("x", missing=math.inf),
        lambda: Category("x", ()),
        lambda: Category("x", ("a", "a")),
        lambda: Category("x", ("a",), missing="b"),
        lambda: Category("x", "red"),  # type: ignore[arg-type]
        lambda: Category("x", (0, 1)),  # type: ignore[arg-type]
    ],
)
def test_a_schema_that_makes_no_sense_is_refused(make: Any) -> None:
    with pytest.raises(TrainingError, match="column 'x'"):
        make()


def test_a_number_to_predict_is_scaled_and_held_against_its_range() -> None:
    table = Table((Number("age"),), Number("weight", unit="kg", low=1, high=300, scale=100))
    data = table.encode(
        [{"age": 1, "weight": 50}, {"age": 1, "weight": 0}, {"age": 1, "weight": ""}]
    )
    assert (data.labels.dtype, data.labels.tolist()) == (np.float32, [0.5])
    assert [str(refusal) for refusal in data.refusals] == [
        "row 2, weight: 0 is below 1 kg",
        "row 3, weight: is missing",
    ]


def test_a_table_of_one_column_needs_its_comma() -> None:
    with pytest.raises(TrainingError, match="several columns"):
        Table(Number("x"), TABLE.label)  # type: ignore[arg-type]


def test_spaces_around_the_names_of_columns_do_not_count(tmp_path: Path) -> None:
    table = Table((Number("a"),), Category("b", ("x",)))
    (tmp_path / "table.csv").write_text("a , b\n1, x\n")
    assert table.load(tmp_path / "table.csv")[0].tolist() == [[1]]


def test_a_table_without_rows_has_the_features_of_the_schema() -> None:
    data = TABLE.encode([])
    assert data.features.shape == (0, 6)
    assert data.labels.shape == (0,)


@given(st.lists(st.tuples(st.text(max_size=5), st.text(max_size=5), st.text(max_size=5))))
def test_every_row_is_encoded_or_refused_and_never_both(rows: list[tuple[str, str, str]]) -> None:
    table = Table((Number("a"), Category("b", ("x",), missing="none")), Category("c", ("y", "z")))
    data = table.encode([dict(zip("abc", row, strict=True)) for row in rows])
    assert len(data.labels) + len(data.refusals) == len(rows)
    assert np.isfinite(data.features).all()
