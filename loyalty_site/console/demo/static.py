"""Collecting the static files, where they have changed since they were collected."""

import hashlib
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.core.management import call_command


def collect() -> bool:
    """Collect the files web serves; say whether there was anything to do. A break in the middle is made good."""
    known = Path(settings.STATIC_ROOT) / ".collected"
    wanted = _digest()
    if known.exists() and known.read_text() == wanted:
        return False
    known.unlink(missing_ok=True)
    call_command("collectstatic", verbosity=0, interactive=False)
    known.write_text(wanted)
    return True


def _digest() -> str:
    """What stands for the files as they are now: their names, sizes and ages, and how they are stored."""
    digest = hashlib.sha256(repr(settings.STORAGES["staticfiles"]).encode())
    for finder in get_finders():
        for name, storage in finder.list([]):
            status = Path(storage.path(name)).stat()
            digest.update(f"{name}:{status.st_size}:{status.st_mtime_ns};".encode())
    return digest.hexdigest()
