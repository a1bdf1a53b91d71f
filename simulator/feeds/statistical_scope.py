"""The statistics office's monthly list of enterprises: a hand-made workbook with subtotals and names without a code."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from simulator import reference
from simulator.calendar import as_date, date_texts
from simulator.district import District
from simulator.feeds.base import Feed, Slot
from simulator.firms import park_name
from simulator.frame import IGNORED, Frame, clean
from simulator.layout import Layout
from simulator.rng import Ints, uniform
from simulator.rowdefects import BY_NAME, REFORMATTED, RowDefect, blank, code_defects, constant, name_defects
from simulator.text import choose, join, pick, replace
from simulator.workbook import DATE_MARK

_SUBTOTAL, _TOTAL = -2, -3


def _order(district: District, day: int) -> Ints:
    """Return firm positions by sector, -2 after each sector for its subtotal and -3 at the end for the total."""
    firms = district.firms
    next_month = day + 31
    listed = np.flatnonzero(firms.listed & (firms.listed_month <= next_month))
    parts: list[Ints] = []
    for sector in range(len(reference.SECTORS)):
        parts += [listed[firms.sector[listed] == sector], np.array([_SUBTOTAL])]
    return np.concatenate([*parts, np.array([_TOTAL])])


def _months(days: Ints, seed: int, firm: Ints) -> pa.Array:
    """Return 2020-02, or a real Excel date in every seventh row."""
    text = date_texts(days)
    return choose(uniform(seed, "excel month", firm) < 0.15, join(pa.scalar(DATE_MARK), text), pick_months(text))


def pick_months(text: pa.Array) -> pa.Array:
    """Return the year and month of ISO dates."""
    return pc.utf8_slice_codeunits(text, 0, 7)


def build(district: District, day: int) -> Frame:
    """Return the list of the month that begins on that day, with its subtotal rows."""
    firms = district.firms
    firm = _order(district, day)
    real = firm >= 0
    safe = np.where(real, firm, 0)
    index = pa.array(safe)
    facts = {"firm": firm, "sector": firms.sector[safe], "slot": np.zeros(len(firm), dtype=np.int64)}
    facts |= {"above": firms.above_scale[safe].astype(np.int64), "month": firms.listed_month[safe], "id": firm}
    columns = {
        "单位名称": firms.name.take(index),
        "统一社会信用代码": firms.uscc.take(index),
        "专业": pick(reference.SECTORS, firms.sector[safe]),
        "是否规上": choose(firms.above_scale[safe], "是", "否"),
        "在库年月": _months(firms.listed_month[safe], district.seed, safe),
        "园区": park_name(firms.park[safe]),
    }
    sums = np.flatnonzero(~real)
    for name in list(columns)[1:]:
        columns[name] = replace(columns[name], sums, [None] * len(sums))
    columns["单位名称"] = replace(
        columns["单位名称"], sums, ["合计" if firm[row] == _TOTAL else "小计" for row in sums]
    )
    columns["园区"] = replace(columns["园区"], sums, _totals(firm, sums))
    return clean(columns, facts).with_reason(sums, IGNORED)


def _totals(firm: Ints, sums: Ints) -> list[str | None]:
    """Return the counts that stand in the subtotal rows."""
    before = -1
    texts: list[str | None] = []
    for row in sums.tolist():
        texts.append(str(int((firm >= 0).sum()) if firm[row] == _TOTAL else row - before - 1))
        before = row
    return texts


def days(district: District, through: int) -> list[int]:
    """Return the first day of each month from the one in which the run starts."""
    first = as_date(district.first_day).replace(day=1)
    months = [day for day in range(district.first_day - 40, through + 1) if as_date(day).day == 1]
    return [day for day in months if as_date(day) >= first]


def _chinese_month(text: str, _: float) -> str:
    """Write 2020年2月."""
    return f"{text[:4]}年{int(text[5:7])}月"


def _excel_month(text: str, _: float) -> str:
    """Write the first day of the month as an Excel date."""
    return f"{DATE_MARK}{text}-01"


FEED = Feed(
    name="statistical_scope",
    sender="module",
    layout=Layout(
        "xlsx",
        ("单位名称", "统一社会信用代码", "专业", "是否规上", "在库年月", "园区"),
        titles=("2020年统计在库单位名录",),
        merged=True,
    ),
    slots=(Slot(0, "statistical_scope_{day}.xlsx", 9 * 60),),
    days=days,
    build=build,
    defects=(
        *code_defects("统一社会信用代码", named=True),
        *name_defects("单位名称", "统一社会信用代码"),
        RowDefect("no_code", "统一社会信用代码", 0.02, blank, BY_NAME),
        RowDefect("sector_unknown", "专业", 0.0008, constant("农业", "待定"), "VALUE_NOT_ALLOWED"),
        RowDefect("sector_missing", "专业", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("flag_missing", "是否规上", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("month_chinese", "在库年月", 0.002, _chinese_month, mark=REFORMATTED),
        RowDefect("month_excel", "在库年月", 0.0, _excel_month, mark=REFORMATTED),
        RowDefect("month_text", "在库年月", 0.0008, constant("待补", "2020-13"), "DATE_INVALID"),
        RowDefect("month_missing", "在库年月", 0.0005, blank, "REQUIRED_MISSING"),
        RowDefect("flag_unknown", "是否规上", 0.0008, constant("√", "待核"), "VALUE_NOT_ALLOWED"),
    ),
    key_column="专业",
    alias=("统一社会信用代码", "统一代码"),
)
