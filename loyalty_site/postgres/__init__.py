"""Django's backend of PostgreSQL, with a look at a kept connection that costs no round trip."""
