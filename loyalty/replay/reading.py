"""The file of orders: read whole and checked row by row before anybody acts on it (data/RULES.md "Input")."""

import csv
import gzip
import hashlib
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Any, cast

from loyalty.replay.orders import ORIGINAL, REQUIRED, BadField, Order, parse
from loyalty.replay.rules import Rules
from loyalty_site.refusals import Refusal

# No order needs more; what is longer is no file of orders.
_LONGEST_LINE = 65_536
_GZIP = b"\x1f\x8b"
# Enough to see what is wrong with a file that stops a replay.
_MOST_NAMED = 20


class BadFile(Refusal):
    """Not a file of orders: what is wrong makes every row after it doubtful, so none can be skipped."""

    code = "bad_file"
    status = 422


class BadRows(Refusal):
    """Rows of the file are wrong; nothing of it was written."""

    code = "bad_rows"
    status = 422


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is no order: where it begins, which column is wrong, and why."""

    line: int
    column: str
    problem: str

    def __str__(self) -> str:
        return f"Line {self.line}, {self.column}: {self.problem}."

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for a report."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class OrderFile:
    """The orders of a file in the order of events, and the rows left out. `sha256` is of the file's bytes."""

    sha256: str
    orders: list[Order]
    skipped: list[BadRow]


def read(path: Path, rules: Rules, *, skip_bad_rows: bool = False) -> OrderFile:
    """Read a `.csv` or `.csv.gz` of orders.

    Raises `BadFile` where it cannot be read or has no order, and `BadRows` where rows are wrong, unless they are to be
    skipped.
    """
    with _opened(path) as (stream, sha256):
        orders, bad = _read(stream, rules, skip_bad_rows)
    if bad and not skip_bad_rows:
        more = " There may be more." if len(bad) >= _MOST_NAMED else ""
        raise BadRows("\n".join(map(str, bad)) + f"{more}\nNothing was written.")
    if not orders:
        raise BadFile("There is no order in the file.")
    orders.sort(key=lambda order: order.place)
    return OrderFile(sha256, orders, bad)


def _read(stream: IO[bytes], rules: Rules, skip_bad_rows: bool) -> tuple[list[Order], list[BadRow]]:
    orders: list[Order] = []
    bad: list[BadRow] = []
    seen: dict[str, int] = {}
    rows = _rows(stream)
    _, header = next(rows, (0, []))
    _check_header(header)
    for line, row in rows:
        try:
            order = _order(row, header, line, rules, seen)
        except BadField as error:
            bad.append(BadRow(line, error.column, error.problem))
            if len(bad) >= _MOST_NAMED and not skip_bad_rows:
                break
            continue
        seen[order.reference] = line
        orders.append(order)
    return orders, bad


def _order(row: list[str], header: list[str], line: int, rules: Rules, seen: dict[str, int]) -> Order:
    if len(row) > len(header):
        raise BadField("(row)", "has more fields than the header")
    if len(row) < len(header):
        raise BadField(header[len(row)], "is missing: the row has fewer fields than the header")
    order = parse(dict(zip(header, row, strict=True)), line, rules)
    if order.reference in seen:
        raise BadField("order_ref", f"stood on line {seen[order.reference]} before")
    return order


def _rows(stream: IO[bytes]) -> Iterator[tuple[int, list[str]]]:
    """Each row, the header first, with the number of the line it begins on; blank lines are none."""
    rows = csv.reader(_lines(stream), strict=True)
    begins = 1
    try:
        for row in rows:
            if row:
                yield begins, row
            begins = rows.line_num + 1
    except csv.Error as error:
        raise BadFile(f"Line {rows.line_num}: this is not CSV ({error}).") from error


def _check_header(header: list[str]) -> None:
    if not header:
        raise BadFile("The file is empty: its first line must name the columns.")
    for column in (*REQUIRED, ORIGINAL):
        if header.count(column) > 1:
            raise BadFile(f"The header names the column {column} twice.")
    missing = [column for column in REQUIRED if column not in header]
    if missing:
        raise BadFile(f"The header has no column {', '.join(missing)}.")


def _lines(stream: IO[bytes]) -> Iterator[str]:
    number = 0
    while True:
        number += 1
        try:
            raw = stream.readline(_LONGEST_LINE + 1)
            line = raw.decode("utf-8-sig" if number == 1 else "utf-8")
        except UnicodeDecodeError as error:
            raise BadFile(f"Line {number}: this is not UTF-8 (byte {error.start + 1} of the line).") from error
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise BadFile(f"Line {number}: the compressed file is damaged or cut off ({error}).") from error
        if len(raw) > _LONGEST_LINE:
            raise BadFile(f"Line {number}: longer than {_LONGEST_LINE:,} bytes.")
        if not raw:
            return
        yield line


@contextmanager
def _opened(path: Path) -> Iterator[tuple[IO[bytes], str]]:
    """The file's text as bytes, unpacked where it is packed, and the digest of the file itself."""
    try:
        with path.open("rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
            file.seek(0)
            packed = file.read(2) == _GZIP
            file.seek(0)
            if packed:
                with gzip.open(file, "rb") as unpacked:
                    yield cast("IO[bytes]", unpacked), sha256
            else:
                yield file, sha256
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror or error}.") from error
