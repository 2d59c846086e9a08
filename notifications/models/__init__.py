from notifications.models.deliveries import Circuit, Delivery, Suppression, Withdrawal
from notifications.models.messages import Kind, Message
from notifications.models.preferences import Channel, Preference

__all__ = ["Channel", "Circuit", "Delivery", "Kind", "Message", "Preference", "Suppression", "Withdrawal"]
