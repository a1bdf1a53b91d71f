"""Command line: `python -m simulator serve …`, `python -m simulator expect …` and `python -m simulator truth …`."""

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path

from simulator.district import District


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m simulator", description="Serve a synthetic district's feeds, or say what must come of them."
    )
    commands = parser.add_subparsers(dest="command", required=True)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--home", type=Path, required=True, help="folder for the generated files")
    common.add_argument("--seed", type=int, default=7)
    common.add_argument("--scale", type=float, default=0.1, help="1 is the whole district")
    common.add_argument("--rates", type=float, default=1.0, help="multiplies all defect rates; 0 gives clean data")
    common.add_argument(
        "--start", type=date.fromisoformat, default=date(2020, 2, 10), help="first business date of the daily feeds"
    )
    common.add_argument("--through", type=date.fromisoformat, default=date(2020, 2, 25), help="last business date")
    common.add_argument(
        "--as-of", type=datetime.fromisoformat, help="the senders' moment (default: 12:00 after --through)"
    )
    serve = commands.add_parser("serve", parents=[common], help="serve HTTP and SFTP until SIGTERM")
    serve.add_argument("--host", default="127.0.0.1", help="name or address to listen on, by which others find it")
    serve.add_argument("--http-port", type=int, default=0)
    serve.add_argument("--sftp-port", type=int, default=0)
    serve.add_argument("--host-key", choices=("ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256"), default="ssh-ed25519")
    expect = commands.add_parser("expect", parents=[common], help="write what must come of every delivery, as JSON")
    expect.add_argument("--out", type=Path, help="file to write (default: HOME/expectations.json)")
    expect.add_argument(
        "--registry-first", type=date.fromisoformat, help="first day on which the registry is asked (default: --start)"
    )
    truth = commands.add_parser("truth", parents=[common], help="write what is true about every home, as Parquet")
    truth.add_argument("--out", type=Path, help="file to write (default: HOME/homes.parquet)")
    return parser


def _district(options: argparse.Namespace) -> District:
    return District(options.seed, options.scale, options.start, options.through, options.rates)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(path.name + ".tmp")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        file.write(text)
    draft.rename(path)


def _serve(options: argparse.Namespace) -> None:
    from simulator.senders.servers import SenderServers

    done = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: done.set())
    ready, environment = options.home / "ready", options.home / "connections.env"
    ready.unlink(missing_ok=True)
    servers = SenderServers(
        _district(options),
        options.home,
        as_of=options.as_of,
        host=options.host,
        http_port=options.http_port,
        sftp_port=options.sftp_port,
        key_algorithm=options.host_key,
    )
    with servers:
        _write(environment, "".join(f"{name}='{value}'\n" for name, value in servers.connections.items()))
        _write(ready, f"http {servers.http_port}\nsftp {servers.sftp_port}\n")
        print(
            f"senders listen on http {servers.http_port}, sftp {servers.sftp_port}; "
            f"as of {servers.clock.now.isoformat()}",
            flush=True,
        )
        threading.Thread(target=servers.prepare, name="prepare", daemon=True).start()
        done.wait()
        ready.unlink(missing_ok=True)


def _expect(options: argparse.Namespace) -> None:
    from simulator.expectation import Expectation

    expectation = Expectation(
        _district(options), options.home, as_of=options.as_of, registry_first=options.registry_first
    )
    path = options.out or options.home / "expectations.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    _write(path, json.dumps(expectation.report(), ensure_ascii=False, indent=1))
    print(path)


def _truth(options: argparse.Namespace) -> None:
    import pyarrow.parquet as pq

    path = options.out or options.home / "homes.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(_district(options).home_truth(options.through), path)
    print(path)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code."""
    options = _parser().parse_args(arguments)
    options.home.mkdir(parents=True, exist_ok=True)
    {"serve": _serve, "expect": _expect, "truth": _truth}[options.command](options)
    return 0


if __name__ == "__main__":
    sys.exit(main())
