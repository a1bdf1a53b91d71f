"""Run in a worker's container: empty lake, landing zone and vault, and make the tables of a new warehouse."""

from resumption import ops, settings, storage
from resumption.warehouse import create_all

store = storage.filesystem()
for zone in (settings.lake_url(), str(settings.landing_path()), str(settings.vault_path())):
    if store.exists(zone):
        store.rm(zone, recursive=True)
create_all(ops.engine())
