"""How gunicorn serves: `gunicorn loyalty_site.wsgi --config=python:loyalty_site.web --workers=2 --bind=...`.

Whatever stands on the command line goes before what stands here.
"""

worker_class = "loyalty_site.threads.Worker"
threads = 8
# Longer than nginx keeps one to web (60 s): who closes it first should be who sends requests on it.
keepalive = 75
# It would listen in the home of whoever starts it; signals do all that it does.
control_socket_disable = True
