"""Several launchers in one process, one at a time, switched at each call they make and cut off anywhere.

Which goes on, how long a call takes and where one is cut off follow from the seed alone.
"""
from __future__ import annotations

import random
import threading
from collections.abc import Callable
from typing import Any

from deploy.errors import Unreachable


class CutOff(BaseException):
    """kill -9 of the process that made the call."""


class Actor(threading.Thread):
    def __init__(self, stage: Stage, body: Callable[[], None]) -> None:
        super().__init__(daemon=True)
        self.stage, self.body, self.turn, self.wake_ms = stage, body, threading.Semaphore(0), 0.0

    def run(self) -> None:
        self.turn.acquire()
        try:
            self.body()
        except BaseException as error:
            self.stage.failed = self.stage.failed or error
        self.stage.leave(self)


class Stage:
    """`world.ms` is the clock of all; `cut` and `lost` are chances, of each call, that its caller is cut off there
    and that an answer gets lost though the call took effect."""

    def __init__(self, world: Any, rng: random.Random, cut: float, lost: float) -> None:
        self.world, self.rng, self.cut, self.lost = world, rng, cut, lost
        self.actors: list[Actor] = []
        self.failed: BaseException | None = None
        self._now: Actor | None = None
        self._over = threading.Semaphore(0)

    def play(self, bodies: list[Callable[[], None]], until_s: float) -> None:
        """Each begins within `until_s`; returns when all are through, with the error of the first that failed."""
        self.actors = [Actor(self, body) for body in bodies]
        for actor in self.actors:
            actor.wake_ms = self.world.ms + self.rng.uniform(0, until_s * 1000)
            actor.start()
        self._hand_over(None)
        self._over.acquire()
        if self.failed:
            raise self.failed

    def call(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """The call, as something that takes time and may be the caller's last."""
        self.world.ms += self.rng.random() * (2_000 if self.rng.random() < 0.02 else 30)
        self._hand_over(self._now)
        fate = self.rng.random()
        if fate < self.cut / 2:
            raise CutOff
        answer = function(*args, **kwargs)
        if fate < self.cut:
            raise CutOff
        if fate < self.cut + self.lost:
            raise Unreachable("the answer got lost")
        return answer

    def sleep(self, seconds: float) -> None:
        assert self._now
        self._now.wake_ms = self.world.ms + seconds * 1000 * self.rng.uniform(1, 8)
        self._hand_over(self._now)

    def leave(self, actor: Actor) -> None:
        self.actors.remove(actor)
        if self.actors and not self.failed:
            self._hand_over(None)
        else:
            self._over.release()

    def _hand_over(self, me: Actor | None) -> None:
        ready = [actor for actor in self.actors if actor.wake_ms <= self.world.ms]
        if not ready:
            ready = [min(self.actors, key=lambda actor: actor.wake_ms)]
            self.world.ms = ready[0].wake_ms
        next_one = me if me in ready and self.rng.random() < 0.5 else self.rng.choice(ready)
        if next_one is me:
            return
        assert next_one
        self._now = next_one
        next_one.turn.release()
        if me:
            me.turn.acquire()


class Through:
    """An object whose methods of these names are called through the stage."""

    def __init__(self, stage: Stage, inner: Any, names: tuple[str, ...]) -> None:
        for name in names:
            setattr(self, name, self._through(stage, getattr(inner, name)))

    @staticmethod
    def _through(stage: Stage, method: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: stage.call(method, *args, **kwargs)
