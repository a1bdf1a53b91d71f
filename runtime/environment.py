"""Make `.venv` from the lock: `python runtime/environment.py [--dev]`, run by any Python 3.11 to 3.13.

Only the standard library is used here, and nothing of this project is imported: there is no environment yet.
uv installs (12 s instead of pip's 65 s, bytecode included); pip is the way to get uv, and what is left if uv fails.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = "uv==0.13.9"
BUILD_BACKEND = "hatchling==1.33.0"

NO_PIP = """make env: this Python has neither pip nor ensurepip, so nothing can be installed with it.
  Debian and Ubuntu:  apt-get install python3-venv        (or python3-pip)
  or put uv on the PATH, or name another Python:  make env PYTHON=/path/to/python3.12
"""


def say(text: str) -> None:
    """A progress line, on stderr: stdout stays free for what a target prints."""
    print(f"env: {text}", file=sys.stderr, flush=True)


def run(*command: str | Path, quiet: bool = False) -> bool:
    """Run a command in the repository; whether it went well."""
    environment = {k: v for k, v in os.environ.items() if k not in ("PYTHONDONTWRITEBYTECODE", "PYTHONPATH")}
    environment["VIRTUAL_ENV"] = str(VENV)
    sink = subprocess.DEVNULL if quiet else sys.stderr
    done = subprocess.run([str(c) for c in command], cwd=ROOT, env=environment, stdout=sink, stderr=sink, check=False)
    return done.returncode == 0


def has(module: str) -> bool:
    """Whether the Python that runs this script has a module."""
    return importlib.util.find_spec(module) is not None


def fingerprint(lock: Path) -> str:
    """What the environment depends on: lock, project metadata, this script and the place (scripts hold its path)."""
    digest = hashlib.sha256(str(VENV).encode())
    for path in (lock, ROOT / "pyproject.toml", Path(__file__)):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def usable() -> bool:
    """Whether `.venv` holds a Python of a version that fits (the folder may have been moved, or its Python removed)."""
    check = "import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))"
    return PYTHON.exists() and run(PYTHON, "-c", check, quiet=True)


def make_venv() -> None:
    """Create the empty environment, with pip inside if this Python brings it along."""
    if usable():
        return
    shutil.rmtree(VENV, ignore_errors=True)
    bundled = [] if has("ensurepip") else ["--without-pip"]
    if bundled and not has("pip") and not shutil.which("uv"):
        sys.exit(NO_PIP)
    say(f"creating .venv with Python {sys.version.split()[0]}")
    if not run(sys.executable, "-m", "venv", *bundled, VENV):
        sys.exit("make env: `python -m venv` failed; its message stands above")


def pip() -> list[str | Path]:
    """The pip command that installs into `.venv`: its own, or this Python's aimed at it."""
    if run(PYTHON, "-m", "pip", "--version", quiet=True):
        return [PYTHON, "-m", "pip"]
    if has("pip"):
        return [sys.executable, "-m", "pip", "--python", PYTHON]
    return []


def uv() -> Path | None:
    """A uv to install with: the one in `.venv`, fetched by pip if need be, or the one on the PATH."""
    inside = VENV / "bin" / "uv"
    command = pip()
    if not inside.exists() and command:
        run(*command, "install", "-q", "--disable-pip-version-check", UV)
    if inside.exists():
        return inside
    found = shutil.which("uv")
    return Path(found) if found else None


def install(lock: Path) -> bool:
    """Install the lock, then the project itself, editable and without asking a registry for its build tools."""
    tool = uv()
    if tool:
        base: list[str | Path] = [tool, "pip", "install", "-q", "--python", PYTHON, "--compile-bytecode"]
        if run(*base, "-r", lock, BUILD_BACKEND) and run(*base, "--no-deps", "--no-build-isolation", "-e", "."):
            return True
        say("uv could not install; trying pip")
    command = pip()
    if not command:
        sys.exit(NO_PIP)
    base = [*command, "install", "-q", "--disable-pip-version-check"]
    return run(*base, "-r", lock, BUILD_BACKEND) and run(*base, "--no-deps", "--no-build-isolation", "-e", ".")


def main() -> None:
    """Bring `.venv` to what the lock says; nothing is done when it is there already."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dev", action="store_true", help="also what the checks and tests need")
    dev = parser.parse_args().dev
    stamps = {True: VENV / ".installed-dev", False: VENV / ".installed"}
    locks = {True: ROOT / "requirements-dev.txt", False: ROOT / "requirements.txt"}
    wanted = fingerprint(locks[dev])
    if usable() and stamps[dev].exists() and stamps[dev].read_text() == wanted:
        return
    began = time.monotonic()
    make_venv()
    say(f"installing {locks[dev].name}")
    if not install(locks[dev]):
        sys.exit("make env: installing failed; the message stands above. Is a package index reachable?")
    stamps[dev].write_text(wanted)
    if dev:  # what tests need includes all that a run needs
        stamps[False].write_text(fingerprint(locks[False]))
    say(f"ready in {time.monotonic() - began:.0f} s")


if __name__ == "__main__":
    main()
