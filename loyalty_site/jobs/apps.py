import os

from django.apps import AppConfig


class JobsConfig(AppConfig):
    name = "loyalty_site.jobs"
    label = "jobs"

    def ready(self) -> None:
        from django_q.signals import post_execute_in_worker, pre_execute

        from loyalty_site.jobs import broker, identity, lifeline, purging  # noqa: F401

        pre_execute.connect(broker.note_start, dispatch_uid="jobs.note_start")
        post_execute_in_worker.connect(broker.note_end, dispatch_uid="jobs.note_end")
        if identity.VARIABLE in os.environ:
            lifeline.children_end_with_this_process()
