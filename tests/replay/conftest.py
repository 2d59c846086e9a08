"""What tests of replays share."""

import pytest

from tests.replay.shop import Shop


@pytest.fixture
def shop(db: None, tmp_path):
    """A shop that nobody has heard of yet."""
    return Shop(tmp_path)
