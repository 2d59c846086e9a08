"""The web process. Gunicorn and `runserver` start here."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")

from django.conf import settings
from django.core.wsgi import get_wsgi_application

from loyalty_site import upkeep
from loyalty_site.startup import refuse_without_secrets, warn_of_lost_protection

refuse_without_secrets("the web process")
application = get_wsgi_application()
if not settings.DEBUG:
    upkeep.take_over()
warn_of_lost_protection("the web process")
