from notifications.models.preferences import Channel, Preference
from notifications.models.templates import MessageTemplate, TemplateOverride

__all__ = ["Channel", "MessageTemplate", "Preference", "TemplateOverride"]
