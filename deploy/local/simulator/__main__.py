"""`python -m deploy.local.simulator`: one process in the foreground; SIGTERM ends it with its ledgers written."""
from __future__ import annotations

import argparse
import asyncio
import signal
import sys
from pathlib import Path

from deploy.errors import BadUse, HashtideError
from deploy.local.simulator import script
from deploy.local.simulator.generator import Generator
from deploy.local.simulator.prepared import prepared
from deploy.local.simulator.server import Server
from deploy.local.simulator.settings import Settings
from spark_apps.clock import Clock

_MAX_RATE, _MAX_PREPARED_RATE = 5_000, 100_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="simulator", allow_abbrev=False,
                                     description="A loopback server that speaks X's v2 filtered stream.")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8950, help="0: any free one, printed (default: %(default)s)")
    parser.add_argument("--rate", type=float, default=50, help=f"tweets a second, at most {_MAX_RATE} (%(default)s)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clock-offset-ms", type=int, default=0, help="shift of the clock that dates the tweets")
    parser.add_argument("--dir", type=Path, required=True, help="where the ledgers go")
    parser.add_argument("--token-file", type=Path, help="the bearer token to ask for (default: any will do)")
    parser.add_argument("--limit", type=int, help="send this many tweets, then keep-alives only")
    parser.add_argument("--duration-s", type=float, help="send this long, then keep-alives only")
    parser.add_argument("--keep-alive-s", type=float, default=20)
    parser.add_argument("--max-connections", type=int, default=1, help="more get 429 TooManyConnections")
    parser.add_argument("--prepared", type=int, metavar="N", help="make this many tweets before the first is sent, and "
                        f"send these again and again with ids and times of their own: for rates up to "
                        f"{_MAX_PREPARED_RATE}")
    parser.add_argument("--always", action="store_true",
                        help="tweets happen also while nobody is connected; goes with --faults by itself")
    parser.add_argument("--faults", type=Path, metavar="FILE", help="script of what goes wrong when")
    parser.add_argument("--time-scale", type=float, default=1.0,
                        help="seconds that one of the platform takes: 0.01 for tests (default: %(default)s)")
    parser.add_argument("--edits-change-tags", action="store_true", help="edited tweets may bring other tags")
    return parser


def _settings(args: argparse.Namespace) -> Settings:
    most = _MAX_RATE if args.prepared is None else _MAX_PREPARED_RATE
    if not 0 < args.rate <= most:
        raise BadUse(f"--rate {args.rate:g}: expected more than 0 and at most {most}")
    if args.prepared is not None and not 1 <= args.prepared <= 1_000_000:
        raise BadUse(f"--prepared {args.prepared}: expected 1 to 1000000")
    token = None
    if args.token_file:
        try:
            token = args.token_file.read_text(encoding="utf-8").strip()
        except OSError as error:
            raise BadUse(f"--token-file {args.token_file}: {error.strerror}") from None
        if not token:
            raise BadUse(f"--token-file {args.token_file}: it is empty")
    if not 0 < args.time_scale <= 1:
        raise BadUse(f"--time-scale {args.time_scale:g}: expected more than 0 and at most 1")
    played = script.load(args.faults) if args.faults else script.Script()
    return Settings(args.dir, args.rate, token, args.limit, args.duration_s, args.keep_alive_s, args.max_connections,
                    Clock(args.clock_offset_ms), args.time_scale, args.always or bool(args.faults), script=played)


async def _run(args: argparse.Namespace, settings: Settings) -> None:
    generator = Generator(args.seed, args.edits_change_tags, settings.script.shares)
    if args.prepared:
        generator = prepared(generator, args.prepared, settings.clock.now_ms())
    server = Server(settings, generator)
    try:
        port = await server.start(args.host, args.port)
    except OverflowError:
        raise BadUse(f"--port {args.port}: expected 0 to 65535") from None
    except OSError as error:
        raise BadUse(f"--port {args.port}: {error.strerror}; is one running? choose another port") from None
    ended = asyncio.Event()
    for sign in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sign, ended.set)
    print(f"simulator on http://{args.host}:{port}, {settings.rate:g} tweets/s, seed {args.seed}, "
          f"ledgers in {settings.directory}", flush=True)
    feeding, signalled = asyncio.create_task(server.feeding()), asyncio.create_task(ended.wait())
    await asyncio.wait((feeding, signalled), return_when=asyncio.FIRST_COMPLETED)
    signalled.cancel()
    await server.stop()
    try:
        await feeding
    except OSError as error:
        raise HashtideError(f"{settings.directory}: {error.strerror}; the ledger could not be written") from None


def main() -> int:
    args = _parser().parse_args()
    try:
        settings = _settings(args)
        asyncio.run(_run(args, settings))
    except HashtideError as error:
        print(f"simulator: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
