"""What runs when: job name -> (function, cron). Times are UTC. Applied by `manage.py sync_schedules`."""

SCHEDULES: dict[str, tuple[str, str]] = {
    "loyalty.expire_points": ("loyalty.jobs.expire_points", "0 2 * * *"),
    "loyalty.capture_loyalty_analytics_snapshot": ("referrals.jobs.capture_snapshot", "0 3 * * *"),
    "loyalty.reconcile": ("loyalty.jobs.reconcile", "30 3 * * *"),
    "loyalty.run_loyalty_progression": ("loyalty.jobs.run_loyalty_progression", "15 * * * *"),
    "loyalty.release_holds": ("loyalty.jobs.release_holds", "40 * * * *"),
    "notifications.aggregate_loyalty_nudges": ("notifications.nudges.jobs.aggregate", "*/10 * * * *"),
    "notifications.dispatch_loyalty_nudges": ("notifications.nudges.jobs.dispatch", "5-59/10 * * * *"),
    # An hour at which the day is the same one nearly everywhere on earth, and which is a decent one in Europe.
    "notifications.send_greetings": ("notifications.jobs.send_greetings", "0 8 * * *"),
    "notifications.send_messages": ("notifications.jobs.send_messages", "* * * * *"),
    "notifications.purge": ("notifications.jobs.purge", "50 4 * * *"),
    "referrals.settle_rewards": ("referrals.jobs.settle_rewards", "* * * * *"),
    "referrals.close_reviews": ("referrals.jobs.close_reviews", "50 * * * *"),
    "referrals.expire_invites": ("referrals.jobs.expire_invites", "35 2 * * *"),
    "referrals.count_figures": ("referrals.jobs.count_figures", "10 3 * * *"),
    "referrals.forget_devices": ("referrals.jobs.forget_devices", "40 4 * * *"),
    "storefront.forget_join_requests": ("loyalty_site.storefront.jobs.forget_join_requests", "55 4 * * *"),
    "outbox.relay": ("loyalty_site.outbox.jobs.relay", "* * * * *"),
    "outbox.purge": ("loyalty_site.outbox.jobs.purge", "10 4 * * *"),
    "webhooks.send": ("notifications.webhooks.jobs.send", "* * * * *"),
    "webhooks.purge": ("notifications.webhooks.jobs.purge", "45 4 * * *"),
    "http.purge": ("loyalty_site.http.jobs.purge", "25 * * * *"),
    "jobs.purge": ("loyalty_site.jobs.purging.purge", "20 4 * * *"),
}
