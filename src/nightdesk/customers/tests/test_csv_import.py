import csv
import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nightdesk.base import csv_table
from nightdesk.customers import csv_import
from nightdesk.customers.csv_import import COLUMNS, HEADER_WORDS, Row, plan_import
from nightdesk.customers.priority import Priority
from nightdesk.customers.promised import OutOfHours

modest = settings(max_examples=40, deadline=None)

FULL_LINE = {
    "customer": "Café Müller, Köln",
    "customer_ref": "C-17",
    "contract": "Premium",
    "hours_name": "Office",
    "out_of_hours": "full",
    "may_wake": "P1 P2",
    "contact_name": "Zoë O'Neill",
    "contact_email": "Zoe@Example.NET",
    "contact_phone": "020 7946 0000",
    "contact_role": "NOC",
    "language": "en_gb",
    "zone": "Europe/London",
    "service": "Leased line",
}


def written(*lines: dict[str, str], header=COLUMNS, delimiter=",") -> str:
    file = io.StringIO()
    writer = csv.DictWriter(file, header, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(lines)
    return file.getvalue()


def plan(text: str, encoding: str = "utf-8"):
    return plan_import(text.encode(encoding), "GB")


def told(found) -> list[tuple[int, str | None]]:
    return [(error.line, error.column) for error in found.errors]


def test_a_full_line_becomes_a_row_in_our_own_form():
    found = plan(written(FULL_LINE))
    assert found.errors == ()
    assert found.rows == (
        Row(
            line=2,
            customer="Café Müller, Köln",
            customer_ref="C-17",
            contract="Premium",
            hours_name="Office",
            out_of_hours=OutOfHours.FULL,
            may_wake=frozenset({Priority.P1, Priority.P2}),
            contact_name="Zoë O'Neill",
            contact_email="Zoe@example.net",
            contact_phone="+442079460000",
            contact_role="NOC",
            language="en-GB",
            zone="Europe/London",
            service="Leased line",
        ),
    )


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
def test_every_spreadsheet_on_earth_saves_it_otherwise_and_it_reads_the_same(delimiter, encoding, line_end):
    text = written(FULL_LINE, delimiter=delimiter).replace("\r\n", line_end)
    found = plan(text, encoding)
    assert found.rows == plan(written(FULL_LINE)).rows
    assert (found.delimiter, found.encoding) == (delimiter, encoding)


def test_one_broken_byte_in_a_utf_8_file_costs_its_own_line_only():
    content = "customer\nKöln\nZürich\n".encode() + b"Lond\xffn\n"
    found = plan_import(content, "GB")
    assert [row.customer for row in found.rows] == ["Köln", "Zürich"]
    assert told(found) == [(4, "customer")]
    assert "UTF-8" in found.errors[0].do


def test_a_header_may_use_other_words_and_other_columns_are_named():
    found = plan("Company;E-Mail;Telephone;Time zone;Shoe size\nAcme;noc@example.net;020 7946 0000;Europe/London;44\n")
    assert found.rows == (
        Row(
            line=2,
            customer="Acme",
            contact_email="noc@example.net",
            contact_phone="+442079460000",
            zone="Europe/London",
        ),
    )
    assert found.ignored_columns == ("Shoe size",)


def test_every_header_word_means_a_documented_column_and_is_in_the_form_that_is_looked_up():
    assert set(HEADER_WORDS.values()) == set(COLUMNS)
    assert all(csv_table.word(word) == word for word in HEADER_WORDS)
    assert all(f"{column}" in csv_import.__doc__ for column in COLUMNS)


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        ("customer", ""),
        ("customer", "A" * 201),
        ("customer", "Ac\x07me"),
        ("customer", "Acme\nLtd"),
        ("out_of_hours", "sometimes"),
        ("may_wake", "P1 P5"),
        ("may_wake", "urgent"),
        ("contact_email", "noc at example.net"),
        ("contact_email", "Bo <bo@example.net>"),
        ("contact_email", "a@example.net, b@example.net"),
        ("contact_phone", "4.42079E+11"),
        ("language", "English"),
        ("zone", "Europe"),
        ("zone", "../../etc/passwd"),
        ("zone", "GMT+25"),
    ],
)
def test_a_bad_field_is_named_by_line_and_column_and_the_other_lines_are_read(column, bad):
    good = {"customer": "Before"}, {"customer": "After"}
    found = plan(written(good[0], FULL_LINE | {column: bad}, good[1]))
    assert [row.customer for row in found.rows] == ["Before", "After"]
    assert told(found) == [(3, column)]
    assert found.errors[0].so
    assert found.errors[0].do


def test_every_bad_field_of_a_line_is_told_at_once():
    found = plan(written(FULL_LINE | {"zone": "Mars", "language": "x", "contact_phone": "12"}))
    assert told(found) == [(2, "contact_phone"), (2, "language"), (2, "zone")]


@pytest.mark.parametrize(("text", "expected"), [("none", frozenset()), ("p1,P3", {"P1", "P3"}), ("", None)])
def test_priorities_that_may_wake_are_some_or_none_or_not_said(text, expected):
    assert plan(written(FULL_LINE | {"may_wake": text})).rows[0].may_wake == expected


