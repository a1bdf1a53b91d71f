"""Small files that grow: workbooks and Parquet files made to take more memory or time than there is."""

from __future__ import annotations

import io
import zipfile

import openpyxl

HEADER = ["代码", "手机号", "读数"]
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def workbook() -> bytes:
    """A sound workbook with a header and a row."""
    book = openpyxl.Workbook()
    assert book.active is not None
    for row in (HEADER, ["a", "b", "c"]):
        book.active.append(row)
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def with_parts(parts: dict[str, bytes]) -> bytes:
    """A workbook in which some parts are others, packed as small as they will go."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(workbook())) as sound, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as changed:
        for name in sound.namelist():
            if name not in parts:
                changed.writestr(name, sound.read(name))
        for name, data in parts.items():
            changed.writestr(name, data)
    return out.getvalue()


def sheet(rows: str, doctype: str = "") -> dict[str, bytes]:
    """The part that is the first sheet: the header, then ``rows`` as XML."""
    cells = "".join(
        f'<c r="{at}1" t="inlineStr"><is><t>{text}</t></is></c>' for at, text in zip("ABC", HEADER, strict=True)
    )
    xml = f'{doctype}<worksheet xmlns="{MAIN}"><sheetData><row r="1">{cells}</row>{rows}</sheetData></worksheet>'
    return {"xl/worksheets/sheet1.xml": b'<?xml version="1.0"?>' + xml.encode()}


def row(text: str, number: int = 2) -> str:
    """A row of one cell."""
    return f'<row r="{number}"><c r="A{number}" t="inlineStr"><is><t>{text}</t></is></c></row>'


def laughs() -> bytes:
    """A text of which each entity is ten of the one before: 10^10 times ``lol``."""
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 11))
    doctype = f'<!DOCTYPE worksheet [<!ENTITY l0 "lol">{entities}]>'
    return with_parts(sheet(row("&l10;"), doctype))


def outsider(path: str) -> bytes:
    """A text that an external entity would take from a file of the reader's machine."""
    return with_parts(sheet(row("&x;"), f'<!DOCTYPE worksheet [<!ENTITY x SYSTEM "file://{path}">]>'))


def repeated_text(length: int, cells: int) -> bytes:
    """A long text that stands once in the workbook's list of texts and is shown in many cells."""
    shared = f'<?xml version="1.0"?><sst xmlns="{MAIN}"><si><t>{"x" * length}</t></si></sst>'
    types = (
        '<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        '<Default Extension="xml" ContentType="application/xml"/></Types>'
    )
    relations = (
        '<?xml version="1.0"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
        '<Relationship Id="rId1" Target="worksheets/sheet1.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet"/>'
        '<Relationship Id="rId2" Target="sharedStrings.xml" '
        'Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"/></Relationships>'
    )
    rows = "".join(f'<row r="{n}"><c r="A{n}" t="s"><v>0</v></c></row>' for n in range(2, cells + 2))
    parts = {"xl/sharedStrings.xml": shared, "[Content_Types].xml": types, "xl/_rels/workbook.xml.rels": relations}
    return with_parts(sheet(rows) | {name: text.encode() for name, text in parts.items()})
