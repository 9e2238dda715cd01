"""Logs that are set up a second time reach the loggers that have written by then."""

import pytest
import structlog
from structlog.testing import capture_logs

from crm_shared.telemetry.logs import configure_logs

logger = structlog.get_logger(__name__)


@pytest.mark.usefixtures("restored_logs")
def test_a_logger_that_has_written_follows_the_second_setting_up() -> None:
    configure_logs(service="test", role="job")
    logger.info("first")
    configure_logs(service="test", role="job")
    with capture_logs() as logs:
        logger.info("second")
    assert [entry["event"] for entry in logs] == ["second"]
