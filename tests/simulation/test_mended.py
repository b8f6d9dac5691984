"""Each row of docs/defects.md that is fixed is noticed when its mistake is put back."""

from __future__ import annotations

import pytest

from simulation.defects import DEFECTS, STORIES
from simulation.mended import BESIDE, IN_SMALL_WORLDS, Mended
from simulation.mended_routers import OF_ROUTERS
from tidy.test_defects import rows


def test_every_fixed_row_of_the_page_has_a_mistake_to_put_back() -> None:
    fixed = {row[0] for row in rows() if row[3] == "fixed"}
    assert {one.key for one in (*BESIDE, *OF_ROUTERS)} | set(IN_SMALL_WORLDS) == fixed


def test_the_mistakes_that_are_named_are_put_back() -> None:
    known = {one.name for one in (*DEFECTS, *STORIES)}
    assert {name for names in IN_SMALL_WORLDS.values() for name in names} <= known


@pytest.mark.parametrize("mended", [*BESIDE, *OF_ROUTERS], ids=str)
def test_a_mistake_put_back_breaks_the_test_that_the_page_names(
    mended: Mended, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That the test holds without the mistake is its own room's to show."""
    for owner, name, mistake in mended.patch:
        assert hasattr(owner, name)
        monkeypatch.setattr(owner, name, mistake)
    with pytest.raises((AssertionError, LookupError, TimeoutError, pytest.fail.Exception)):
        mended.tells()
