"""Arguments of the two applications."""
from __future__ import annotations

from dataclasses import replace

import pytest

from spark_apps.args import batch_args, stream_args

STREAM = ["--stream", "hashtags", "--generation", "2", "--epoch", "17", "--trigger-seconds", "10", "--max-files", "60",
          "--watermark", "10 minutes", "--shuffle-partitions", "2"]
TEN = 1_772_359_200_000   # 2026-03-01T10:00Z


def test_what_the_launch_passes_is_understood() -> None:
    from deploy.launch import StreamSpec
    from spark_apps.generations import Generation

    found = stream_args(list(StreamSpec("hashtags").args("/hashtide", Generation(2, shuffle_partitions=2), 17)))
    assert found == stream_args([*STREAM, "--root", "/hashtide"])
    assert (found.paths.stream, found.generation, found.epoch, found.watermark) == ("hashtags", 2, 17, "10 minutes")
    later = StreamSpec("hashtags").args("/hashtide", Generation(2, shuffle_partitions=2, from_hour=TEN), 17)
    assert later[-2:] == ("--from-hour", "2026-03-01T10")
    assert stream_args(list(later)) == replace(found, from_hour=TEN)


def test_what_a_seal_passes_is_understood() -> None:
    from deploy import backfill

    job = backfill.Seal("hashtags", ((TEN, TEN + 4_200_000),), "the source is silent", by="me")
    found = batch_args(list(backfill.args(job, "/hashtide")))
    assert (found.hours, found.incomplete, found.by) == ({TEN: TEN + 4_200_000}, "the source is silent", "me")
    again = batch_args(list(backfill.args(backfill.Seal("hashtags", late_within_hours=24), "/hashtide")))
    assert (again.hours, again.late_within_hours) == ({}, 24)


def test_what_a_verification_passes_is_understood() -> None:
    from deploy import verify

    job = verify.Verify("hashtags", ((TEN, TEN + 4_200_000),), "me")
    found = batch_args(list(verify.args(job, "/hashtide")))
    assert (found.verify, found.hours, found.late_within_hours, found.by) == ({TEN: TEN + 4_200_000}, {}, 0, "me")


def test_the_instant_of_a_seal_is_a_whole_minute() -> None:
    assert batch_args(["--stream", "a", "--hours", f"2026-03-01T10={TEN + 3_661_234}"]).hours == {TEN: TEN + 3_660_000}


@pytest.mark.parametrize(("words", "said"), [
    (["--stream", "../x", "--late-within-hours", "1"], "stream name '../x'"),
    (["--stream", "a", "--hours", "2026-03-01T10"], "expected HOUR=MS"),
    (["--stream", "a", "--hours", f"2026-03-01T10={TEN}"], "before the end of the hour"),
    (["--stream", "a", "--hours", "yesterday=1"], "expected HOUR=MS"),
    (["--stream", "a", "--late-within-hours", "0"], "expected a whole number from 1 on"),
    (["--stream", "a"], "--hours --late-within-hours --verify is required"),
    (["--stream", "a", "--verify", f"2026-03-01T10={TEN + 3_600_000}", "--then-verify"], "go with a seal"),
    (["--stream", "a", "--verify", f"2026-03-01T10={TEN + 3_600_000}", "--late-within-hours", "1"], "not allowed with"),
])
def test_bad_arguments_are_named(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        batch_args(words)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err
