from notifications.models.deliveries import Circuit, Delivery, Suppression, Withdrawal
from notifications.models.messages import Kind, Message
from notifications.models.preferences import Channel, Preference
from notifications.models.templates import MessageTemplate, TemplateOverride

__all__ = [
    "Channel",
    "Circuit",
    "Delivery",
    "Kind",
    "Message",
    "MessageTemplate",
    "Preference",
    "Suppression",
    "TemplateOverride",
    "Withdrawal",
]
