"""`make backup` and `make restore`: everything of a run folder that cannot be had again from the senders.

A backup is a folder: `manifest.json` and a sealed file for each database, each file of the lake, the landing zone and
the vault, and each of Airflow's own keys. All is sealed with the master key, which is not in it unless asked for.
"""

from __future__ import annotations

import argparse
import hashlib
import hmac
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from resumption import sealing
from resumption.landing import KEPT_DAYS
from runtime import airflow, postgres, processes, verify
from runtime.home import KEY_FILE, Home, RunError, say, step, write_private

if TYPE_CHECKING:
    from sqlalchemy import Connection

FORMAT = 1
ZONES = ("lake", "landing", "vault")
FILES = ("source.json", "loaded.json", "airflow/*.key", "airflow/admin.password")
OUTSIDE = ("WAREHOUSE_URL", "LAKE_URL", "LANDING_URL", "VAULT_URL")
CHUNK = 1 << 20


def _zone(key: bytes) -> sealing.ZoneKey:
    return sealing.ZoneKey(key, "backup")


def _signature(key: bytes, manifest: Mapping[str, Any]) -> str:
    told = json.dumps({name: value for name, value in manifest.items() if name != "signature"}, sort_keys=True)
    return hmac.new(key, f"backup:{told}".encode(), hashlib.sha256).hexdigest()


def _require_at_rest(home: Home) -> None:
    """Raise RunError where something runs that writes, or where data lies that is not the run folder's."""
    outside = [name for name in OUTSIDE if os.environ.get(name)]
    if outside:
        raise RunError(f"{' and '.join(outside)} set: a backup is of a run folder; what lies elsewhere has means there")
    if any(processes.running(home, name) for name in airflow.COMPONENTS):
        raise RunError("Airflow is running and would go on writing: `make stop` first")


def _given_key(home: Home, kept: Path | None = None) -> bytes:
    """The master key, which is never made here; from the settings, the run folder, or a backup that holds it."""
    given, file = os.environ.get("RESUMPTION_TOKEN_KEY"), os.environ.get("RESUMPTION_TOKEN_KEY_FILE")
    places = [Path(file)] if file else [home.path / KEY_FILE, *([kept / KEY_FILE] if kept else [])]
    found = given or next((path.read_text(encoding="utf-8").strip() for path in places if path.exists()), "")
    if not found:
        raise RunError(
            f"the master key is missing, and without it a backup tells nothing: expected RESUMPTION_TOKEN_KEY, or "
            f"{home.path / KEY_FILE}"
        )
    return found.encode()


@contextmanager
def _server(home: Home) -> Iterator[postgres.Server]:
    """The run folder's PostgreSQL, started for the time being if need be."""
    own = not postgres.is_running(home)
    server = postgres.start(home)
    try:
        yield server
    finally:
        if own:
            postgres.stop(home)


@contextmanager
def _program(name: str, server: postgres.Server, *options: str, **pipe: int) -> Iterator[subprocess.Popen[bytes]]:
    """One of PostgreSQL's programs, which must end well."""
    where = ["-h", "127.0.0.1", "-p", str(server.port), "-U", postgres.USER]
    environment = os.environ | {"PGPASSWORD": server.password}
    command = [postgres.binary(name), *where, *options]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, **pipe) as process:  # type: ignore[call-overload]
        with suppress(BrokenPipeError):  # it has ended already, and says below why
            yield process
        with suppress(BrokenPipeError):
            if process.stdin:
                process.stdin.close()
        said = process.stderr.read().decode(errors="replace") if process.stderr else ""
        if process.wait() != 0:
            raise RunError(f"{name} failed (exit {process.returncode}): {said.strip()[-1500:]}")


class _Writer:
    """Writes the files of a backup, sealed, and keeps account of them."""

    def __init__(self, folder: Path, key: bytes) -> None:
        self._folder, self._key = folder, key
        self.files: dict[str, dict[str, Any]] = {}

    def add(self, name: str, content: IO[bytes]) -> None:
        """Seal what can be read as a file of the backup, in its place only."""
        path = self._folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            sealer = sealing.Sealer(file, _zone(self._key), name)
            while chunk := content.read(CHUNK):
                sealer.write(chunk)
            sealer.finish()
        self.files[name] = {"sha256": _sha256(path), "bytes": path.stat().st_size}


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lake_versions(home: Home) -> dict[str, int]:
    from deltalake import DeltaTable

    tables = sorted(path.parent for path in (home.path / "lake").rglob("_delta_log"))
    return {str(path.relative_to(home.path)): DeltaTable(str(path)).version() for path in tables}


