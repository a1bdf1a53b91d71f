"""The sealed zones' part of a re-key: file by file, the vault last."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import TYPE_CHECKING

from resumption import landing, settings, vault
from resumption.rekey.tokens import Report, TokenMap, under
from resumption.sealing import Sealer, is_sealed_with, open_frames

if TYPE_CHECKING:
    from collections.abc import Callable


def _landed() -> list[Path]:
    """Return the files with the bytes of deliveries; what was never finished opens under no key and is left out."""
    return sorted(path for path in settings.landing_path().glob("*/[0-9a-f][0-9a-f]/*") if path.suffix != ".json")


def carry_over(tokens: TokenMap, report: Report, tell: Callable[[str], None]) -> None:
    """Seal every file anew that is not sealed with the new key yet."""
    for path in _landed():
        if not is_sealed_with(path, landing.zone_key(tokens.new)):
            _reseal(path, tokens)
            report.files["landing"] += 1
    tell(f"landing: {report.files['landing']} files sealed anew")
    for path in vault.blocks():
        if not is_sealed_with(path, vault.zone_key(tokens.new)):
            _rewrite(path, tokens)
            report.files["vault"] += 1
    tell(f"vault: {report.files['vault']} blocks sealed anew")


def _reseal(path: Path, tokens: TokenMap) -> None:
    part = path.with_name(f".{uuid.uuid4().hex}")
    try:
        with path.open("rb") as before, part.open("xb") as after:
            part.chmod(0o400)
            sealer = Sealer(after, landing.zone_key(tokens.new))
            for frame in open_frames(before, landing.zone_key(tokens.old)):
                sealer.write(frame)
            sealer.finish()
            after.flush()
            os.fsync(after.fileno())
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)


def _rewrite(path: Path, tokens: TokenMap) -> None:
    rows = vault.read_block(path, vault.zone_key(tokens.old))
    vault.write_block(path, under(rows, tokens.new), vault.zone_key(tokens.new))


def files_left(tokens: TokenMap) -> list[str]:
    """Say how many files are not sealed with the new key."""
    landed = sum(not is_sealed_with(path, landing.zone_key(tokens.new)) for path in _landed())
    kept = sum(not is_sealed_with(path, vault.zone_key(tokens.new)) for path in vault.blocks())
    return [f"{zone}: {count} files" for zone, count in (("landing", landed), ("vault", kept)) if count]
