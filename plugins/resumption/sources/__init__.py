"""How bytes arrive: the three transports of the senders, each found through an Airflow connection."""

from __future__ import annotations

from typing import TYPE_CHECKING

from resumption.sources.base import (
    FetchedFile,
    IncompletePullError,
    Offer,
    Sink,
    Source,
    SourceError,
    SourceRefusedError,
)

if TYPE_CHECKING:
    from resumption.contracts.feed import FeedContract

__all__ = [
    "FetchedFile",
    "IncompletePullError",
    "Offer",
    "Sink",
    "Source",
    "SourceError",
    "SourceRefusedError",
    "open_source",
]


def open_source(contract: FeedContract) -> Source:
    """Return the source of a feed, from the Airflow connection that its contract names.

    Raises:
        SourceRefusedError: there is no such connection, or it lacks the token.
    """
    kind = contract.source.kind
    if kind == "sftp":
        from resumption.sources.sftp import SftpDrop

        return SftpDrop(contract)
    if kind == "export":
        from resumption.sources.http_export import HttpExport

        return HttpExport(contract)
    from resumption.sources.http_api import HttpApi

    return HttpApi(contract)
