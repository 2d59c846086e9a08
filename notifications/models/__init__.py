from notifications.models.preferences import Channel, Preference

__all__ = ["Channel", "Preference"]