def test_a_stray_quote_costs_its_own_line_only():
    found = plan('customer,contract\n"Acme,Basic\nBeta,Basic\n"Gamma" Ltd,Basic\n"Delta",Basic\n')
    assert [row.customer for row in found.rows] == ["Beta", "Delta"]
    assert told(found) == [(2, None), (4, None)]


def test_a_stray_quote_that_another_one_seems_to_close_does_not_swallow_the_lines_between():
    found = plan('customer,contract\n"Acme,Basic\nBeta,Basic"\nGamma,Basic\n')
    assert [row.customer for row in found.rows] == ["Beta", "Gamma"]
    assert told(found) == [(2, None)]


def test_a_field_over_several_lines_is_read_and_the_lines_after_it_are_still_counted_right():
    found = plan('customer,notes\nAcme,"rings\nat ""night""\n"\nBeta,\n,oops\n')
    assert [(row.line, row.customer) for row in found.rows] == [(2, "Acme"), (5, "Beta")]
    assert told(found) == [(6, "customer")]


def test_an_unquoted_delimiter_is_told_and_missing_or_empty_fields_at_the_end_are_not_minded():
    found = plan("customer,contract\nAcme,Ltd,Basic\nBeta\nGamma,Basic,,\n")
    assert [row.customer for row in found.rows] == ["Beta", "Gamma"]
    assert told(found) == [(2, None)]
    assert "a comma" in found.errors[0].do


def test_empty_lines_and_the_spreadsheets_own_first_line_are_passed_over():
    found = plan("sep=;\n\ncustomer;contract\n\n ; \nAcme;Basic\n")
    assert [(row.line, row.customer) for row in found.rows] == [(6, "Acme")]
    assert found.errors == ()


def test_the_apostrophe_that_guards_against_formulas_is_taken_off_again():
    found = plan(written(FULL_LINE | {"contact_phone": "'+44 20 7946 0000", "customer": "'t Hof"}))
    assert (found.rows[0].contact_phone, found.rows[0].customer) == ("+442079460000", "'t Hof")


def test_what_belongs_to_a_contract_needs_one():
    found = plan(written(FULL_LINE | {"contract": ""}))
    assert told(found) == [(2, "hours_name"), (2, "out_of_hours"), (2, "may_wake")]


def test_two_lines_that_say_different_things_of_one_contract_cannot_both_stand():
    found = plan(
        written(
            FULL_LINE,
            FULL_LINE | {"contact_name": "Bo", "out_of_hours": "", "may_wake": ""},
            FULL_LINE | {"may_wake": "none"},
            FULL_LINE | {"contract": "Basic", "may_wake": "none"},
            FULL_LINE | {"customer": "Other Ltd"},
        )
    )
    assert [row.line for row in found.rows] == [2, 3, 5]
    assert told(found) == [(4, "may_wake"), (6, "customer")]
    assert found.errors[0].so == "Line 2 says P1 P2."


@pytest.mark.parametrize(
    ("content", "line", "word"),
    [
        (b"", 1, "no header"),
        (b"\xef\xbb\xbf\r\n\r\n", 1, "no header"),
        (b"\nAcme,Basic\n", 2, "customer"),
        (b"customer,email,contact_email\nAcme,a@b.example,b@b.example\n", 1, "mean contact_email"),
        (b"customer" + b"x" * 200_000, 1, "customer"),
        (b"PK\x03\x04\x00\x00", 1, "customer"),
        (b"\xff\xfe\x00", 1, ""),
    ],
)
def test_a_file_that_is_none_gives_one_error_and_no_rows(content, line, word):
    found = plan_import(content, "GB")
    assert found.rows == ()
    assert [(error.line, error.column) for error in found.errors] == [(line, None)]
    assert word in found.errors[0].so


def test_a_file_beyond_the_limit_is_not_read(monkeypatch):
    monkeypatch.setattr(csv_import, "MAX_BYTES", 10)
    assert plan("customer\nAcme\n").rows == ()
    assert "more than" in plan("customer\nAcme\n").errors[0].so


names = st.text("aZé\u00df\u4e2d '\",;=+-@|\u2028\U0001f600", min_size=1, max_size=12).filter(
    lambda text: csv_table.cleaned(text) == text != ""
)


@modest
@given(st.lists(names, min_size=1, max_size=6), st.sampled_from(",;\t"), st.sampled_from(["utf-8", "utf-16"]))
def test_every_name_that_was_written_is_read_again(customers, delimiter, encoding):
    lines = [{"customer": name, "service": "x"} for name in customers]
    found = plan(written(*lines, header=("customer", "service"), delimiter=delimiter), encoding)
    assert [row.customer for row in found.rows] == customers
    assert found.errors == ()


@modest
@given(st.binary(max_size=400), st.binary(max_size=60))
def test_no_file_whatever_makes_it_fail_or_takes_a_good_line_from_a_file_of_single_lines(rubbish, more):
    plan_import(rubbish, "GB")
    content = b"customer\nBefore\n" + more.replace(b'"', b"") + b"\nAfter\n"
    names_read = [row.customer for row in plan_import(content, "GB").rows]
    assert names_read[0] == "Before"
    assert names_read[-1] == "After"
