"""The file: what is an order, what is a bad row, and what is no file of orders."""

import gzip
import hashlib

import pytest

from loyalty.replay.reading import BadFile, BadRows, read
from tests.replay.shop import HEADER, row, rules

GOOD = row("1", "ann", "01 12:00:00", "5.00")


@pytest.fixture
def path(tmp_path):
    return tmp_path / "orders.csv"


def bad_row(**changes):
    """A row of a sale with one field changed."""
    fields = dict(zip(HEADER.split(","), row("2", "bob", "02 12:00:00", "5.00").split(","), strict=True))
    return ",".join((fields | changes).values())


BAD = {
    "time of another kind": ("ordered_at", bad_row(ordered_at="02.01.2020 12:00")),
    "time without zone": ("ordered_at", bad_row(ordered_at="2020-01-02T12:00:00")),
    "day that never was": ("ordered_at", bad_row(ordered_at="2020-02-30T12:00:00Z")),
    "year far away": ("ordered_at", bad_row(ordered_at="9999-12-31T23:59:59Z")),
    "year 0": ("ordered_at", bad_row(ordered_at="0000-01-01T00:00:00Z")),
    "no time": ("ordered_at", bad_row(ordered_at="")),
    "below 0": ("total_amount", bad_row(total_amount="-5.00")),
    "NaN": ("total_amount", bad_row(total_amount="NaN")),
    "infinite": ("total_amount", bad_row(total_amount="Infinity")),
    "three decimals": ("total_amount", bad_row(total_amount="5.001")),
    "a power": ("total_amount", bad_row(total_amount="1e3")),
    "a comma": ("total_amount", bad_row(total_amount='"5,00"')),
    "digits of another script": ("total_amount", bad_row(total_amount="\u0665.00")),
    "too much": ("total_amount", bad_row(total_amount="10000000000.00")),
    "no amount": ("total_amount", bad_row(total_amount="")),
    "other currency": ("currency", bad_row(currency="EUR")),
    "no currency": ("currency", bad_row(currency="")),
    "unknown kind": ("kind", bad_row(kind="Sale")),
    "same order again": ("order_ref", bad_row(order_ref="1")),
    "no order": ("order_ref", bad_row(order_ref="")),
    "long order": ("order_ref", bad_row(order_ref="x" * 65)),
    "NUL": ("order_ref", bad_row(order_ref="2\0")),
    "line break": ("order_ref", bad_row(order_ref='"2\n3"')),
    "spaces around": ("customer_ref", bad_row(customer_ref=" bob")),
    "control character": ("customer_ref", bad_row(customer_ref="bob\x1b")),
    "long customer": ("customer_ref", bad_row(customer_ref="x" * 65)),
    "no store": ("store_ref", bad_row(store_ref="")),
    "long store": ("store_ref", bad_row(store_ref="x" * 65)),
    "original of a sale": ("original_order_ref", bad_row(original_order_ref="1")),
    "short row": ("currency", "2,bob,web,2020-01-02T12:00:00Z,5.00"),
    "long row": ("(row)", bad_row() + ",x"),
}


@pytest.mark.parametrize(("column", "line"), BAD.values(), ids=BAD.keys())
def test_a_bad_row_is_named_by_line_and_column(path, column, line):
    path.write_text(f"{HEADER}\n{GOOD}\n{line}\n", encoding="utf-8")

    with pytest.raises(BadRows) as caught:
        read(path, rules())

    assert f"Line 3, {column}: " in caught.value.detail
    assert "Nothing was written" in caught.value.detail


def test_bad_rows_are_skipped_and_listed_when_asked_for(path):
    path.write_text("\n".join([HEADER, *(line for _, line in BAD.values()), GOOD]) + "\n", encoding="utf-8")

    file = read(path, rules(), skip_bad_rows=True)

    # Seen from the end the row that repeats an order is the good one.
    assert [order.reference for order in file.orders] == ["1"]
    assert [bad.column for bad in file.skipped] == [
        column for column, line in BAD.values() if not line.startswith("1,")
    ] + ["order_ref"]


