"""Jobs: what ran (`runs.record`), what the scheduler runs (`scheduled.job`), and the processes that run it."""
