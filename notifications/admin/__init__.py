"""What staff see of messages: one module a noun."""

from notifications.admin import nudge_campaigns as nudge_campaigns
from notifications.admin import nudge_dispatches as nudge_dispatches
from notifications.admin import nudges as nudges
