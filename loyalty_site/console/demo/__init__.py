"""The demo: two made-up merchants with a year of history, and the processes that serve them.

`plans` reads fixtures/demo, `people` and `visits` decide who is a member and when they come, `merchants` and
`history` put that through the operations, `seeding` does it once, and `processes` runs web and worker.
"""
