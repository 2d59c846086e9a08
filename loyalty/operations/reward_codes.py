"""Filling a reward's pool of discount codes."""

import csv
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from io import StringIO

from django.db import transaction

from loyalty.models import Reward, RewardCode
from loyalty_site.refusals import Refusal

MOST_BYTES = 2_000_000
MOST_CODES = 50_000
LONGEST = 64
_HEADINGS = frozenset({"code", "codes", "voucher", "coupon"})
_CHUNK = 5_000


class InvalidCodes(Refusal):
    """A file that holds no codes, or too many, or texts that are none. `facts`: line, where one is wrong."""

    code = "invalid_codes"
    status = 422
    sentence = "This file holds no codes."


@dataclass(slots=True)
class Report:
    """How many codes are new in the pool; which stood in the file twice, and which the reward had before."""

    added: int = 0
    repeated: list[str] = field(default_factory=list)
    known: list[str] = field(default_factory=list)


def read(data: bytes, name: str) -> list[str]:
    """The codes in a file: one a line, or the first column of a CSV whose heading, if any, says so.

    UTF-8, at most 2 MB and 50,000 codes of 1 to 64 printable characters. Raises `InvalidCodes`.
    """
    if len(data) > MOST_BYTES:
        raise InvalidCodes("The file is larger than 2 MB.")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidCodes("The file is not in UTF-8.") from error
    codes: list[str] = []
    for number, first in enumerate(_first_column(text, is_table=name.lower().endswith(".csv")), start=1):
        code = first.strip()
        if not code or (number == 1 and code.lower() in _HEADINGS):
            continue
        if len(code) > LONGEST or not code.isprintable():
            raise InvalidCodes(f"Line {number} is no code: 1 to {LONGEST} printable characters.", line=number)
        codes.append(code)
    if not codes:
        raise InvalidCodes
    if len(codes) > MOST_CODES:
        raise InvalidCodes(f"The file holds more than {MOST_CODES:,} codes.")
    return codes


def _first_column(text: str, *, is_table: bool) -> list[str]:
    if not is_table:
        return text.splitlines()
    first_line = text.partition("\n")[0]
    delimiter = max(",;\t", key=first_line.count)
    try:
        return [row[0] if row else "" for row in csv.reader(StringIO(text, newline=""), delimiter=delimiter)]
    except csv.Error as error:
        raise InvalidCodes(f"The table cannot be read: {error}.") from error


@transaction.atomic(savepoint=False)
def upload(*, reward: Reward, codes: Sequence[str]) -> Report:
    """Put these codes into the reward's pool, each once, in their order. Codes given before are known too."""
    times = Counter(codes)
    wanted = list(times)
    report = Report(repeated=[code for code in wanted if times[code] > 1])
    for begin in range(0, len(wanted), _CHUNK):
        chunk = wanted[begin : begin + _CHUNK]
        known = set(RewardCode.objects.filter(reward=reward, code__in=chunk).values_list("code", flat=True))
        report.known += [code for code in chunk if code in known]
        # Somebody may upload the same file at this moment.
        RewardCode.objects.bulk_create(
            [RewardCode(reward=reward, code=code) for code in chunk if code not in known], ignore_conflicts=True
        )
        report.added += len(chunk) - len(known)
    return report
