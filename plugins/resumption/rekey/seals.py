"""The sealed zones' part of a re-key: file by file, the vault last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resumption import landing, settings, storage, vault
from resumption.rekey.tokens import Report, TokenMap, under
from resumption.sealing import Sealer, is_sealed_with, open_frames

if TYPE_CHECKING:
    from collections.abc import Callable

    from resumption.storage import Place


def _landed() -> list[Place]:
    """Return the files with the bytes of deliveries; what was never finished opens under no key and is left out."""
    found = settings.landing_path().glob("*/[0-9a-f][0-9a-f]/*")
    return sorted((path for path in found if path.suffix != ".json" and not path.name.startswith(".")), key=str)


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


def _reseal(path: Place, tokens: TokenMap) -> None:
    with storage.opened(path) as before, storage.drafted(path, 0o400) as after:
        sealer = Sealer(after, landing.zone_key(tokens.new))
        for frame in open_frames(before, landing.zone_key(tokens.old)):
            sealer.write(frame)
        sealer.finish()


def _rewrite(path: Place, tokens: TokenMap) -> None:
    rows = vault.read_block(path, vault.zone_key(tokens.old))
    vault.write_block(path, under(rows, tokens.new), vault.zone_key(tokens.new))


def files_left(tokens: TokenMap) -> list[str]:
    """Say how many files are not sealed with the new key."""
    landed = sum(not is_sealed_with(path, landing.zone_key(tokens.new)) for path in _landed())
    kept = sum(not is_sealed_with(path, vault.zone_key(tokens.new)) for path in vault.blocks())
    return [f"{zone}: {count} files" for zone, count in (("landing", landed), ("vault", kept)) if count]
