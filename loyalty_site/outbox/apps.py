from django.apps import AppConfig


class OutboxConfig(AppConfig):
    name = "loyalty_site.outbox"
    label = "outbox"

    def ready(self) -> None:
        from loyalty_site.jobs import delivery
        from loyalty_site.outbox import publishing, relaying

        delivery.register("outbox", relaying.drain, channels=[publishing.CHANNEL])
