from __future__ import annotations

import io
import os
import zipfile
from pathlib import Path

import pytest

from deploy import artifact
from deploy.errors import BadUse, HashtideError
from tests.fakes.files import Files


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "setup.cfg").write_text("[metadata]\nversion = 1.2.3\n")
    for name in ("__init__.py", "contract.py", *artifact.MAINS.values(), "ingest/x.py"):
        path = tmp_path / "spark_apps" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"# {name}\n")
    return tmp_path


def test_the_same_sources_make_the_same_release_whenever_they_were_written(source: Path) -> None:
    first = artifact.build(source)
    os.utime(source / "spark_apps" / "contract.py", (1, 1))
    assert artifact.build(source) == first
    (source / "spark_apps" / "contract.py").write_text("# other\n")
    assert artifact.build(source)[0] != first[0]


def test_the_version_is_the_packages_and_a_checksum(source: Path) -> None:
    number, checksum = artifact.build(source)[0].split("-")
    assert number == "1.2.3" and len(checksum) == 8


def test_the_zip_holds_what_runs_on_the_cluster_and_not_the_ingest_service(source: Path) -> None:
    names = zipfile.ZipFile(io.BytesIO(artifact.build(source)[1]["app.zip"])).namelist()
    assert "spark_apps/contract.py" in names and not any("ingest" in name for name in names)


def test_a_release_is_published_once_and_its_checksums_last(source: Path) -> None:
    files = Files()
    release = artifact.publish(files, source=source)
    assert list(files.data)[-1] == f"{release.base}/SHA256SUMS"
    assert artifact.find(files, release.version) == release
    files.data[release.app] = b"kept"
    artifact.publish(files, source=source)
    assert files.data[release.app] == b"kept"


@pytest.mark.parametrize("version", ["9.9.9-00000000", "", "../x", "a b"])
def test_a_release_that_is_not_there_is_refused(version: str) -> None:
    with pytest.raises(BadUse, match="release"):
        artifact.find(Files(), version)


def test_a_directory_without_the_entry_points_is_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(HashtideError, match=r"hashtag_stream\.py"):
        artifact.build(tmp_path)