def test_the_line_of_a_row_is_where_it_begins(path):
    broken = row("1", "ann", "01 12:00:00", "5.00", store='"one\ntwo"')
    path.write_text(f"{HEADER}\n\n{broken}\n{bad_row(kind='gift')}\n", encoding="utf-8")

    with pytest.raises(BadRows) as caught:
        read(path, rules())

    assert caught.value.detail.splitlines()[:2] == [
        "Line 3, store_ref: has a character that cannot be printed: 'one\\ntwo'.",
        "Line 5, kind: is neither sale nor refund but 'gift'.",
    ]


def test_only_so_many_bad_rows_are_named(path):
    path.write_text("\n".join([HEADER, *[bad_row(kind="gift")] * 1000]), encoding="utf-8")

    with pytest.raises(BadRows) as caught:
        read(path, rules())

    assert caught.value.detail.count("Line ") == 20


def _structures():
    good = f"{HEADER}\n{GOOD}\n".encode()
    yield "empty", b"", "The file is empty"
    yield "header alone", f"{HEADER}\n".encode(), "no order"
    yield "no such column", good.replace(b"kind", b"type"), "The header has no column kind"
    yield "a column twice", good.replace(b"line_count", b"kind"), "twice"
    yield "semicolons", good.replace(b",", b";"), "The header has no column"
    yield "Latin-1", good + "2,J\xf6rg,".encode("latin-1"), "Line 3: this is not UTF-8"
    yield "UTF-16", good.decode().encode("utf-16"), "Line 1: this is not UTF-8"
    yield "an open quote", good + b'2,"bob', "this is not CSV"
    yield "text after a quote", good + b'2,"bob"x,', "Line 3: this is not CSV"
    yield "a huge field", good + b'2,"' + b"x\n" * 100_000 + b'"', "this is not CSV"
    yield "a huge line", good + b"x" * 70_000, "Line 3: longer than"
    many = "\n".join([HEADER, *(row(str(number), "ann", "01 12:00:00", "5.00") for number in range(1000))]).encode()
    yield "cut off", gzip.compress(many)[:-20], "damaged or cut off"
    yield "damaged", gzip.compress(good)[:12] + b"\xff" * 40, "damaged or cut off"


@pytest.mark.parametrize(("content", "words"), [case[1:] for case in _structures()], ids=[c[0] for c in _structures()])
@pytest.mark.parametrize("skip", [False, True])
def test_what_is_no_file_of_orders_is_refused_even_when_bad_rows_are_skipped(path, content, words, skip):
    path.write_bytes(content)

    with pytest.raises(BadFile) as caught:
        read(path, rules(), skip_bad_rows=skip)

    assert words in caught.value.detail


def test_a_file_that_is_not_there_or_a_folder_is_refused(tmp_path):
    for path in (tmp_path / "none.csv", tmp_path):
        with pytest.raises(BadFile, match="cannot be read"):
            read(path, rules())


@pytest.mark.parametrize(
    "content",
    [
        f"{HEADER}\n{GOOD}\n".encode(),
        f"{HEADER}\n{GOOD}".encode(),
        f"{HEADER}\r\n{GOOD}\r\n".encode(),
        f"{HEADER}\n{GOOD}\n".encode("utf-8-sig"),
        f"{HEADER}\n\n{GOOD}\n\n\n".encode(),
        gzip.compress(f"{HEADER}\n{GOOD}\n".encode()),
        f"{HEADER},note\n{GOOD},hello\n".encode(),
        ("\n".join(",".join(f'"{field}"' for field in line.split(",")) for line in (HEADER, GOOD))).encode(),
        b"\n".join(
            [
                b"kind,currency,total_amount,ordered_at,store_ref,customer_ref,order_ref",
                b"sale,GBP,5,2020-01-01T13:00:00+01:00,web,ann,1",
            ]
        ),
    ],
    ids=["plain", "no end", "CR LF", "BOM", "blank lines", "gzip", "more columns", "quotes", "other order"],
)
def test_an_order_is_read_however_it_is_written(path, content):
    path.write_bytes(content)

    file = read(path, rules())

    [order] = file.orders
    assert (order.reference, order.customer, order.at.isoformat(), order.amount) == (
        "1",
        "ann",
        "2020-01-01T12:00:00+00:00",
        5,
    )
    assert file.sha256 == hashlib.sha256(content).hexdigest()
