"""The `secrets` argument of a model: the names that config.yaml lists, with the values that the process plane passed."""

import os
from collections.abc import Mapping

PREFIX = "TRUSS_SECRET_"


class SecretError(KeyError):
    def __str__(self):
        return self.args[0]


class Secrets(Mapping):
    """Values are never shown when it is printed. What is not there is an error that says how to get it there."""

    def __init__(self, listed, environ=os.environ):
        self._listed = list(listed)
        self._values = {name: environ[PREFIX + name] for name in self._listed if PREFIX + name in environ}

    def __getitem__(self, name):
        if name in self._values:
            return self._values[name]
        if name in self._listed:
            raise SecretError(f"secret {name!r} is listed in config.yaml, but has no value: set it in the workspace's secrets")
        raise SecretError(f"secret {name!r} is not listed in config.yaml: add it under `secrets`")

    def __iter__(self):
        return iter(self._values)

    def __len__(self):
        return len(self._values)

    def __repr__(self):
        return f"Secrets({', '.join(self._listed)})"
