from __future__ import annotations

import pytest

from fl_chain.audit.scope import LAST, Scope
from fl_chain.errors import UsageError


@pytest.mark.parametrize(
    ("scope", "selected"),
    [
        (Scope(), [1, 2, 4]),
        (Scope(only_round=2), [2]),
        (Scope(since=2), [2, 4]),
        (Scope(since=3), [4]),
        (Scope(since=LAST), [4]),
    ],
)
def test_a_scope_selects_among_the_rounds_with_a_proposed_model(
    scope: Scope, selected: list[int]
) -> None:
    assert scope.select([1, 2, 4]) == selected


@pytest.mark.parametrize("scope", [Scope(only_round=3), Scope(since=5)])
def test_a_scope_without_a_round_says_which_one_is_the_latest(scope: Scope) -> None:
    with pytest.raises(UsageError, match="proposed model") as caught:
        scope.select([1, 2, 4])
    assert caught.value.hint == "the latest is round 4"


def test_a_task_without_rounds_can_be_audited_but_none_of_them_named() -> None:
    assert Scope().select([]) == Scope(since=LAST).select([]) == []
    for scope in (Scope(only_round=1), Scope(since=2)):
        with pytest.raises(UsageError, match="proposed model") as caught:
            scope.select([])
        assert caught.value.hint == "no round has one yet"
