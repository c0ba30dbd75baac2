"""The environment that a deployment is in.

The process plane writes it to a file, and again when a promotion moves the deployment without starting it anew. Absent and empty both mean
that it is in none.
"""

import json
import logging
import os
from pathlib import Path

FILE_NAME = "environment"
FILE_BYTES_MAX = 64 << 10
DEFAULT_FOLDER = "/etc/b10_dynamic_config"
DEFAULT_POLL_SECONDS = 30.0

log = logging.getLogger("ambit_runner.environment")


class EnvironmentFile:
    """Its reader. What cannot be understood leaves the last known environment in force."""

    def __init__(self, folder=None):
        self.path = Path(folder or os.environ.get("B10_DYNAMIC_CONFIG_DIR") or DEFAULT_FOLDER) / FILE_NAME
        self.current = None

    def read(self):
        try:
            with open(self.path, "rb") as file:
                text = file.read(FILE_BYTES_MAX + 1)
        except (FileNotFoundError, NotADirectoryError):
            text = b""
        except OSError as error:
            log.warning("the environment file cannot be read: %s", error)
            return self.current
        if not text.strip():
            self.current = None
            return None
        try:
            value = json.loads(text) if len(text) <= FILE_BYTES_MAX else None
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, dict) and isinstance(value.get("name"), str):
            self.current = value
        else:
            log.warning('the environment file %s is not {"name": ...}; it is passed over', self.path)
        return self.current


def poll_seconds():
    try:
        return max(0.01, float(os.environ.get("AMBIT_ENVIRONMENT_POLL_SECONDS", "")))
    except ValueError:
        return DEFAULT_POLL_SECONDS
