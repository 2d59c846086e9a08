"""The functions of the doors that the runtime role calls; its tables are ordinary ones."""

from loyalty_site.tenants import roles


def declare() -> None:
    """Let the runtime role call them."""
    roles.allow_function("http_count_v1(text, integer)")
    roles.allow_function("http_admit_key_v1(bytea, integer)")
    roles.allow_function("http_admit_staff_v1(bytea, uuid, integer)")
    roles.allow_function("http_take_key_v1(text, text)")
