"""The alert of a night that ended with an error: nothing was published, and somebody has to know it before the morning."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sendworthy.audit.alerts import AlertResult, SentAlerts, alert_of_failure, read_channels, send_alerts
from sendworthy.foundation.clock import iso, utc_now
from sendworthy.foundation.errors import EXIT_BUILD_FAILED, EXIT_USAGE, SendworthyError, SettingsError
from sendworthy.foundation.project import Project


@dataclass
class FailureAlert:
    """What is known of a night when it fails; without a project, nobody knows whom to alert."""

    project: Project | None = None
    database: Path = Path()
    as_of: datetime | None = None

    def send(self, error: SendworthyError) -> Sequence[AlertResult]:
        """Alert of an error that ends the night with 1 or 2, once a night and cause."""
        if self.project is None or error.exit_code not in (EXIT_BUILD_FAILED, EXIT_USAGE):
            return ()
        try:
            channels = read_channels(self.project, os.environ)
        except SettingsError as wrong:
            return (
                [AlertResult(None, "settings of alerts", False, wrong.what)]
                if wrong.what != error.what
                else ()
            )
        night = iso(self.as_of) if self.as_of else utc_now().date().isoformat()
        return send_alerts([alert_of_failure(error, night)], channels, SentAlerts(self.database))
