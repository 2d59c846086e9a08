from notifications.models.campaigns import NudgeCampaign, NudgeExposure, NudgeType
from notifications.models.deliveries import Circuit, Delivery, EarlyReport, Suppression, Withdrawal
from notifications.models.greetings import GreetingSettings
from notifications.models.messages import Kind, Message
from notifications.models.nudges import Nudge, NudgeDispatchEvent
from notifications.models.preferences import Channel, Preference
from notifications.models.templates import MessageTemplate, TemplateOverride
from notifications.models.webhooks import WebhookDelivery, WebhookEndpoint

__all__ = [
    "Channel",
    "Circuit",
    "Delivery",
    "EarlyReport",
    "GreetingSettings",
    "Kind",
    "Message",
    "MessageTemplate",
    "Nudge",
    "NudgeCampaign",
    "NudgeDispatchEvent",
    "NudgeExposure",
    "NudgeType",
    "Preference",
    "Suppression",
    "TemplateOverride",
    "WebhookDelivery",
    "WebhookEndpoint",
    "Withdrawal",
]
