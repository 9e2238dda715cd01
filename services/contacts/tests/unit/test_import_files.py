"""What a file is, which column is which field, and what its cells say."""

import csv
import io
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_shared.features.imports.encodings import (
    KEEPS_BYTES,
    EncodingDetector,
    choose_encoding,
    choose_errors,
    require_encoding,
)
from crm_shared.features.imports.file_formats import read_beginning, sniff_delimiter
from crm_shared.features.imports.problems import RowProblem
from crm_shared.features.imports.records import Record, RecordReader
from crm_shared.features.imports.value_forms import join_values, split_values
from crm_shared.refusals import InvalidField
from crm_shared.spreadsheets import FORMULA_STARTS, from_cell, to_cell, write_rows
from crm_shared.text import to_nfc


def detect(*pieces: bytes) -> str:
    detector = EncodingDetector()
    for piece in pieces:
        detector.feed(piece)
    return detector.result()


@pytest.mark.parametrize(
    ("pieces", "encoding"),
    [
        ((b"name\nZoe\n",), "utf-8"),
        (("name\nZoë\n".encode(),), "utf-8"),
        (("Zoë\n".encode()[:3], "Zoë\n".encode()[3:]), "utf-8"),  # a letter may be cut in two
        (("Zoë\n".encode("cp1252"),), "cp1252"),
        (("name\n€ 5\n".encode("cp1252"),), "cp1252"),
        (("name\nZoë\n".encode("utf-16"),), "utf-16"),
        (("name\nZoë\n".encode("utf-16-be"),), "utf-16-be"),
        (("\ufeffname\n".encode(),), "utf-8-sig"),
        (("Zoë".encode()[:-1],), "cp1252"),  # ends within a letter, so it was none
        (("Zoë\n".encode(), b"Ren\xe9\n"), "utf-8"),  # one wrong byte does not change all names
    ],
)
def test_the_encoding_follows_from_the_bytes(pieces: tuple[bytes, ...], encoding: str) -> None:
    assert detect(*pieces) == encoding


def test_either_way_of_keeping_bytes_keeps_the_same() -> None:
    wrong = bytes(range(128, 256))
    for encoding in ("utf-8", "cp1252", "ascii"):
        assert wrong.decode(encoding, KEEPS_BYTES) == wrong.decode(encoding, choose_errors(encoding))
    assert b"\x00\xd8a\x00".decode("utf-16-le", choose_errors("utf-16-le")).endswith("a")


