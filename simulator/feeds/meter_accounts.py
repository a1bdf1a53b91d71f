"""Which firm stands behind which electricity account: the grid company's hand-kept list, in full every Monday."""

import numpy as np
import pyarrow as pa

from simulator.calendar import NEVER, as_date, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot
from simulator.frame import Frame, clean
from simulator.layout import Layout
from simulator.meters import EXCLUSIVE
from simulator.rng import Ints, uniform
from simulator.rowdefects import (
    REFORMATTED,
    RowDefect,
    blank,
    broken_row,
    code_defects,
    compact,
    constant,
    name_defects,
    serial,
)
from simulator.text import pick

RELATIONS = ("独享", "共用", "转供")


def _rows(district: District) -> dict[str, Ints]:
    """Return holders and tenants, a few earlier holders, and a few accounts that are exclusive to two firms at once."""
    meters, seed = district.meters, district.seed
    accounts = np.arange(meters.count)
    begin = -(200 + (uniform(seed, "account from", accounts) * 1_500).astype(np.int64))
    exclusive = meters.relation == EXCLUSIVE
    moved = np.flatnonzero(exclusive & (uniform(seed, "moved", accounts) < 0.02))
    twice = np.flatnonzero(exclusive & (uniform(seed, "twice", accounts) < 0.005 * min(district.rates, 5.0)))
    neighbour = meters.firm[(accounts + 1) % meters.count]
    groups = [
        (accounts, meters.firm, meters.relation, begin, np.full(meters.count, NEVER)),
        (
            meters.tenant_account,
            meters.tenant_firm,
            meters.relation[meters.tenant_account],
            begin[meters.tenant_account],
            None,
        ),
        (moved, neighbour[moved], meters.relation[moved], begin[moved] - 900, begin[moved] - 1),
        (twice, neighbour[twice], meters.relation[twice], begin[twice] + 100, None),
    ]
    ends = [np.full(len(group[0]), NEVER) if group[4] is None else group[4] for group in groups]
    facts = {
        name: np.concatenate([group[place] for group in groups])
        for place, name in enumerate(("account", "firm", "relation", "begin"))
    }
    facts["end"] = np.concatenate(ends)
    order = np.lexsort((facts["begin"], facts["account"]))
    return {name: values[order] for name, values in facts.items()}


def build(district: District, day: int) -> Frame:
    """Return the list of that Monday."""
    facts = _rows(district)
    facts["slot"] = np.zeros(len(facts["firm"]), dtype=np.int64)
    facts["id"] = np.arange(len(facts["firm"]))
    firm = pa.array(facts["firm"])
    columns = {
        "户号": district.meters.account_no.take(pa.array(facts["account"])),
        "统一社会信用代码": district.firms.uscc.take(firm),
        "户名": district.firms.name.take(firm),
        "关系": pick(RELATIONS, facts["relation"]),
        "起": date_texts(facts["begin"]),
        "止": date_texts(facts["end"]),
    }
    return clean(columns, facts)


def days(district: District, through: int) -> list[int]:
    """Return the start and every Monday after it."""
    return [
        day
        for day in range(district.first_day, through + 1)
        if day == district.first_day or as_date(day).weekday() == 0
    ]


FEED = Feed(
    name="meter_accounts",
    sender="grid",
    layout=Layout("csv", ("户号", "统一社会信用代码", "户名", "关系", "起", "止")),
    slots=(Slot(0, "meter_accounts_{day}.csv", 9 * 60),),
    days=days,
    build=build,
    defects=(
        *code_defects("统一社会信用代码", named=True),
        *name_defects("户名", "统一社会信用代码"),
        RowDefect("date_serial", "起", 0.006, serial, mark=REFORMATTED),
        RowDefect("date_compact", "起", 0.006, compact, mark=REFORMATTED),
        RowDefect("begin_text", "起", 0.001, constant("不详", "2019-02-30"), "DATE_INVALID"),
        RowDefect("begin_missing", "起", 0.001, blank, "REQUIRED_MISSING"),
        RowDefect("end_text", "止", 0.02, constant("至今", "长期"), "DATE_INVALID"),
        RowDefect("relation_missing", "关系", 0.0005, blank, "REQUIRED_MISSING"),
        broken_row("户名", 0.0005),
        RowDefect("relation_unknown", "关系", 0.001, constant("自用", "合用"), "VALUE_NOT_ALLOWED"),
        RowDefect("account_missing", "户号", 0.001, blank, "REQUIRED_MISSING"),
    ),
    key_column="户号",
    alias=("统一社会信用代码", "统一代码"),
)
