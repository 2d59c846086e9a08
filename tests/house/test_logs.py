"""What logs say, and what they never say."""

import logging
import sys

import pytest
import structlog

from loyalty_site.logs import logging_config


def fail_with(secret: str) -> None:
    raise RuntimeError(f"a token of {len(secret)} characters")


@pytest.mark.parametrize("plain", [False, True])
def test_a_traceback_names_no_variables(plain):
    [lines] = logging_config(level="INFO", plain=plain, stream="stdout")["formatters"].values()
    formatter = structlog.stdlib.ProcessorFormatter(
        processors=lines["processors"], foreign_pre_chain=lines["foreign_pre_chain"]
    )
    token = "rs_" + "neverinalog" * 3
    try:
        fail_with(token)
    except RuntimeError:
        record = logging.LogRecord("tests", logging.ERROR, __file__, 1, "failed", (), sys.exc_info())

    text = formatter.format(record)

    assert "a token of 36 characters" in text
    assert "fail_with" in text
    assert "neverinalog" not in text.replace('"neverinalog" * 3', "")
