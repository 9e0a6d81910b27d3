"""Batch interval, window and slide, checked before anything starts. Imports nothing heavy."""
from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Intervals:
    """Seconds; ValueError names all that does not go together, and the nearest values that would."""

    batch: int
    window: int
    slide: int

    def __post_init__(self) -> None:
        if self.batch < 1:
            raise ValueError(f"--batch-interval {self.batch}: expected a whole number of seconds from 1 on")
        faults = [f"--{name} {value}: expected a whole multiple of --batch-interval {self.batch}; "
                  f"nearest: {_either(nearest(value, self.batch))}"
                  for name, value in (("window", self.window), ("slide", self.slide))
                  if value < 1 or value % self.batch]
        if self.window < self.slide:
            window, slide = nearest(self.slide, self.batch)[-1], nearest(self.window, self.batch)[0]
            faults.append(f"--window {self.window} is shorter than --slide {self.slide}, and would leave tweets out; "
                          f"nearest: --window {window} or --slide {slide}")
        if faults:
            raise ValueError("; ".join(faults))


def nearest(value: int, batch: int) -> tuple[int, ...]:
    """The whole multiples of `batch` on both sides of a value; one where it is such a multiple, or below the first."""
    below = value // batch * batch
    return (batch,) if below < batch else (below,) if below == value else (below, below + batch)


def _either(values: tuple[int, ...]) -> str:
    return " or ".join(map(str, values))
