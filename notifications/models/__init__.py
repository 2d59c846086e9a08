from notifications.models.campaigns import NudgeCampaign, NudgeExposure, NudgeType
from notifications.models.deliveries import Circuit, Delivery, Suppression, Withdrawal
from notifications.models.messages import Kind, Message
from notifications.models.nudges import Nudge, NudgeDispatchEvent
from notifications.models.preferences import Channel, Preference

__all__ = [
    "Channel",
    "Circuit",
    "Delivery",
    "Kind",
    "Message",
    "Nudge",
    "NudgeCampaign",
    "NudgeDispatchEvent",
    "NudgeExposure",
    "NudgeType",
    "Preference",
    "Suppression",
    "Withdrawal",
]
