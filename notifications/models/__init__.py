from notifications.models.preferences import Channel, Preference
from notifications.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = ["Channel", "Preference", "WebhookDelivery", "WebhookEndpoint"]
