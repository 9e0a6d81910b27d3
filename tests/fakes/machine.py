"""A machine to install on: programs that only note down that they were called, and a checkout with small lock files."""
from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

INSTALL = Path(__file__).parents[2] / "deploy" / "install.sh"

#: `kill -9 $PPID` is how a step gets cut off: the parent of each of these is the launcher.
_NOTE = """\
#!/bin/bash
echo "${0##*/} $*" >>"$MACHINE/calls"
[ ! -e "$MACHINE/${0##*/}.fails" ] || { echo "${0##*/}: something is wrong"; exit 1; }
"""
_PROGRAMS = {
    "apt-get": """\
case $1 in
  install) for name; do touch "$MACHINE/has.$name"; done ;;
  download) touch "${@: -1}_1_all.deb" ;;
esac""",
    "dpkg-deb": 'mkdir -p usr/bin && touch usr/bin/promtool',
    "sudo": 'exec "$@"',
    "python3.11": """\
case "$*" in
  "-m venv "*) mkdir -p "$3/bin" && cp "$0" "$3/bin/python" ;;
  "-m pip "*) cp "$MACHINE/bin/uv" "${0%/*}/uv" ;;
esac""",
    "uv": """\
case "$*" in
  venv*)
    mkdir -p "${@: -1}/bin" && cp "$MACHINE/bin/python3.11" "${@: -1}/bin/python"
    [ ! -e "$MACHINE/uv.cut" ] || { rm "$MACHINE/uv.cut"; kill -9 "$PPID"; exit; }
    touch "${@: -1}/pyvenv.cfg" ;;
  *sync*) [ ! -e "$MACHINE/sync.cut" ] || { rm "$MACHINE/sync.cut"; kill -9 "$PPID"; exit; } ;;
esac""",
    "mvn": """\
for arg; do case $arg in -DoutputDirectory=*) to=${arg#*=} ;; esac; done
cp "$MACHINE"/jars/*.jar "$to"
[ ! -e "$MACHINE/mvn.cut" ] || { rm "$MACHINE/mvn.cut"; kill -9 "$PPID"; exit; }""",
}
# What is there is a matter of the test, not of the machine that runs it.
_LOOKS = """\
has_java() { [ -e "$MACHINE/has.openjdk-17-jre-headless" ]; }
has_maven() { [ -e "$MACHINE/has.maven" ]; }
has_chromium() { [ -e "$MACHINE/has.chromium" ]; }
has_prometheus() { [ -e "$HASHTIDE_HOME/prometheus/usr/bin/promtool" ]; }
has_postgresql() { [ -e "$MACHINE/has.postgresql" ]; }
"""


class Machine:
    def __init__(self, place: Path) -> None:
        self.place, self.home, self.repo = place, place / "home", place / "repo"
        for name in ("bin", "jars", "repo/deploy/requirements", "repo/deploy/jars"):
            (place / name).mkdir(parents=True)
        for name, body in _PROGRAMS.items():
            self.program(name, body)
        for name in ("uv", "airflow", "spark"):
            (self.repo / "deploy" / "requirements" / f"{name}.txt").write_text(f"{name}==1\n")
        (self.repo / "deploy" / "jars" / "pom.xml").write_text("<project/>")
        for name in ("a", "b"):
            (place / "jars" / f"{name}.jar").write_text(name)
        self.pin()

    def copy(self, place: Path) -> Machine:
        """Another machine in the same state."""
        made = object.__new__(Machine)
        made.place, made.home, made.repo = place, place / "home", place / "repo"
        shutil.copytree(self.place, place)
        return made

    def program(self, name: str, body: str) -> None:
        path = self.place / "bin" / name
        path.write_text(_NOTE + body + "\n")
        path.chmod(0o755)

    def pin(self, *names: str) -> None:
        """The sums of the jars that Maven brings."""
        sums = "".join(f"{hashlib.sha256((self.place / 'jars' / f'{n}.jar').read_bytes()).hexdigest()}  {n}.jar\n"
                       for n in names or ("a", "b"))
        for profile in ("hadoop", "delta", "s3"):
            (self.repo / "deploy" / "jars" / f"{profile}.sha256").write_text(sums)

    def has(self, *packages: str) -> None:
        for name in packages:
            (self.place / f"has.{name}").touch()

    def mark(self, name: str) -> None:
        """uv.cut, mvn.fails and so on."""
        (self.place / name).touch()

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """A function of install.sh, as the launcher would call it."""
        script = f'set -euo pipefail\n. "{INSTALL}"\n{_LOOKS}\n{command}'
        env = {"PATH": f"{self.place}/bin:{os.environ['PATH']}", "HOME": str(self.place), "REPO": str(self.repo),
               "HASHTIDE_HOME": str(self.home), "MACHINE": str(self.place)}
        return subprocess.run(["bash", "-c", script], env=env, text=True, capture_output=True, timeout=60, check=False)

    def calls(self) -> list[str]:
        """What was called since the last time this was asked."""
        path = self.place / "calls"
        found = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        return [call for call in found if " -c " not in call]

    def tree(self) -> list[str]:
        return sorted(str(path.relative_to(self.home)) for path in self.home.rglob("*")) if self.home.exists() else []
