"""The faces of a membership: card numbers and referral codes."""

import secrets

# No 0/O, 1/I/L: read aloud at a counter, typed on a phone. Members' codes begin with M, invites' with another
# letter, so that a code is unique over both (specs/referrals.md).
_ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"
_MEMBER_LETTER = "M"


def new_card_number() -> str:
    """Sixteen digits, the last one a check digit (Luhn, ISO/IEC 7812-1 Annex B), so that a slip is noticed."""
    digits = str(secrets.randbelow(9) + 1) + "".join(str(secrets.randbelow(10)) for _ in range(14))
    return digits + _check_digit(digits)


def is_card_number(text: str) -> bool:
    """Whether `text` is sixteen digits with the right check digit."""
    return len(text) == 16 and text.isascii() and text.isdigit() and _check_digit(text[:-1]) == text[-1]


def new_referral_code() -> str:
    """Eight characters: M and seven of an alphabet without look-alikes."""
    return new_code(_MEMBER_LETTER)


def new_code(letter: str) -> str:
    """A code of eight characters that begins with the letter: 31^7, or 27 thousand million, for each letter."""
    return letter + "".join(secrets.choice(_ALPHABET) for _ in range(7))


def _check_digit(digits: str) -> str:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        doubled = int(digit) * (2 if place % 2 == 0 else 1)
        total += doubled - 9 if doubled > 9 else doubled
    return str(-total % 10)
