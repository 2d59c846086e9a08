"""What every test can ask for. The server itself is started in `tests/server.py`."""

pytest_plugins = ["tests.databases", "tests.browsers", "tests.cast", "tests.tills", "tests.node"]
