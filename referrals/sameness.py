"""When two e-mail addresses are one person's, look like one person's, or are nobody's for long."""

import unicodedata

# Mail for these domains arrives in one box.
_ALIASES = {
    "googlemail.com": "gmail.com",
    "protonmail.com": "proton.me",
    "protonmail.ch": "proton.me",
    "pm.me": "proton.me",
    "me.com": "icloud.com",
    "mac.com": "icloud.com",
}
# Providers that deliver name+anything to name; a domain that is not named may have two people there.
_IGNORES_TAGS = frozenset(
    {"gmail.com", "proton.me", "icloud.com", "outlook.com", "hotmail.com", "live.com", "msn.com", "fastmail.com",
     "fastmail.fm"}
)  # fmt: skip
_IGNORES_DOTS = frozenset({"gmail.com"})

# Addresses for an hour. The list is short on purpose: a signal among others, not a gate.
_DISPOSABLE = frozenset(
    {"10minutemail.com", "dispostable.com", "fakeinbox.com", "getnada.com", "grr.la", "guerrillamail.com",
     "guerrillamail.net", "guerrillamail.org", "maildrop.cc", "mailinator.com", "mailnesia.com", "mintemail.com",
     "mohmal.com", "mytemp.email", "sharklasers.com", "spam4.me", "spamgourmet.com", "temp-mail.org",
     "tempmail.com", "tempmailo.com", "throwawaymail.com", "trashmail.com", "trashmail.de", "yopmail.com",
     "yopmail.fr"}
)  # fmt: skip


def canonical(email: str) -> str:
    """The address as the provider reads it: case, aliases of the domain, and dots and tags where they are ignored.

    Empty for an empty one.
    """
    name, _, domain = unicodedata.normalize("NFKC", email).strip().casefold().rpartition("@")
    domain = _ALIASES.get(domain, domain)
    if domain in _IGNORES_TAGS:
        name = name.partition("+")[0]
    if domain in _IGNORES_DOTS:
        name = name.replace(".", "")
    return f"{name}@{domain}" if name else ""


def are_same(one: str, other: str) -> bool:
    """Whether both addresses reach one box."""
    return bool(one) and canonical(one) == canonical(other)


def look_alike(one: str, other: str) -> bool:
    """Whether the addresses look like one person's: one name at two providers, or one that was counted up.

    Names of fewer than four letters say too little.
    """
    first, second = _letters(one), _letters(other)
    if min(len(first), len(second)) < 4:
        return False
    return first == second or (min(len(first), len(second)) >= 6 and _is_one_edit(first, second))


def is_disposable(email: str) -> bool:
    """Whether the address is at one of the known providers of addresses for an hour, or below one of them."""
    domain = email.strip().casefold().rpartition("@")[2]
    return any(domain == each or domain.endswith(f".{each}") for each in _DISPOSABLE)


def _letters(email: str) -> str:
    name = canonical(email).rpartition("@")[0].partition("+")[0]
    return "".join(character for character in name if character.isalpha())


def _is_one_edit(one: str, other: str) -> bool:
    """Whether one letter more, less or other makes the one the other."""
    if len(one) > len(other):
        one, other = other, one
    if len(other) - len(one) > 1:
        return False
    same = next((place for place, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), len(one))
    rest = one[same + 1 :] if len(one) == len(other) else one[same:]
    return rest == other[same + 1 :]
