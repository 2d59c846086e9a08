"""What staff see of messages: one module a noun."""

from notifications.admin import webhook_deliveries as webhook_deliveries
from notifications.admin import webhook_endpoints as webhook_endpoints
