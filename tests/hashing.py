"""A password hash that costs nothing: with the real one, making a test's staff would take longer than the test."""

from django.contrib.auth.hashers import PBKDF2PasswordHasher


class QuickHasher(PBKDF2PasswordHasher):
    """One round. A site served to a test, with the real settings, reads it like any older hash, and renews it."""

    iterations = 1


QUICK = ["tests.hashing.QuickHasher", "django.contrib.auth.hashers.Argon2PasswordHasher"]
