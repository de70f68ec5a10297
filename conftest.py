"""What every test gets; the suite's database is `tests/database.py`."""

pytest_plugins = ["tests.plugin"]
