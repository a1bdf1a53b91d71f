from __future__ import annotations

import io
import os
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from resumption.contracts import load_feed
from resumption.ops import DeliveryRow
from resumption.sources import Source, SourceError, SourceRefusedError, open_source
from resumption.sources.base import SHANGHAI, Offer, safe_name
from resumption.sources.sftp import FileNames
from tests.sources.senders import HOST_KEYS, Kept, SftpSender

THROUGH = date(2020, 2, 25)
Connect = Callable[..., str]


def opened(sftp: SftpSender, connect: Connect, feed: str = "enterprise_power", **extra: object) -> Source:
    contract = load_feed(feed)
    settings = {"host_key": sftp.host_key, **extra}
    connect(
        contract.source.connection,
        conn_type="sftp",
        host="127.0.0.1",
        port=sftp.port,
        login="district",
        password="a-password",
        extra={key: value for key, value in settings.items() if value is not None},
    )
    return open_source(contract)


@pytest.fixture
def source(sftp: SftpSender, connect: Connect) -> Iterator[Source]:
    source = opened(sftp, connect)
    yield source
    source.close()


def test_offers_finished_files_of_its_feed_that_are_due(sftp: SftpSender, source: Source) -> None:
    sftp.drop("20200225", "enterprise_power_20200224.csv", b"b", 7)
    sftp.drop("20200226", "enterprise_power_20200225_2.csv", b"c")
    sftp.drop("20200226", "enterprise_power_20200226.csv", b"not due")
    sftp.drop("20200225", "household_power_20200224.parquet", b"another feed")
    sftp.drop("20200225", "enterprise_power_20200223.csv", b"being written", control="")
    sftp.drop("20200204", "enterprise_power_history_202001.csv", b"h")
    sftp.drop("20200217", "enterprise_power_history_202002.csv", b"h")
    sftp.drop("tmp", "enterprise_power_20200224.csv", b"no dated folder")
    offers = source.offers(THROUGH, [])
    assert [(o.name, o.business_date.isoformat()) for o in offers] == [
        ("enterprise_power_history_202001.csv", "2020-01-31"),
        ("enterprise_power_history_202002.csv", "2020-02-16"),
        ("enterprise_power_20200224.csv", "2020-02-24"),
        ("enterprise_power_20200225_2.csv", "2020-02-25"),
    ]
    assert offers[2].published_at == datetime(2020, 2, 25, tzinfo=SHANGHAI)
    assert (offers[2].declared_rows, offers[2].declared_size, offers[2].sender) == (7, 1, "grid_sftp")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"0123,2020-02-01,5\n0123,2020-02-09,5\n0123,2020-01-31,5\n", "2020-02-09"),
        (b"0123,20200201,5\n0123,20200205,5\n", "2020-02-05"),
        (b"33020200213,2020/02/04,5\n", "2020-02-04"),
        (b"0123,2020-02-29,5\n0123,2020-02-03,5\n", "2020-02-03"),
        (b"no date at all\n", "2020-02-16"),
        (b"x" * (1 << 18) + b",2020-02-07\n" * 3, "2020-02-07"),
        (b"x" * ((1 << 18) - 5) + b",2020-02-07\n", "2020-02-07"),
    ],
)
@pytest.mark.parametrize("piece", [1 << 18, 7])
def test_a_month_of_history_ends_on_the_last_day_it_speaks_of(content: bytes, expected: str, piece: int) -> None:
    days = FileNames("enterprise_power").days("enterprise_power_history_202002.csv")
    assert days is not None
    for start in range(0, len(content), piece):
        days.see(content[start : start + piece])
    assert str(days.last(date(2020, 2, 16))) == expected


def parquet(*days: str, as_text: bool) -> bytes:
    written = [day if as_text else date.fromisoformat(day) for day in days]
    table = pa.table({"meter": ["m"] * len(days), "date": pa.array(written), "kwh": [1.0] * len(days)})
    pq.write_table(table, sink := io.BytesIO(), row_group_size=2)
    return sink.getvalue()


