"""Reason codes: why a row is in quarantine, or a delivery was rejected. One list, used everywhere."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Self


class _Reason(StrEnum):
    """A code, and what an operator tells the sender in English and in Chinese."""

    en: str
    zh: str

    def __new__(cls, code: str, en: str = "", zh: str = "") -> Self:
        made = str.__new__(cls, code)
        made._value_ = code
        made.en, made.zh = en, zh
        return made

    def meaning(self, lang: Literal["en", "zh"]) -> str:
        """Return what the code means."""
        return self.zh if lang == "zh" else self.en


class RowReason(_Reason):
    """Why a row was quarantined."""

    ROW_MALFORMED = (
        "ROW_MALFORMED",
        "more or fewer fields than the header, or not a JSON object",
        "字段数与表头不符，或不是 JSON 对象",
    )
    REQUIRED_MISSING = "REQUIRED_MISSING", "a key or decision column is blank", "关键字段或判断所需字段为空"
    USCC_MISSING = "USCC_MISSING", "no credit code, and no name to go by", "缺少统一社会信用代码，也没有可用的企业名称"
    USCC_INVALID = (
        "USCC_INVALID",
        "the credit code fails its check character (GB 32100)",
        "统一社会信用代码校验位不正确（GB 32100）",
    )
    USCC_BODY_INVALID = (
        "USCC_BODY_INVALID",
        "so does the organisation code inside (GB 11714): look it up, not only the end",
        "其中的组织机构代码校验也不正确（GB 11714），须整体核对",
    )
    USCC_UNKNOWN = (
        "USCC_UNKNOWN",
        "a valid credit code that the registry does not have",
        "代码格式正确，但企业登记中没有",
    )
    NAME_UNKNOWN = "NAME_UNKNOWN", "no active entity bears this name", "没有存续企业使用该名称"
    NAME_AMBIGUOUS = "NAME_AMBIGUOUS", "several active entities bear this name", "有多家存续企业使用该名称"
    PHONE_INVALID = "PHONE_INVALID", "not 11 digits beginning 13 to 19", "手机号不是 13 至 19 开头的 11 位数字"
    PHONE_MASKED = "PHONE_MASKED", "digits replaced by asterisks", "手机号部分数字被星号遮盖"
    ID_INVALID = (
        "ID_INVALID",
        "no number of that kind of document: length, date of birth or check digit (GB 11643)",
        "证件号不符合该类证件的规则：位数、出生日期或校验位（GB 11643）",
    )
    ID_ROUNDED = (
        "ID_ROUNDED",
        "a spreadsheet rounded the number: send it as text",
        "证件号被表格软件取整，请以文本格式报送",
    )
    UNDER_14 = (
        "UNDER_14",
        "born less than 14 years before the business date: such data may not be sent",
        "未满 14 周岁，不得报送",
    )
    PLACE_UNKNOWN = (
        "PLACE_UNKNOWN",
        "no prefecture of February 2020 bears this name",
        "没有该名称的地级行政区（2020 年 2 月）",
    )
    REGION_UNRESOLVED = (
        "REGION_UNRESOLVED",
        "a city without a code that was in force in February 2020",
        "城市没有 2020 年 2 月有效的行政区划代码",
    )
    DATE_INVALID = "DATE_INVALID", "not a date or time", "不是有效的日期或时间"
    DATE_AMBIGUOUS = (
        "DATE_AMBIGUOUS",
        "2.1, 2.2, 2.3: could be the 10th, 20th, 30th",
        "2.1、2.2、2.3 可能是 10 日、20 日、30 日",
    )
    DATE_OUT_OF_RANGE = "DATE_OUT_OF_RANGE", "more than 60 days from the business date", "与业务日期相差超过 60 天"
    NUMBER_INVALID = "NUMBER_INVALID", "not a number", "不是数字"
    VALUE_NOT_ALLOWED = "VALUE_NOT_ALLOWED", "not one of the contract's values", "不在约定的取值范围内"
    UNKNOWN_COLUMN = (
        "UNKNOWN_COLUMN",
        "a value in a column that the contract does not name, where it discards such rows",
        "约定之外的列带有数值，按约定不予接收",
    )


class FileReason(_Reason):
    """Why a whole delivery was rejected; the previous good data stays."""

    EMPTY = "EMPTY", "no rows at all", "文件为空"
    HEADER_ONLY = "HEADER_ONLY", "a header and no rows", "只有表头，没有数据"
    TRUNCATED = (
        "TRUNCATED",
        "fewer or more rows than declared, or a broken last line",
        "行数与申报不符，或最后一行不完整",
    )
    WRONG_ENCODING = "WRONG_ENCODING", "not in the encoding of the contract", "字符编码与约定不符"
    WRONG_SHA256 = "WRONG_SHA256", "the bytes are not those that were announced", "文件内容与申报的校验值不符"
    CONTROL_FILE_INVALID = "CONTROL_FILE_INVALID", "the control file cannot be read", "控制文件无法识别"
    MISSING_COLUMN = "MISSING_COLUMN", "a column that decides something is gone", "缺少必需的列"
    UNREADABLE = "UNREADABLE", "a damaged archive or sheet", "文件损坏，无法读取"
    SCHEMA_FROZEN = (
        "SCHEMA_FROZEN",
        "a column that the contract does not name, and it allows none",
        "出现约定之外的列，而约定不允许新增列",
    )
    CHECK_FAILED = (
        "CHECK_FAILED",
        "a critical expectation failed: the partition was not published",
        "关键质检未通过，该日数据没有发布",
    )
