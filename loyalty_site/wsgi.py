"""The web process. Gunicorn and `runserver` start here."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")
# A pool hands a few connections to many threads; only web processes use one (see settings).
os.environ.setdefault("DATABASE_POOL", "1")

from django.core.wsgi import get_wsgi_application

from loyalty_site.startup import refuse_without_secrets, warn_of_lost_protection

refuse_without_secrets("the web process")
application = get_wsgi_application()
warn_of_lost_protection("the web process")
