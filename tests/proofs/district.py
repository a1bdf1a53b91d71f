"""What the proofs deliver: a dozen enterprises through two days as their senders write them, with the usual defects."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np

from resumption.contracts import SHANGHAI, FeedContract, load_feed
from resumption.ops import DeliveryRow
from resumption.sources import FetchedFile, Offer, Sink
from resumption.sources.base import in_delivery_order
from simulator.codes import phones, usccs

SNAPSHOT, FIRST, LAST = date(2020, 2, 23), date(2020, 2, 24), date(2020, 2, 25)
DAYS = [FIRST, LAST]
CODES: list[str] = usccs(np.arange(14), ["91330108"], np.zeros(14, int)).to_pylist()
PHONES: list[str] = phones(np.arange(40)).to_pylist()
NEW, UNKNOWN = 12, 13
"""An enterprise registered on the last day only, and one the registry never hears of."""


@dataclass(frozen=True)
class Sent:
    """One delivery: the offer and its bytes, which are ``head`` and ``rows``."""

    offer: Offer
    head: bytes
    rows: tuple[bytes, ...]
    last_day: date | None = None
    may_be_split: bool = True

    @property
    def data(self) -> bytes:
        return self.head + b"".join(self.rows)

    def parts(self, cut: int) -> list[Sent]:
        """Return the same rows as two files of a sequence."""
        stem, _, kind = self.offer.name.rpartition(".")
        halves = (self.rows[:cut], self.rows[cut:])
        return [_sealed(replace(self, rows=rows), f"{stem}_{n}.{kind}") for n, rows in enumerate(halves, start=11)]


def _sealed(sent: Sent, name: str) -> Sent:
    """Return a delivery under a name, with what its sender declares of it."""
    data = sent.data
    pull = sent.offer.sender == "registry_api"
    declared = {} if pull else {"declared_sha256": hashlib.sha256(data).hexdigest(), "declared_rows": len(sent.rows)}
    return replace(sent, offer=replace(sent.offer, name=name, locator=f"{name} {sent.offer.published_at}", **declared))


class Desk:
    """A sender of one feed, which has what is put on offer; `pipeline.land` asks it as it asks a real one."""

    def __init__(self, sent: Iterable[Sent]) -> None:
        self.problems: list[str] = []
        self._sent = {one.offer.locator: one for one in sent}

    def offers(self, through: date, known: Sequence[DeliveryRow]) -> list[Offer]:
        """Return what is due, in delivery order."""
        return in_delivery_order(one.offer for one in self._sent.values() if one.offer.business_date <= through)

    def fetch(self, offer: Offer, into: Sink) -> FetchedFile:
        """Write the bytes of an offer, in pieces."""
        sent = self._sent[offer.locator]
        into.restart()
        for start in range(0, len(sent.data), 500):
            into.write(sent.data[start : start + 500])
        rows = json.loads(sent.data)[0]["total"] if offer.sender == "registry_api" else None
        return FetchedFile(hashlib.sha256(sent.data).hexdigest(), len(sent.data), rows, sent.last_day)

    def close(self) -> None:
        """Nothing is open."""


def desk(sent: Iterable[Sent], contract: FeedContract) -> Desk:
    """Return the sender of a feed."""
    return Desk(one for one in sent if one.offer.feed == contract.name)


# What they send


def _sent(feed: str, day: date, name: str, head: bytes, rows: Sequence[bytes], at: int, **more: Any) -> Sent:
    """Return a delivery published ``at`` hours after the start of its day."""
    published = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(hours=at)
    offer = Offer(
        feed=feed, sender=load_feed(feed).source.connection, business_date=day, name=name, published_at=published,
        locator="",
    )  # fmt: skip
    return _sealed(Sent(offer, head, tuple(rows), **more), name)


def _json(rows: Iterable[Mapping[str, Any]]) -> list[bytes]:
    return [json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows]


def _lines(text: str, encoding: str = "utf-8", end: str = "\n") -> tuple[bytes, list[bytes]]:
    """Return the header and the rows of a delimited file."""
    head, *rows = (f"{line.strip()}{end}".encode(encoding) for line in text.strip().split("\n"))
    return head, rows


def _name(firm: int) -> str:
    return f"示例{firm}号科技有限公司"


def _registry() -> list[Sent]:
    def entity(firm: int, **changed: Any) -> dict[str, Any]:
        row = {
            "uscc": CODES[firm], "reg_no": None, "name": _name(firm), "entity_type": "有限责任公司", "status": "存续",
            "established_on": "2016-05-04", "registered_capital": "100万元人民币",
            "industry_code": ["I6510", "C3911", "H6210"][firm % 3], "address": f"滨江区长河街道江汉路{firm}号",
            "subdistrict": ["长河街道", "西兴街道"][firm % 2], "park_code": None, "legal_representative": "测试甲",
            "contact_name": "测试乙", "contact_phone": PHONES[30],
        }  # fmt: skip
        return row | changed

    def pull(name: str, day: date, items: Sequence[dict[str, Any]]) -> Sent:
        page = {"business_date": f"{day}", "total": len(items), "items": items, "next_cursor": None}
        body = json.dumps([page], ensure_ascii=False).encode()
        return _sent("market_registry", day, name, body, [], 24, may_be_split=False)

    moved = entity(3, subdistrict="浦沿街道", change_type="变更", changed_on=f"{FIRST}")
    closed = entity(11, status="注销", change_type="注销", changed_on=f"{LAST}")
    new = entity(NEW, change_type="新设", changed_on=f"{LAST}")
    full = [entity(firm) for firm in range(12)]
    return [pull("entities", SNAPSHOT, full), pull("changes", FIRST, [moved]), pull("changes", LAST, [closed, new])]


def _scope() -> Sent:
    from openpyxl import Workbook

    book = Workbook()
    sheet = book.active
    assert sheet is not None
    sheet.append(["规上及统计范围企业名单"])
    sheet.append(["单位名称", "统一社会信用代码", "专业", "是否规上", "在库年月", "园区"])
    for firm in range(12):
        code = "" if firm == 4 else CODES[firm]
        sheet.append([_name(firm), code, ["服务业", "工业", "住宿餐饮"][firm % 3], "是", "2020-02", ""])
    sheet.append(["合计", "12", "", "", "", ""])
    out = io.BytesIO()
    book.save(out)
    sent = _sent("statistical_scope", date(2020, 2, 1), "statistical_scope_20200201.xlsx", out.getvalue(), [], 20)
    return replace(sent, may_be_split=False, offer=replace(sent.offer, declared_rows=13))


def _reports() -> list[Sent]:
    def report(number: int, firm: int, at: str, **changed: Any) -> dict[str, Any]:
        row = {
            "report_id": f"R{number}", "uscc": CODES[firm], "enterprise_name": _name(firm),
            "planned_resume_date": "2020-02-17", "actual_resume_date": "2020-02-18", "staff_total": 20 + firm,
            "staff_onsite": 10, "staff_remote": 4, "staff_in_key_region": 1, "prevention_plan": True,
            "contact_name": "测试丙", "contact_phone": PHONES[31], "submitted_at": at, "supersedes": None,
        }  # fmt: skip
        return row | changed

    morning = [report(firm, firm, f"{FIRST}T09:00:00+08:00") for firm in range(9)]
    morning[2]["uscc"] = CODES[2].replace("1", "I", 1)  # repaired by the registry and the name
    morning[5]["planned_resume_date"] = "2.1"
    noon = [
        report(21, 1, f"{FIRST}T15:00:00+08:00", staff_onsite=18, supersedes="R1"),
        report(22, 6, f"{FIRST}T15:05:00+08:00", staff_onsite=500),
        report(23, UNKNOWN, f"{FIRST}T15:06:00+08:00"),
    ]
    after = [
        report(31, 1, f"{LAST}T09:00:00+08:00", staff_onsite=12),
        report(32, NEW, f"{LAST}T09:30:00+08:00"),
        report(33, 9, f"{LAST}T09:31:00+08:00", actual_resume_date=None),
    ]
    return [
        _sent("self_reports", FIRST, "09.jsonl", b"", _json(morning), 10),
        _sent("self_reports", FIRST, "15.jsonl", b"", _json(noon), 16),
        _sent("self_reports", LAST, "09.jsonl", b"", _json(after), 10),
    ]


def _approvals() -> list[Sent]:
    def event(number: int, firm: int, what: str, at: str, **changed: Any) -> dict[str, Any]:
        row = {
            "application_id": f"A{number}", "uscc": CODES[firm], "level": "区", "white_list": firm == 0,
            "applied_at": "2020-02-20 10:00:00", "planned_resume_date": "2020-02-24", "event": what, "event_at": at,
        }  # fmt: skip
        return row | changed

    first = [event(firm, firm, "通过", f"{FIRST} 09:00:00") for firm in range(10)]
    first[7]["event"] = "批准"
    again = [
        event(2, 2, "撤销", f"{FIRST} 17:00:00"),
        event(3, 3, "申请", f"{FIRST} 09:00:00"),
        event(40, NEW, "申请", f"{FIRST} 17:30:00"),
    ]
    last = [event(2, 2, "通过", f"{LAST} 10:00:00"), event(40, NEW, "通过", f"{LAST} 10:00:00")]
    return [
        _sent("approvals", FIRST, "approvals_20200224.jsonl", b"", _json(first), 23),
        _sent("approvals", FIRST, "approvals_20200224_2.jsonl", b"", _json(again), 40),
        _sent("approvals", LAST, "approvals_20200225.jsonl", b"", _json(last), 23),
    ]


_CHECKIN = "统一社会信用代码,工号,手机号,健康码,体温,测温时间,打卡地点,症状"


def _checkins() -> list[Sent]:
    def half(day: date, name: str, at: int, firms: Iterable[int]) -> Sent:
        rows = [
            f"{CODES[firm]},E{n},{PHONES[(3 * firm + n) % 30]},{'红' if (firm, n) == (2, 1) else '绿'},36.{n},"
            f"{day} {at - 1:02d}:00:00,厂区,"
            for firm in firms
            for n in range(1 + firm % 3)
        ]
        rows.insert(2, f"{CODES[1]},E9,1540000,绿,36.5,{day} 08:00:00,厂区,")
        rows.insert(4, f"{CODES[2]},E8,{PHONES[5][:3]}****{PHONES[5][7:]},绿,36.5,{day} 08:00:00,厂区,")
        head, lines = _lines("\n".join([_CHECKIN, *rows]))
        return _sent("checkins", day, name, b"\xef\xbb\xbf" + head, [*lines[:3], b"\n", *lines[3:]], at)

    cut = half(LAST, "pm.csv", 17, range(6))
    broken = replace(cut, rows=cut.rows[:2], may_be_split=False)
    broken = replace(broken, offer=replace(broken.offer, declared_sha256=hashlib.sha256(broken.data).hexdigest()))
    return [
        half(FIRST, "am.csv", 11, [*range(8), NEW]),
        half(FIRST, "pm.csv", 17, range(4)),
        half(LAST, "am.csv", 11, [*range(5), NEW, UNKNOWN]),
        broken,
    ]


def _power() -> list[Sent]:
    head = "户号,计量点,户名,用电地址,行业,电压等级,日期,电量,倍率,采集状态"

    def row(account: int, day: date, kwh: object, state: str = "正常") -> str:
        return f"33010800{account:02d},01,{_name(account)},滨江区,制造业,交流10kV,{day},{kwh},10,{state}"

    def sent(name: str, day: date, at: int, rows: Sequence[str], **more: Any) -> Sent:
        return _sent("enterprise_power", day, name, *_lines("\n".join([head, *rows])), at, **more)

    december = [date(2019, 12, 1) + timedelta(days=n) for n in range(31)]
    history = [row(account, day, 10 + account) for account in range(6) for day in december]
    first = [row(account, FIRST, 9 + account) for account in range(5)] + [row(5, FIRST, "", "缺失")]
    last = [row(account, LAST, 3 * account) for account in range(5)] + [row(5, LAST, "无")]
    return [
        sent("enterprise_power_history_201912.csv", december[-1], 9, history, last_day=december[-1]),
        sent("enterprise_power_20200224.csv", FIRST, 33, first),
        sent("enterprise_power_20200225.csv", LAST, 33, last),
    ]


def _accounts() -> Sent:
    rows = [
        f"33010800{account:02d},{CODES[account]},{_name(account)},{'共用' if account == 3 else '独享'},2018-01-01,"
        for account in range(6)
    ]
    head, lines = _lines("\n".join(["户号,统一社会信用代码,户名,关系,起,止", *rows, rows[0].replace("独享", "借用")]))
    return _sent("meter_accounts", FIRST, "meter_accounts_20200224.csv", head, lines, 12)


def _carrier() -> list[Sent]:
    head = "手机号|归属地|到访省市|到访开始|到访结束|返杭时间|停留小时"

    def stay(person: int, place: str, begin: str, end: str) -> str:
        return f"{PHONES[person]}|浙江杭州|{place}|{begin} 09:00:00|{end} 20:00:00|2020-02-19 08:00:00|120"

    def sent(name: str, day: date, at: int, *rows: str) -> Sent:
        lines = _lines("\n".join([head, *rows]), "gb18030", "\r\n")
        return _sent("carrier_mobile", day, name, *lines, at, may_be_split=at == 31)

    wuhan = stay(1, "湖北省武汉市", "2020-02-10", "2020-02-17")
    wenzhou = stay(2, "浙江温州", "2020-02-11", "2020-02-18")
    xiaogan = stay(3, "湖北孝感", "2020-02-12", "2020-02-18")
    nowhere = stay(4, "某某市", "2020-02-12", "2020-02-18")
    return [
        sent("carrier_mobile_20200224.txt", FIRST, 30, wuhan, wuhan.replace(PHONES[1], PHONES[7])),
        sent("carrier_mobile_20200224.txt", FIRST, 54, wuhan, wenzhou, xiaogan, nowhere),
        sent("carrier_mobile_20200224_undo.txt", FIRST, 55, xiaogan),
        sent("carrier_mobile_20200225.txt", LAST, 31, xiaogan.replace("孝感", "黄冈"), wuhan, wenzhou),
    ]


def _identity(person: int) -> str:
    """Return an identity number of an area that does not exist, for a person 0 to 9."""
    body = f"9901081988021400{person}"
    weights = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2]
    return body + "10X98765432"[sum(int(d) * w for d, w in zip(body, weights, strict=True)) % 11]


def _persons() -> list[Sent]:
    head = (
        "统一社会信用代码,姓名,证件类型,证件号,手机号,户籍地,现住址,来杭方式,车次,途径地址,返杭日期,"
        "是否接触,症状,申报时间"
    )

    def declared(firm: int, person: int, at: str, **changed: str) -> str:
        number, road = changed.get("number", _identity(person)), changed.get("road", "江西省南昌市")
        return (
            f"{CODES[firm]},甲甲,身份证,{number},{PHONES[person]},湖北省,杭州市滨江区长河街道长江社区1幢,火车,G590,"
            f"{road},2020-02-20,否,无,{at}"
        )

    def code(person: int, colour: str, at: str) -> dict[str, Any]:
        return {
            "id_type": "身份证", "id_no": _identity(person), "phone": PHONES[person], "colour": colour, "reason": "",
            "since": "2020-02-20 08:00:00", "updated_at": at,
        }  # fmt: skip

    rows = [declared(person % 5, person, f"{FIRST} 09:0{person}:00") for person in range(8)]
    rows += [declared(1, 8, f"{FIRST} 10:00:00", number="9.90108E+17"), declared(UNKNOWN, 2, f"{FIRST} 11:00:00")]
    later = [declared(1, 1, f"{LAST} 09:00:00", road="湖北省武汉市"), declared(NEW, 3, f"{LAST} 09:00:00")]
    codes = [code(person, "green", f"{FIRST} 08:00:00") for person in range(7)] + [code(3, "blue", f"{FIRST} 08:00:00")]
    changes = [code(1, "red", f"{LAST} 08:00:00"), code(1, "yellow", f"{LAST} 07:00:00")]
    feed = "health_declarations"
    return [
        _sent(feed, FIRST, f"{feed}_20200224.csv", *_lines("\n".join([head, *rows])), 22),
        _sent(feed, LAST, f"{feed}_20200225.csv", *_lines("\n".join([head, *later])), 22),
        _sent("health_codes", FIRST, "health_codes_20200224.jsonl", b"", _json(codes), 22),
        _sent("health_codes", LAST, "health_codes_20200225.jsonl", b"", _json(changes), 22),
    ]


def _cases() -> Sent:
    head, rows = _lines(f"""
        date,province,province_code,city,city_code,confirmed,suspected,cured,dead
        {FIRST},湖北省,420000,武汉市,420100,47441,0,9885,2085
        {FIRST},浙江省,330000,温州市,330300,504,,304,1
        {FIRST},湖北省,420000,外地来鄂,,12,0,0,0
    """)
    return _sent("city_cases", FIRST, "city_cases_20200224.csv", head, rows, 12)


@cache
def deliveries() -> tuple[Sent, ...]:
    """Return everything that is ever sent."""
    return (
        *_registry(), _scope(), *_reports(), *_approvals(), *_checkins(), *_power(), _accounts(), *_carrier(),
        *_persons(), _cases(),
    )  # fmt: skip
