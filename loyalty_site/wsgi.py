"""The web process. Gunicorn and `runserver` start here."""

import os

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "loyalty_site.settings")

import django

from loyalty_site.http.handler import Handler
from loyalty_site.startup import refuse_without_secrets, warn_of_lost_protection

refuse_without_secrets("the web process")
django.setup(set_prefix=False)
application = Handler()
warn_of_lost_protection("the web process")
