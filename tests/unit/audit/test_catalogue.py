"""What is said about checks is said about every check there is, and about no other."""

from __future__ import annotations

import pytest

from fl_chain.audit.catalogue import CATALOGUE, NAMES, OF_A_BUNDLE, Check, find_check
from fl_chain.errors import UsageError
from tests import golden


def test_every_finding_of_the_vectors_is_of_a_check_that_can_be_explained() -> None:
    found = {
        entry["check"]
        for path in (golden.CHECKOUT / "tests/vectors/audit").glob("*.json")
        for entry in golden.load(f"audit/{path.name}")["findings"]
    }
    assert found == {check.name for check in CATALOGUE if check.section != OF_A_BUNDLE}


def test_no_two_checks_have_one_name() -> None:
    assert len(NAMES) == len(set(NAMES))


@pytest.mark.parametrize("check", CATALOGUE, ids=NAMES)
def test_a_check_says_what_it_means_and_what_to_do(check: Check) -> None:
    for text in (check.title, check.meaning, check.assumes, check.on_fail):
        assert text
    assert check.meaning.endswith(".")
    assert find_check(check.name) is check


def test_an_unknown_check_is_answered_with_those_there_are() -> None:
    with pytest.raises(UsageError, match="no check 'agregate'") as caught:
        find_check("agregate")
    assert all(name in caught.value.hint for name in NAMES)
