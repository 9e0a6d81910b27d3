"""What `bench classic` makes of its runs."""
from __future__ import annotations

import pytest

from deploy.verbs import bench_classic

MEASURED = {
    "runs": [{"side": side, "repeat": repeat, "seconds": seconds, "cpu_s": seconds * 2, "tweets": 100}
             for repeat, stream, classic in ((1, 1.0, 4.0), (2, 1.0, 2.0), (3, 2.0, 20.0))
             for side, seconds in (("stream", stream), ("classic", classic))],
    "windows": [{"batches": batches, "slides": 5, "tags": batches * 100,
                 **{way: {"seconds": cost / 2, "cpu_s": cost, "tasks": 8, "read": cost * 1e6}
                    for way, cost in (("inverse", 1.0), ("anew", anew), ("spark", 3.0))}}
                for batches, anew in ((4, 0.5), (64, 4.0))],
    "counted": {"structured": 98, "classic": 100}, "spark": "4.2.0", "cores": 2}


def test_ratios_are_of_one_repeat_and_a_window_costs_times_what_it_does_with_the_inverse() -> None:
    found = bench_classic.report(MEASURED)
    assert found["classic_of_structured"] == {"clock": pytest.approx(0.25), "cpu": pytest.approx(0.25)}
    assert [one["times"] for one in found["windows"]] == [
        {way: dict.fromkeys(("clock", "cpu", "read"), times) for way, times in (("anew", anew), ("spark", 3.0))}
        for anew in (0.5, 4.0)]
    text = bench_classic.text(found)
    assert "0.25 of it" in text and "classic 100" in text and "medians of 5" in text
    assert text.splitlines()[-1].split()[-2:] == ["4.00", "3.00"] and "6,400" in text