@pytest.mark.parametrize("as_text", [True, False])
def test_a_month_in_parquet_tells_its_last_day_in_its_footer(as_text: bool) -> None:
    days = FileNames("household_power").days("household_power_history_202002.parquet")
    assert days is not None
    content = parquet("2020-02-01", "2020-02-09", "2020-02-03", "2020-02-02", as_text=as_text)
    for start in range(0, len(content), 100):
        days.see(content[start : start + 100])
    assert days.last(date(2020, 2, 16)) == date(2020, 2, 9)


@pytest.mark.parametrize("damaged", [b"", b"no Parquet", parquet("2020-02-01", as_text=False)[:-9]])
def test_a_damaged_month_in_parquet_ends_where_its_name_says(damaged: bytes) -> None:
    days = FileNames("household_power").days("household_power_history_202002.parquet")
    assert days is not None
    days.see(damaged)
    assert days.last(date(2020, 2, 16)) == date(2020, 2, 16)


def test_history_is_offered_from_the_first_of_its_month(sftp: SftpSender, source: Source, kept: Kept) -> None:
    sftp.drop("20200217", "enterprise_power_history_202002.csv", b"0123,2020-02-09,5\n")
    assert source.offers(date(2020, 1, 31), []) == []
    [offer] = source.offers(date(2020, 2, 1), [])
    assert source.fetch(offer, kept).last_day == date(2020, 2, 9)


def test_fetches_the_bytes_as_dropped(sftp: SftpSender, source: Source, kept: Kept) -> None:
    body = os.urandom(3_000_000)
    sftp.drop("20200225", "enterprise_power_20200224.csv", body)
    [offer] = source.offers(THROUGH, [])
    fetched = source.fetch(offer, kept)
    assert (fetched.sha256, fetched.size) == (offer.declared_sha256, len(body))
    assert kept == body


@pytest.mark.parametrize("control", ["garbage\n", "0123 5\n", f"{'a' * 64}\n", f"{'a' * 64} many\n"])
def test_an_unusable_control_file_is_said_with_the_offer(sftp: SftpSender, source: Source, control: str) -> None:
    sftp.drop("20200225", "enterprise_power_20200224.csv", b"b", control=control)
    [offer] = source.offers(THROUGH, [])
    assert (offer.problem, offer.declared_sha256, offer.declared_rows) == ("CONTROL_FILE_INVALID", None, None)


def test_a_file_that_went_away_is_an_error_for_a_later_attempt(sftp: SftpSender, source: Source, kept: Kept) -> None:
    sftp.drop("20200225", "enterprise_power_20200224.csv", b"b")
    [offer] = source.offers(THROUGH, [])
    (sftp.root / "outbox/20200225/enterprise_power_20200224.csv").unlink()
    with pytest.raises(SourceError, match=r"grid_sftp: get .*no longer there"):
        source.fetch(offer, kept)


def test_a_broken_connection_is_opened_again(sftp: SftpSender, source: Source) -> None:
    sftp.drop("20200225", "enterprise_power_20200224.csv", b"b")
    assert len(source.offers(THROUGH, [])) == 1
    source._client.get_channel().get_transport().close()  # type: ignore[attr-defined]
    assert len(source.offers(THROUGH, [])) == 1


def received(offer: Offer, **changed: object) -> DeliveryRow:
    row = {
        "delivery_id": offer.name,
        "feed": offer.feed,
        "business_date": offer.business_date,
        "name": offer.name,
        "published_at": offer.published_at,
        "received_at": datetime.now(UTC) + timedelta(minutes=10),
        "size_bytes": offer.declared_size,
        "outcome": "accepted",
        **changed,
    }
    return DeliveryRow(**row)  # type: ignore[arg-type]


def test_a_folder_of_known_files_costs_one_listing(sftp: SftpSender, source: Source) -> None:
    for day in range(10, 25):
        sftp.drop("20200225", f"enterprise_power_202002{day}.csv", b"b")
    known = [received(offer) for offer in source.offers(THROUGH, [])]
    sftp.requests.clear()
    assert source.offers(THROUGH, known) == []
    # The server looks at the folders themselves when it lists them.
    looked_at = sftp.requests.pop("stat", 0)
    assert sftp.requests == {"list /outbox": 1, "list /outbox/20200225": 1}
    assert looked_at < 15


