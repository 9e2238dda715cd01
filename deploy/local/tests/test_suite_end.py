"""The one running suite ends behind the last test that acts on it, whatever order the tests come in."""

from importlib import import_module
from types import SimpleNamespace
from typing import Any, Final

import pytest

HOOKS: Final[Any] = import_module("tests.conftest")


class StandIn:
    """A suite that says whether it was ended."""

    def __init__(self) -> None:
        self.is_ended = False

    def reset(self) -> None:
        self.is_ended = True


@pytest.mark.parametrize(
    ("order", "ended_behind"),
    [
        pytest.param("crm crm other other", 1, id="one after the other"),
        # As --failed-first and --new-first have it: what failed of several groups comes before all else.
        pytest.param("crm other crm other", 2, id="others in between"),
        pytest.param("other crm", 1, id="the last of all"),
        pytest.param("other other", None, id="nobody acts on it"),
    ],
)
def test_no_test_meets_a_suite_that_was_ended(order: str, ended_behind: int | None) -> None:
    config, suite = SimpleNamespace(stash=pytest.Stash()), StandIn()
    items = [SimpleNamespace(config=config, fixturenames=["tenant", name]) for name in order.split()]
    HOOKS.pytest_collection_finish(SimpleNamespace(config=config, items=items))
    ended: list[StandIn] = []
    for item in items:
        if "crm" in item.fixturenames:
            config.stash[HOOKS.RUNNING] = suite
        teardown = HOOKS.pytest_runtest_teardown(item)
        next(teardown)
        assert suite.is_ended == bool(ended), "not before what the test itself has is torn down"
        next(teardown, None)
        ended += [suite] * suite.is_ended
    assert len(ended) == (0 if ended_behind is None else len(items) - ended_behind)


def test_a_teardown_that_fails_leaves_the_count_right() -> None:
    config, suite = SimpleNamespace(stash=pytest.Stash()), StandIn()
    config.stash[HOOKS.RUNNING] = suite
    items = [SimpleNamespace(config=config, fixturenames=["crm"]) for _ in range(2)]
    HOOKS.pytest_collection_finish(SimpleNamespace(config=config, items=items))
    failing = HOOKS.pytest_runtest_teardown(items[0])
    next(failing)
    with pytest.raises(RuntimeError, match="as it was torn down"):
        failing.throw(RuntimeError("as it was torn down"))
    assert not suite.is_ended
    last = HOOKS.pytest_runtest_teardown(items[1])
    next(last)
    next(last, None)
    assert suite.is_ended
