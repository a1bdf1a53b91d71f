"""The market registry's interface: all entities as of a day, and the changes of a day."""

import numpy as np
import pyarrow as pa

from simulator import reference
from simulator.calendar import NEVER, date_texts
from simulator.district import District
from simulator.firms import park_code
from simulator.frame import REASONS, Frame, clean
from simulator.layout import Layout, json_texts
from simulator.rng import Ints
from simulator.rowdefects import (
    FOLDED,
    INVALID,
    RowDefect,
    apply_defects,
    blank,
    constant,
    full_width,
    phone_defects,
    wrong_check,
)
from simulator.text import blank_where, choose, pick

_COLUMNS = (
    "uscc",
    "reg_no",
    "name",
    "entity_type",
    "status",
    "established_on",
    "registered_capital",
    "industry_code",
    "address",
    "subdistrict",
    "park_code",
    "legal_representative",
    "contact_name",
    "contact_phone",
)
CHANGE_TYPES = ("新设", "变更", "注销")
FOUNDED, CHANGED, CLOSED = range(3)
SNAPSHOT = Layout("jsonl", (*_COLUMNS, "changed_on"))
CHANGES = Layout("jsonl", (*_COLUMNS, "change_type", "changed_on"))
DEFECTS = (
    *phone_defects("contact_phone", key=False, rate=0.2),
    RowDefect("uscc_missing", "uscc", 0.0, blank, "USCC_MISSING"),
    RowDefect("uscc_wrong_check", "uscc", 0.0, wrong_check, "USCC_INVALID"),
    RowDefect("uscc_full_width", "uscc", 0.0, full_width, mark=FOLDED),
    RowDefect("name_missing", "name", 0.0, blank, "REQUIRED_MISSING"),
    RowDefect("status_unknown", "status", 0.0, constant("异常", "在业"), "VALUE_NOT_ALLOWED"),
    RowDefect("status_missing", "status", 0.0, blank, "REQUIRED_MISSING"),
    RowDefect("established_text", "established_on", 0.0, constant("不详"), mark=INVALID),
    RowDefect("capital_text", "registered_capital", 0.0, constant("N/A", "50万美元")),
    RowDefect("subdistrict_missing", "subdistrict", 0.0, blank),
    RowDefect("park_missing", "park_code", 0.0, blank),
)
"""Damage to the registry's entities. Only contacts are damaged by chance: the registry is what all others are judged
by.
"""


def _last_change(district: District, firm: Ints, day: int) -> Ints:
    """Return the day of each entity's last change up to a day; NEVER without one."""
    firms = district.firms
    last = np.full(len(firm), -NEVER)
    for event in (firms.born, firms.changed, firms.closed):
        last = np.maximum(last, np.where(event[firm] <= day, event[firm], -NEVER))
    return np.where(last > -NEVER, last, NEVER)


def _columns(district: District, firm: Ints, day: int) -> dict[str, pa.Array]:
    firms = district.firms
    index = pa.array(firm)
    closed = firms.closed[firm] <= day
    status = choose(closed, pick(reference.CLOSED_STATUSES, firms.closed_status[firm]), "存续")
    return {
        "uscc": blank_where(firms.codeless[firm], firms.uscc.take(index)),
        "reg_no": firms.reg_no.take(index),
        "name": firms.name_at(day).take(index),
        "entity_type": pick(reference.ENTITY_TYPES, firms.entity_type[firm]),
        "status": status,
        "established_on": date_texts(firms.established[firm]),
        "registered_capital": firms.capital_at(day).take(index),
        "industry_code": firms.industry.take(index),
        "address": firms.address_at(day).take(index),
        "subdistrict": pick(reference.SUBDISTRICTS, np.where(firms.subdistrict_sent, firms.subdistrict, -1)[firm]),
        "park_code": park_code(firms.park[firm]),
        "legal_representative": firms.legal_name.take(index),
        "contact_name": firms.contact_name.take(index),
        "contact_phone": firms.phone_at(day).take(index),
        "changed_on": date_texts(_last_change(district, firm, day)),
    }


def _frame(district: District, firm: Ints, columns: dict[str, pa.Array], day: int) -> Frame:
    frame = clean(columns, {"firm": firm, "slot": np.zeros(len(firm), dtype=np.int64), "id": firm})
    frame = frame.with_reason(np.flatnonzero(district.firms.codeless[firm]), REASONS.index("USCC_MISSING"))
    # The same damage every day: the registry keeps a wrong phone until somebody mends it.
    return apply_defects(
        frame,
        DEFECTS,
        (district.seed, "registry", 0),
        district.rates,
        district.firms.ambiguous,
        district.firms.steady(),
    )


def snapshot(district: District, day: int) -> Frame:
    """Return all entities ever registered, in their state at the end of the day."""
    firm = np.flatnonzero(district.firms.born <= day)
    return _frame(district, firm, _columns(district, firm, day), day)


def changes(district: District, day: int) -> Frame:
    """Return what was founded, changed or closed on that day."""
    firms = district.firms
    groups = [np.flatnonzero(event == day) for event in (firms.born, firms.changed, firms.closed)]
    firm = np.concatenate(groups)
    kind = np.repeat(np.arange(3), [len(group) for group in groups])
    columns = _columns(district, firm, day)
    columns["change_type"] = pick(CHANGE_TYPES, kind)
    return _frame(district, firm, columns, day)


def texts(frame: Frame, layout: Layout) -> pa.Array:
    """Return one JSON object an entity."""
    return json_texts(frame, layout)