@pytest.mark.parametrize(
    "changed",
    [{"size_bytes": 99}, {"outcome": "rejected"}, {"received_at": datetime(2020, 2, 25, tzinfo=UTC)}],
    ids=["other size", "rejected", "written since"],
)
def test_a_known_file_that_may_have_changed_is_looked_at_again(
    sftp: SftpSender, source: Source, changed: dict[str, object]
) -> None:
    sftp.drop("20200225", "enterprise_power_20200224.csv", b"b")
    [offer] = source.offers(THROUGH, [])
    assert source.offers(THROUGH, [received(offer, **changed)]) == [offer]


def test_refuses_a_server_with_another_key(sftp: SftpSender, connect: Connect) -> None:
    with pytest.raises(SourceRefusedError, match="grid_sftp: the server shows another host key"):
        opened(sftp, connect, host_key=sftp.other_key).offers(THROUGH, [])


@pytest.mark.parametrize("kind", HOST_KEYS)
def test_checks_keys_of_any_kind(sftp: SftpSender, connect: Connect, kind: str) -> None:
    source = opened(sftp, connect, host_key=sftp.host_keys[kind])
    assert source.offers(THROUGH, []) == []
    source.close()


def test_refuses_a_server_whose_key_is_not_known(
    sftp: SftpSender, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    with pytest.raises(SourceRefusedError, match="host key is not known"):
        opened(sftp, connect, host_key=None).offers(THROUGH, [])


def test_takes_the_key_from_known_hosts(
    sftp: SftpSender, connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/known_hosts").write_text(f"[127.0.0.1]:{sftp.port} {sftp.host_key}\n")
    assert opened(sftp, connect, host_key=None).offers(THROUGH, []) == []


@pytest.mark.parametrize("host_key", ["ssh-ed25519", "ssh-dss AAAA", "ssh-rsa AAAA", "ssh-ed25519 no+base64=="])
def test_an_unusable_host_key_is_named(sftp: SftpSender, connect: Connect, host_key: str) -> None:
    with pytest.raises(SourceRefusedError, match="connection grid_sftp: it cannot be used"):
        opened(sftp, connect, host_key=host_key).offers(THROUGH, [])


@pytest.mark.parametrize("option", ["no_host_key_check", "ignore_hostkey_verification", "allow_host_key_change"])
def test_refuses_a_connection_that_trusts_any_server(sftp: SftpSender, connect: Connect, option: str) -> None:
    with pytest.raises(SourceRefusedError, match=f"`{option}` switches off"):
        opened(sftp, connect, host_key=None, **{option: "true"}).offers(THROUGH, [])


def test_refuses_a_wrong_login(sftp: SftpSender, connect: Connect) -> None:
    source = opened(sftp, connect)
    connect(
        "grid_sftp",
        conn_type="sftp",
        host="127.0.0.1",
        port=sftp.port,
        login="district",
        password="another",
        extra={"host_key": sftp.host_key, "look_for_keys": "false"},
    )
    with pytest.raises(SourceRefusedError, match="does not accept the login"):
        source.offers(THROUGH, [])


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("carrier_mobile_20200224.txt", "2020-02-24"),
        ("carrier_mobile_20200224_3.txt", "2020-02-24"),
        ("carrier_mobile_20200224_undo.txt", "2020-02-24"),
        ("carrier_mobile_20200224_2_undo.txt", "2020-02-24"),
        ("carrier_mobile_history_201912.txt", "2019-12-31"),
        ("carrier_mobile_history_202002.txt", "2020-02-24"),
        ("carrier_mobile_20200231.txt", None),
        ("carrier_mobile_history_20200224.txt", None),
        ("carrier_mobile_20200224.txt.ok", None),
        ("carrier_mobile_20200224.ok", None),
        ("carrier_mobile_20200224.tmp", None),
        ("carrier_mobile_2020022.txt", None),
        ("xcarrier_mobile_20200224.txt", None),
        ("carrier_mobile_20200224/../x.txt", None),
        ("carrier_mobile_20200224", None),
    ],
)
def test_business_date_in_a_name(name: str, expected: str | None) -> None:
    found = FileNames("carrier_mobile").business_date(name, date(2020, 2, 25))
    assert (found and found.isoformat()) == expected


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\\b", "a\nb", "a\0b", "x" * 300])
def test_names_that_leave_their_folder_are_not_safe(name: str) -> None:
    assert not safe_name(name)