def _people(home: Home) -> dict[str, list[str]]:
    """Logins and roles of others in the server, which no database holds, and the roles that they have."""
    query = (
        "select json_object_agg(r.rolname, array(select g.rolname from pg_auth_members as m"
        " join pg_roles as g on g.oid = m.roleid where m.member = r.oid order by 1))"
        " from pg_roles as r where not r.rolsuper and r.rolname !~ '^(pg|resumption)_'"
    )
    return dict(json.loads(postgres.query(home, query)[0] or "{}"))


def _fingerprints(home: Home) -> list[str]:
    with verify.warehouse(home) as connection:
        return list(verify.table_fingerprints(connection))


def _revision(connection: Connection) -> str | None:
    from resumption.warehouse import migrate

    return migrate.version(connection)


def backup(home: Home, out: Path, *, with_key: bool = False) -> Path:
    """Write a backup of a run folder into a folder that is not there yet; return it.

    Raises:
        RunError: something runs, data lies outside the run folder, or there is nothing to back up.
    """
    from resumption import ops

    _require_at_rest(home)
    if not (postgres.data_folder(home) / "PG_VERSION").exists():
        raise RunError(f"{home.path} holds nothing to back up")
    key, made = _given_key(home), datetime.now(UTC)
    draft = out.with_name(f".{out.name}.part")
    if out.exists() or draft.exists():
        raise RunError(f"{out} or {draft} is there already: name another folder, or delete it")
    draft.mkdir(parents=True, mode=0o700)
    writer = _Writer(draft, key)
    with _server(home) as server:
        for database in postgres.DATABASES:
            with step(f"database {database}"), _program("pg_dump", server, "-Fc", "-d", database, stdout=-1) as dump:
                writer.add(f"{database}.dump", dump.stdout or sys.stdin.buffer)
        with ops.engine(server.url("warehouse")).connect() as connection:
            revision = _revision(connection)
        people, tables = _people(home), _fingerprints(home)
    with step("lake, landing zone, vault, Airflow's keys"):
        found = [path for zone in ZONES for path in sorted((home.path / zone).rglob("*"))]
        found += [path for pattern in FILES for path in sorted(home.path.glob(pattern))]
        for path in filter(Path.is_file, found):
            with path.open("rb") as content:
                writer.add(path.relative_to(home.path).as_posix(), content)
    manifest = {
        "format": FORMAT,
        "made_at": made.isoformat(timespec="seconds"),
        "delete_by": (made + timedelta(days=KEPT_DAYS)).date().isoformat(),
        "home": home.path.as_uri(),
        "project": version("resumption"),
        "airflow": version("apache-airflow"),
        "revision": revision,
        "key": _zone(key).number.hex(),
        "lake": _lake_versions(home),
        "tables": tables,
        "people": people,
        "files": writer.files,
    }
    manifest["signature"] = _signature(key, manifest)
    write_private(draft / "manifest.json", json.dumps(manifest, indent=1) + "\n")
    if with_key:
        write_private(draft / KEY_FILE, key.decode() + "\n")
    draft.rename(out)
    return out


def checked(folder: Path, home: Home) -> tuple[dict[str, Any], bytes]:
    """Return the manifest of a backup and the key it is sealed with, once every file was found to be what it was.

    Raises:
        RunError: it is none, another key's, a newer version's, or not what was written.
    """
    from resumption.warehouse import migrate

    try:
        manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
        made_with, files = manifest["key"], manifest["files"]
    except (OSError, ValueError, KeyError, TypeError):
        raise RunError(f"{folder}: expected a backup, with a manifest.json that can be read") from None
    key = _given_key(home, folder)
    if _zone(key).number.hex() != made_with:
        raise RunError(f"{folder} is sealed with key {made_with}; the one given is {_zone(key).number.hex()}")
    if not hmac.compare_digest(_signature(key, manifest), str(manifest.get("signature"))):
        raise RunError(f"{folder}: its manifest is not the one that was written; nothing was restored")
    if manifest["format"] != FORMAT or not migrate.knows(manifest["revision"]):
        raise RunError(f"{folder} was made by a newer version ({manifest['project']}): restore it with that one")
    wrong = [name for name in files if not _is_whole(folder / name, files[name])]
    if wrong:
        raise RunError(
            f"{folder}: {len(wrong)} of {len(files)} files are missing or not what was written, the first is "
            f"{wrong[0]}; nothing was restored"
        )
    return manifest, key


def _is_whole(path: Path, told: Mapping[str, Any]) -> bool:
    return path.is_file() and path.stat().st_size == told["bytes"] and _sha256(path) == told["sha256"]


