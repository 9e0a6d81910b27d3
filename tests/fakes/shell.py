"""A person's shell on a world of fakes: verbs run in this process, against its HDFS, YARN and clock."""
from __future__ import annotations

from types import ModuleType
from typing import Any

import pytest

from deploy import cli
from tests.fakes.world import CLUSTER, STREAM, World


class Shell:
    """`checkpoint WORDS` on the world's stream; `code` is what it has to end with."""

    family = ("checkpoint",)

    def __init__(self, world: World, capsys: pytest.CaptureFixture[str]) -> None:
        self.world, self.capsys, self.tools = world, capsys, world.tools

    def __call__(self, *words: str, code: int = 0) -> str:
        """What it says, on both outputs."""
        got = cli.main([*self.family, *words, "--stream", STREAM])
        said = self.capsys.readouterr()
        assert got == code, said
        return said.out + said.err

    def take(self, monkeypatch: pytest.MonkeyPatch, *verbs: ModuleType) -> None:
        """These modules find the world where they would open a cluster."""
        def tools_of(cluster: Any, files: Any, say: Any = print) -> Any:
            self.tools.say = say
            return self.tools

        for module in verbs:
            monkeypatch.setattr(module, "open_cluster", lambda args: (CLUSTER, self.tools.hdfs))
            monkeypatch.setattr(module, "tools_of", tools_of)
        monkeypatch.setattr("deploy.verbs.stream.time.sleep", self.world.sleep)
