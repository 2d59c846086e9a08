"""The tags and filters a message may use: Django's own, of which none reads settings, files or rows, nor costs much.

What is left out is left out for a reason: `include`, `extends` and `load` read files; `debug` and `now` read settings;
`center`, `ljust`, `floatformat` and `stringformat` make a gigabyte of a short text; `safe` and `autoescape` let a
member's name be markup; `with`, `cycle` and `regroup` are nothing a message needs.
"""

from django.template import Library, defaultfilters
from django.template.defaulttags import comment, do_for, do_if

register = Library()
register.tag("if", do_if)
register.tag("for", do_for)
register.tag("comment", comment)

TAGS = ("if", "for", "comment")
FILTERS = (
    "capfirst",
    "default",
    "default_if_none",
    "first",
    "join",
    "last",
    "length",
    "linebreaksbr",
    "lower",
    "pluralize",
    "title",
    "truncatechars",
    "truncatewords",
    "upper",
)
for name in FILTERS:
    register.filters[name] = defaultfilters.register.filters[name]
