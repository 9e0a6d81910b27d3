"""What `bench classic` makes of its runs."""
from __future__ import annotations

import pytest

from deploy.verbs import bench_classic

MEASURED = {
    "runs": [{"side": side, "repeat": repeat, "seconds": seconds, "cpu_s": seconds * 2, "tweets": 100}
             for repeat, stream, classic in ((1, 1.0, 4.0), (2, 1.0, 2.0), (3, 2.0, 20.0))
             for side, seconds in (("stream", stream), ("classic", classic))],
    "windows": [{"batches": batches, "slides": 7, "inverse_s": 1.0, "anew_s": anew}
                for batches, anew in ((4, 1.0), (64, 4.0))],
    "counted": {"structured": 98, "classic": 100}, "spark": "4.2.0", "cores": 2}


def test_ratios_are_of_one_repeat_and_a_saving_is_of_the_seconds_without_the_inverse() -> None:
    found = bench_classic.report(MEASURED)
    assert found["classic_of_structured"] == {"clock": pytest.approx(0.25), "cpu": pytest.approx(0.25)}
    assert [one["saved"] for one in found["windows"]] == [0.0, 0.75]
    text = bench_classic.text(found)
    assert "0.25 of it" in text and "75%" in text and "classic 100" in text and "medians of 7" in text
