"""Where the platform is reached from outside: messages are written where no request says so."""

from django.conf import settings


def base() -> str:
    """PUBLIC_URL; without it the first host that is allowed. No slash at its end."""
    if settings.PUBLIC_URL:
        return str(settings.PUBLIC_URL)
    hosts = [host.lstrip(".") for host in settings.ALLOWED_HOSTS if host.strip("*.")]
    scheme = "https" if settings.BEHIND_TLS else "http"
    return f"{scheme}://{hosts[0] if hosts else 'localhost'}"
