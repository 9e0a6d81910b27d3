"""Batch interval, window and slide of the classic engine."""
from __future__ import annotations

import pytest

from spark_apps.classic.intervals import Intervals


@pytest.mark.parametrize("batch,window,slide", [(10, 30, 20), (10, 10, 10), (1, 3, 2), (5, 3600, 5)])
def test_what_goes_together(batch: int, window: int, slide: int) -> None:
    assert Intervals(batch, window, slide).window == window


@pytest.mark.parametrize("batch,window,slide,said", [
    (10, 35, 20, "--window 35: expected a whole multiple of --batch-interval 10; nearest: 30 or 40"),
    (10, 30, 15, "--slide 15: expected a whole multiple of --batch-interval 10; nearest: 10 or 20"),
    (10, 30, 4, "--slide 4: expected a whole multiple of --batch-interval 10; nearest: 10"),
    (10, 0, 10, "--window 0: expected a whole multiple of --batch-interval 10; nearest: 10"),
    (10, 20, 40, "--window 20 is shorter than --slide 40, and would leave tweets out; "
                 "nearest: --window 40 or --slide 20"),
    (0, 30, 10, "--batch-interval 0: expected a whole number of seconds from 1 on"),
])
def test_what_does_not_is_named_with_the_nearest_values(batch: int, window: int, slide: int, said: str) -> None:
    with pytest.raises(ValueError) as error:
        Intervals(batch, window, slide)
    assert said in str(error.value)


def test_all_faults_at_once_and_each_way_out_is_one() -> None:
    with pytest.raises(ValueError) as error:
        Intervals(10, 25, 33)
    text = str(error.value)
    assert "--window 25" in text and "--slide 33" in text and "shorter" in text
    assert "--window 40 or --slide 20" in text
    assert Intervals(10, 40, 30) and Intervals(10, 20, 20)
