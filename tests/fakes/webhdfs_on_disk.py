"""`python -m tests.fakes.webhdfs_on_disk DIRECTORY`: the same WebHDFS as a process whose files lie on the disk, until a
signal ends it; prints its address. What has landed lies in DIRECTORY in the order in which it came, one file each, and
what each is called in DIRECTORY/names."""
from __future__ import annotations

import itertools
import signal
import sys
from collections.abc import Iterator, MutableMapping
from pathlib import Path

from tests.fakes.webhdfs import WebHdfs


class OnDisk(MutableMapping[str, bytes]):
    def __init__(self, directory: Path) -> None:
        self._directory, self._numbers = directory, itertools.count(1)
        self._paths: dict[str, Path] = {}

    def __getitem__(self, name: str) -> bytes:
        return self._paths[name].read_bytes()

    def __setitem__(self, name: str, data: bytes) -> None:
        self._paths[name] = self._directory / f"{next(self._numbers):09d}"
        self._paths[name].write_bytes(data)

    def __delitem__(self, name: str) -> None:
        self._paths.pop(name).unlink()

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def names(self) -> str:
        return "".join(f"{path.name} {name}\n" for name, path in self._paths.items())


def main(directory: Path) -> None:
    fake, files = WebHdfs(), OnDisk(directory)
    fake.files = files   # type: ignore[assignment]
    signals = {signal.SIGTERM, signal.SIGINT}
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    fake.start()
    print(fake.url, flush=True)
    signal.sigwait(signals)
    fake.stop()
    (directory / "names").write_text(files.names())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