@pytest.mark.parametrize("binary", [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\xff", b"PK\x03\x04\x14\x00\x06\x00\xff"])
def test_what_is_no_text_is_refused(binary: bytes) -> None:
    with pytest.raises(InvalidField, match="is not a text file"):
        detect(binary)


@pytest.mark.parametrize(
    ("header", "delimiter"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a\tb", "\t"), ("a|b|c", "|"), ('"a;b",c,d', ","), ("alone", ",")],
)
def test_the_delimiter_is_what_parts_the_header(header: str, delimiter: str) -> None:
    assert sniff_delimiter(header) == delimiter


@pytest.mark.parametrize("name", ["base64", "no-such", "unicode_escape", "rot13"])
def test_an_encoding_must_be_one_of_text(name: str) -> None:
    with pytest.raises(InvalidField, match="/encoding"):
        require_encoding(name)


def test_a_header_is_read_past_empty_lines_and_over_several() -> None:
    found = read_beginning(b'\n\r\n" First\nname ",e-mail,,\nx,y\n', "utf-8", None)
    assert (found.header, found.delimiter) == (["First\nname", "e-mail"], ",")
    for empty in (b"", b"\n \n"):
        with pytest.raises(InvalidField, match="is empty"):
            read_beginning(empty, "utf-8", None)


def read(content: bytes, *, width: int = 2, encoding: str = "utf-8", piece: int = 7) -> list[Record | RowProblem]:
    pieces: Iterator[bytes] = iter([content[at : at + piece] for at in range(0, len(content), piece)])
    return list(RecordReader(lambda: next(pieces, b""), encoding=encoding, delimiter=",", width=width))


def test_lines_are_counted_as_an_editor_shows_them() -> None:
    content = b'a,b\r\n1,"x\ny"\n\n  ,\n2,"\r\n\r\n"\r3,z,\n4\n5,6,7\n'
    assert read(content) == [
        Record(2, ["1", "x\ny"]), Record(6, ["2", "\r\n\r\n"]), Record(9, ["3", "z"]),
        Record(10, ["4", ""], missing=1),
        RowProblem(11, "", "has 3 cells, the header has 2", ["5", "6", "7"]),
    ]  # fmt: skip


def test_a_quote_that_is_never_closed_loses_no_more_than_it_must() -> None:
    content = b'a,b\n1,"open\n' + b"x" * 140_000 + b"\n2,y\n"
    first, second, last = read(content, piece=65536)
    assert isinstance(first, RowProblem)
    assert isinstance(second, RowProblem)
    assert (first.line, second.line, "never closed" in first.reason) == (2, 3, True)
    assert last == Record(4, ["2", "y"])


@pytest.mark.parametrize(
    "middle",
    ['B,"open\nC,ok\nD,"closed later"\n', '"B" b,x\nC,ok\nD,ok\n', 'B,"open to the end\nC,ok\nD,ok\n'],
    ids=["closed later", "text behind", "never"],
)
def test_no_row_goes_down_in_a_cell(middle: str) -> None:
    """What broken quoting has swallowed is named line by line, each with its cells."""
    found = read(("name,note\nA,ok\n" + middle).encode())
    failed = [one.line for one in found if isinstance(one, RowProblem)]
    taken = [one.line for one in found if isinstance(one, Record)]
    assert sorted(failed + taken) == [2, 3, 4, 5]
    assert 3 in failed
    assert not [one for one in found if isinstance(one, Record) and "\n" in "".join(one.cells)]


def test_a_row_longer_than_any_record_is_cut_off() -> None:
    content = b"a,b\n" + b",".join([b"x" * 120_000] * 10) + b"\n1,2\n"
    first, second = read(content, width=10, piece=65536)
    assert isinstance(first, RowProblem)
    assert (first.line, max(map(len, first.cells)), "1,000,000" in first.reason) == (2, 100, True)
    assert isinstance(second, Record)


def test_a_byte_that_is_no_letter_fails_its_row() -> None:
    good, bad = read(b"a,b\n1,2\n\x81,x\n", encoding="cp1252")
    assert good == Record(2, ["1", "2"])
    assert isinstance(bad, RowProblem)
    assert (bad.line, "81" in bad.reason) == (3, True)


# In NFC, as all that is stored.
CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20).map(to_nfc)


@settings(deadline=None)
@given(st.lists(st.tuples(CELLS, CELLS), max_size=8), st.integers(1, 40))
def test_what_is_written_is_what_is_read(rows: list[tuple[str, str]], piece: int) -> None:
    content = write_rows([("a", "b"), *rows])
    found = [tuple(map(from_cell, record.cells)) for record in read(content, piece=piece) if isinstance(record, Record)]
    assert found == [row for row in rows if any(cell.strip() for cell in map(str, map(to_cell, row)))]


@settings(deadline=None)
@given(st.text(max_size=30))
def test_no_cell_is_a_formula_and_each_comes_back(text: str) -> None:
    cell = str(to_cell(text))
    assert not cell.startswith(FORMULA_STARTS)
    assert from_cell(cell) == text


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from('a;",: '), min_size=1, max_size=6).map(str.strip).filter(bool), max_size=5))
def test_several_values_come_back_from_their_cell(values: list[str]) -> None:
    assert split_values(join_values(values), ";") == values


def test_what_others_have_written_stays_as_it_is() -> None:
    assert [from_cell(text) for text in ("+49 30 1", "'tis", "-5", "O'Neil", "''=x", "'+1")] == [
        "+49 30 1", "'tis", "-5", "O'Neil", "'=x", "+1",
    ]  # fmt: skip
    (line,) = csv.reader(io.StringIO(write_rows([["=1+1", "@x", None, -5, "\t=1"]]).decode()))
    assert line == ["'=1+1", "'@x", "", "-5", "'\t=1"]


@pytest.mark.parametrize("delimiter", [None, ","])
@pytest.mark.parametrize(
    "beginning",
    [b"x" * 150_000, b"," * 100_000 + b"x", b"a," * 100_000, b'"' + b"x" * 150_000, b";".join([b"x"] * 2000)],
)
def test_a_first_line_that_no_table_has_is_refused(beginning: bytes, delimiter: str | None) -> None:
    with pytest.raises(InvalidField) as refused:
        read_beginning(beginning, "utf-8", delimiter if b";" not in beginning else ";")
    assert refused.value.errors[0].pointer == "/file"


@pytest.mark.parametrize(
    ("file", "found"),
    [
        ("name\nZoë\n".encode("utf-16"), "utf-16"),
        ("name\nZoë\n".encode("utf-16-le"), "utf-16-le"),
        ("name\nZoë\n".encode("utf-16-be"), "utf-16-be"),
    ],
)
def test_a_stated_utf_16_is_read_as_the_file_has_it(file: bytes, found: str) -> None:
    detector = EncodingDetector()
    detector.feed(file)
    assert choose_encoding("utf-16", detector) == found
    assert choose_encoding("utf-16-be", detector) == "utf-16-be"


def test_a_file_that_is_not_in_the_stated_utf_16_is_refused_at_once() -> None:
    detector = EncodingDetector()
    detector.feed("name\nZoë\n".encode())
    with pytest.raises(InvalidField, match="is not the file's"):
        choose_encoding("utf-16", detector)
