"""What gunicorn calls for every request."""

from collections.abc import Callable
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.urls import set_script_prefix

from loyalty_site.http.middleware import speaks_for_itself
from loyalty_site.postgres.own import own_connection


class Handler(WSGIHandler):
    """Django's, with a short way for calls of the API that bring their credential in a header.

    Django tells of the beginning and the end of a request by signals, whose receivers go through every database and
    cache that there may be: a twentieth of what a purchase costs a web process. Of all that, such a call needs its
    connection looked after, as Django looks after it.
    """

    def __call__(self, environ: dict[str, Any], start_response: Callable[..., Any]) -> Any:
        if environ.get("SCRIPT_NAME") or not speaks_for_itself(environ):
            try:
                return super().__call__(environ, start_response)
            finally:
                # A site below a path has it in its addresses, and so would those of the thread's next call.
                set_script_prefix("/")
        # Hours may have passed since the request before.
        database = own_connection()
        database.close_if_unusable_or_obsolete()
        request = self.request_class(environ)
        response: Any = self.get_response(request)
        headers = [*response.items(), *(("Set-Cookie", each.OutputString()) for each in response.cookies.values())]
        start_response(f"{response.status_code} {response.reason_phrase}", headers)
        if response.streaming:
            # It is read after this, and then says itself that it has ended.
            return response
        request.close()
        database.close_if_unusable_or_obsolete()
        return [response.content]