def restore(home: Home, folder: Path) -> dict[str, Any]:
    """Make an empty run folder what a backup holds, and bring its warehouse to this version; return the manifest.

    Raises:
        RunError: the backup is not whole, or the run folder not empty: nothing was touched. Or the tables are not what
            they were: what was restored is taken away again.
    """
    _require_at_rest(home)
    taken = [name for name in (*ZONES, "postgres/data") if any((home.path / name).glob("*"))]
    if taken:
        raise RunError(f"{home.path} is not empty ({', '.join(taken)}): restore into another, RUN=.run-restored")
    with step("every file of the backup checked"):
        manifest, key = checked(folder, home)
    try:
        _put_back(home, folder, manifest, key)
    except BaseException:
        postgres.stop(home)
        for name in (*ZONES, "postgres/data"):
            shutil.rmtree(home.path / name, ignore_errors=True)
        raise
    return manifest


def _put_back(home: Home, folder: Path, manifest: Mapping[str, Any], key: bytes) -> None:
    if not (os.environ.get("RESUMPTION_TOKEN_KEY") or os.environ.get("RESUMPTION_TOKEN_KEY_FILE")):
        write_private(home.path / KEY_FILE, key.decode() + "\n")
    dumps = [f"{database}.dump" for database in postgres.DATABASES]
    with step("lake, landing zone, vault, Airflow's keys"):
        for name in manifest["files"].keys() - set(dumps):
            path = home.path / name
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
                file.writelines(_opened(folder / name, name, key))
    with step("databases"), _server(home) as server:
        _databases(home, server, folder, manifest, key)
    if _lake_versions(home) != manifest["lake"]:
        raise RunError("the lake's tables are not at the versions they were at; nothing was kept")


def _opened(path: Path, name: str, key: bytes) -> Iterator[bytes]:
    with path.open("rb") as file:
        yield from sealing.open_frames(file, _zone(key), name)


def _databases(home: Home, server: postgres.Server, folder: Path, manifest: Mapping[str, Any], key: bytes) -> None:
    from resumption import ops
    from resumption.warehouse import create_all, grants

    engine = ops.engine(server.url("warehouse"))
    with engine.begin() as connection:
        grants.create_roles(connection)
        for name, has in manifest["people"].items():
            quoted = connection.dialect.identifier_preparer.quote
            member_of = f" in role {', '.join(map(quoted, has))}" if has else ""
            connection.exec_driver_sql(f"create role {quoted(name)} login{member_of}")
    for database in postgres.DATABASES:
        options = ["--exit-on-error", "--single-transaction", "-d", database]
        with _program("pg_restore", server, *options, stdin=-1) as process:
            for chunk in _opened(folder / f"{database}.dump", f"{database}.dump", key):
                if process.stdin:
                    process.stdin.write(chunk)
    if _fingerprints(home) != manifest["tables"]:
        raise RunError("the restored tables are not what was backed up; nothing was kept")
    with engine.begin() as connection:
        moved = "update ops.feed_delivery set landing_uri = %(to)s || substr(landing_uri, length(%(was)s) + 1)"
        connection.exec_driver_sql(
            f"{moved} where starts_with(landing_uri, %(was)s)", {"was": manifest["home"], "to": home.path.as_uri()}
        )
        grants.forget(connection)  # who may enter the database is no part of its dump
    create_all(engine)


def main() -> int:
    """Back up or restore the run folder; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime.backup", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    command = commands.add_parser("backup")
    command.add_argument("--out", type=Path)
    command.add_argument("--with-key", action="store_true", help="put the master key beside what it opens")
    commands.add_parser("restore").add_argument("--from", dest="folder", type=Path, required=True)
    options, home = parser.parse_args(), Home.from_environment()
    try:
        if options.command == "backup":
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H%M%SZ")
            made = backup(
                home, options.out or home.path.with_name(f"{home.path.name}-backups") / now, with_key=options.with_key
            )
            _tell_made(made, options.with_key)
        else:
            _tell_restored(restore(home, options.folder))
    except (RunError, sealing.SealError) as problem:
        say(f"make {options.command}: {problem}")
        return 1
    return 0


def _tell_made(made: Path, with_key: bool) -> None:
    until = json.loads((made / "manifest.json").read_text(encoding="utf-8"))["delete_by"]
    print(made)
    say(f"  delete it by {until}: it holds what the landing zone may keep for {KEPT_DAYS} days")
    if with_key:
        say("  token.key lies in it in the clear: whoever has this folder can read all of it")
    else:
        say("  it opens with the master key only, which is not in it: keep token.key in another place")


def _tell_restored(manifest: Mapping[str, Any]) -> None:
    say(f"  restored as of {manifest['made_at']}: {len(manifest['tables'])} tables, the same as then")
    if manifest["people"]:
        say(f"  without a password until you set one: {', '.join(manifest['people'])}")
    say("  run retention before anybody reads: what has been deleted since is in it again (docs/upgrading.md)")


if __name__ == "__main__":
    sys.exit(main())
