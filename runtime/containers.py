"""The stack of docker-compose.yaml: its secrets, and what `make up` and `make down` do."""

from __future__ import annotations

import argparse
import base64
import json
import os
import secrets
import subprocess
import sys
from pathlib import Path

from runtime.home import ROOT, RunError, keep_secret, say

KEY_BYTES = 32


def folder() -> Path:
    """Where the secrets lie: RESUMPTION_SECRETS, else `.secrets` in the repository."""
    return Path(os.environ.get("RESUMPTION_SECRETS") or ROOT / ".secrets").resolve()


def make_secrets(into: Path) -> None:
    """Make every secret that is missing; what is there stays, so it may be run at any time.

    Only the owner may enter the folder. The files in it are readable, since each container reads those it is given as
    a user of its own.
    """
    into.mkdir(parents=True, exist_ok=True, mode=0o700)
    into.chmod(0o700)
    made = {name: keep_secret(into / name, secrets.token_urlsafe) for name in ("postgres_password", "broker_password")}
    airflow, warehouse = (keep_secret(into / f"{name}_password", secrets.token_urlsafe) for name in DATABASES)
    for name in ("AIRFLOW__API__SECRET_KEY", "AIRFLOW__API_AUTH__JWT_SECRET"):
        keep_secret(into / name, lambda: secrets.token_urlsafe(64))
    keep_secret(into / "AIRFLOW__CORE__FERNET_KEY", lambda: base64.urlsafe_b64encode(os.urandom(KEY_BYTES)).decode())
    keep_secret(into / "token.key", lambda: secrets.token_hex(KEY_BYTES))
    access = keep_secret(into / "AWS_ACCESS_KEY_ID", lambda: secrets.token_hex(10))
    secret = keep_secret(into / "AWS_SECRET_ACCESS_KEY", lambda: secrets.token_hex(20))
    admin = keep_secret(into / "admin.password", lambda: secrets.token_urlsafe(12))
    store = {
        "identities": [
            {
                "name": "resumption",
                "credentials": [{"accessKey": access, "secretKey": secret}],
                "actions": ["Admin", "Read", "Write", "List"],
            }
        ]
    }
    derived = {
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"postgresql+psycopg://airflow:{airflow}@postgres/airflow",
        "WAREHOUSE_URL": f"postgresql+psycopg://resumption:{warehouse}@postgres/warehouse",
        "AIRFLOW__CELERY__BROKER_URL": f"redis://:{made['broker_password']}@broker:6379/0",
        "broker.conf": f"requirepass {made['broker_password']}",
        "s3.json": json.dumps(store),
        "passwords.json": json.dumps({"admin": admin}),
    }
    for name, text in derived.items():
        keep_secret(into / name, lambda text=text: text)  # type: ignore[misc]
    for path in into.iterdir():
        path.chmod(0o444)


DATABASES = ("airflow", "warehouse")


def compose(*arguments: str, quiet: bool = False) -> str:
    """Run `docker compose` on the stack; its output when `quiet`, else it is shown.

    Raises RunError when it fails.
    """
    command = ["docker", "compose", "--project-directory", str(ROOT), *arguments]
    environment = {**os.environ, "RESUMPTION_SECRETS": str(folder())}
    try:
        done = subprocess.run(
            command, env=environment, check=False, text=True, stdout=subprocess.PIPE if quiet else None
        )
    except FileNotFoundError:
        raise RunError(
            "`docker` is not there: install Docker Engine with its compose plugin (version 2.24 or later)"
        ) from None
    if done.returncode != 0:
        raise RunError(
            f"`docker compose {' '.join(arguments)}` failed (exit {done.returncode}); its message stands above"
        )
    return done.stdout or ""


def up(simulator: bool) -> None:
    """Secrets, image, everything up and healthy."""
    make_secrets(folder())
    profile = ["--profile", "simulator"] if simulator else []
    compose("build", "volumes")
    compose(*profile, "up", "--detach", "--wait", "--wait-timeout", "600", *_waited(profile))
    if simulator:
        compose(*profile, "up", "--no-deps", "--exit-code-from", "simulator-connections", "simulator-connections")
    port = os.environ.get("RESUMPTION_PORT") or "8080"
    say(f"up: http://127.0.0.1:{port}, login admin, password in {folder() / 'admin.password'}")


def _waited(profile: list[str]) -> list[str]:
    """Services that stay: `--wait` takes one that has ended its work for one that failed."""
    ends = {"volumes", "migrate", "simulator-connections"}
    return sorted(set(compose(*profile, "config", "--services", quiet=True).split()) - ends)


def main() -> int:
    """Run a command; the exit code."""
    parser = argparse.ArgumentParser(prog="python -m runtime.containers", description=__doc__)
    parser.add_argument("command", choices=("secrets", "up", "down"))
    parser.add_argument("--simulator", action="store_true", help="a synthetic district's senders too")
    options = parser.parse_args()
    try:
        if options.command == "secrets":
            make_secrets(folder())
        elif options.command == "up":
            up(options.simulator)
        else:
            compose("--profile", "simulator", "down")
    except RunError as problem:
        say(f"containers: {problem}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
