"""Reason codes: why a row is in quarantine, or a delivery was rejected. One list, used everywhere."""

from __future__ import annotations

from enum import StrEnum


class RowReason(StrEnum):
    """Why a row was quarantined. The comment beside each is what an operator tells the sender."""

    ROW_MALFORMED = "ROW_MALFORMED"  # more or fewer fields than the header, or not a JSON object
    REQUIRED_MISSING = "REQUIRED_MISSING"  # a key or decision column is blank
    USCC_MISSING = "USCC_MISSING"  # no credit code, and no name to go by
    USCC_INVALID = "USCC_INVALID"  # the credit code fails its check character (GB 32100)
    USCC_BODY_INVALID = (
        "USCC_BODY_INVALID"  # so does the organisation code inside (GB 11714): look it up, not only the end
    )
    USCC_UNKNOWN = "USCC_UNKNOWN"  # a valid credit code that the registry does not have
    NAME_UNKNOWN = "NAME_UNKNOWN"  # no active entity bears this name
    NAME_AMBIGUOUS = "NAME_AMBIGUOUS"  # several active entities bear this name
    PHONE_INVALID = "PHONE_INVALID"  # not 11 digits beginning 13 to 19
    PHONE_MASKED = "PHONE_MASKED"  # digits replaced by asterisks
    ID_INVALID = "ID_INVALID"  # no number of that kind of document: length, date of birth or check digit (GB 11643)
    ID_ROUNDED = "ID_ROUNDED"  # a spreadsheet rounded the number: send it as text
    UNDER_14 = "UNDER_14"  # born less than 14 years before the business date: such data may not be sent
    PLACE_UNKNOWN = "PLACE_UNKNOWN"  # no prefecture of February 2020 bears this name
    REGION_UNRESOLVED = "REGION_UNRESOLVED"  # a city without a code that was in force in February 2020
    DATE_INVALID = "DATE_INVALID"  # not a date or time
    DATE_AMBIGUOUS = "DATE_AMBIGUOUS"  # 2.1, 2.2, 2.3: could be the 10th, 20th, 30th
    DATE_OUT_OF_RANGE = "DATE_OUT_OF_RANGE"  # more than 60 days from the business date
    NUMBER_INVALID = "NUMBER_INVALID"  # not a number
    VALUE_NOT_ALLOWED = "VALUE_NOT_ALLOWED"  # not one of the contract's values
    UNKNOWN_COLUMN = (
        "UNKNOWN_COLUMN"  # a value in a column that the contract does not name, where it discards such rows
    )


class FileReason(StrEnum):
    """Why a whole delivery was rejected; the previous good data stays."""

    EMPTY = "EMPTY"
    HEADER_ONLY = "HEADER_ONLY"
    TRUNCATED = "TRUNCATED"
    WRONG_ENCODING = "WRONG_ENCODING"
    WRONG_SHA256 = "WRONG_SHA256"
    CONTROL_FILE_INVALID = "CONTROL_FILE_INVALID"
    MISSING_COLUMN = "MISSING_COLUMN"
    UNREADABLE = "UNREADABLE"
    SCHEMA_FROZEN = "SCHEMA_FROZEN"  # a column that the contract does not name, and it allows none
    CHECK_FAILED = "CHECK_FAILED"  # a critical expectation failed: the partition was not published
