"""A package on disk: its config.yaml, as far as building and serving need it.

Whether the file keeps to Truss's schema is checked where it is pushed. Here, what is read is checked once more, so that a wrong value is
named with the field it stands in, and does not appear as a traceback somewhere else.
"""

import reprlib
from dataclasses import dataclass, field
from pathlib import Path

import yaml

CONFIG_BYTES_MAX = 1 << 20
DEFAULT_PYTHON = "py313"
DEFAULT_STREAMING_READ_TIMEOUT = 60
DEFAULT_PING_SECONDS = 20

# A few aliases make a value that is endless when it is written out.
_in_short = reprlib.Repr()
_in_short.maxlevel = 1


class PackageError(Exception):
    """Something in the package is wrong; the message says what, and is meant for its author."""


@dataclass
class Package:
    directory: Path
    config: dict
    requirements: list = field(default_factory=list)
    requirements_file: str | None = None
    python_version: str = DEFAULT_PYTHON
    secrets: list = field(default_factory=list)
    environment_variables: dict = field(default_factory=dict)
    has_own_server: bool = False
    predict_concurrency: int = 1
    streaming_read_timeout: float = DEFAULT_STREAMING_READ_TIMEOUT
    debug_logs: bool = False
    ping_interval: float = DEFAULT_PING_SECONDS
    ping_timeout: float = DEFAULT_PING_SECONDS

    def inside(self, relative, what):
        """A path of the package's own, which may not lead out of it."""
        path = (self.directory / relative).resolve()
        if not path.is_relative_to(self.directory):
            raise PackageError(f"config.yaml: {what}: {str(relative)!r} leads out of the package")
        return path

    @property
    def data_dir(self):
        return self.inside(self.config.get("data_dir") or "data", "data_dir")

    def import_paths(self):
        """Folders that the model may import from, the package itself first."""
        folders = [self.directory]
        bundled = self.inside(self.config.get("bundled_packages_dir") or "packages", "bundled_packages_dir")
        if bundled.is_dir():
            folders.append(bundled)
        for name in _list_of_text(self.config, "external_package_dirs"):
            folder = self.inside(name, "external_package_dirs")
            if not folder.is_dir():
                raise PackageError(f"config.yaml: external_package_dirs: there is no folder {name!r} in the package")
            folders.append(folder)
        return [str(folder) for folder in folders]


def _wrong(name, expected, found):
    return PackageError(f"config.yaml: {name}: expected {expected}, found {_in_short.repr(found)}")


def _mapping(config, name):
    """What is found instead is not shown: it may be secret."""
    value = config.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict):
        kind = {str: "a text", list: "a list"}.get(type(value), "something else")
        raise PackageError(f"config.yaml: {name}: expected a mapping, found {kind}")
    return value


def _list_of_text(config, name):
    value = config.get(name)
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise _wrong(name, "a list of texts", value)
    return value


def _text(config, name, default):
    value = config.get(name)
    if value is None:
        return default
    if not isinstance(value, str) or not value:
        raise _wrong(name, "a text", value)
    return value


def _number(section, where, name, default, least):
    value = section.get(name)
    if value is None:
        return default
    if isinstance(value, bool) or not isinstance(value, (int, float)) or value < least:
        raise _wrong(f"{where}.{name}", f"a number of at least {least}", value)
    return value


def _read(path):
    try:
        with open(path, "rb") as file:
            text = file.read(CONFIG_BYTES_MAX + 1)
    except FileNotFoundError:
        raise PackageError(f"{path.parent} has no config.yaml: it is not a Truss package") from None
    if len(text) > CONFIG_BYTES_MAX:
        raise PackageError(f"config.yaml is larger than {CONFIG_BYTES_MAX} bytes")
    try:
        config = yaml.safe_load(text)
    except RecursionError:
        raise PackageError("config.yaml is not YAML: it is nested too deeply") from None
    except Exception as error:  # not of YAML's own alone: a wrong date is a ValueError, a wrong !!bool a KeyError
        raise PackageError(f"config.yaml is not YAML: {' '.join(str(error).split())}") from None
    if config is None:
        return {}
    if not isinstance(config, dict):
        raise PackageError("config.yaml: expected a mapping")
    return config


def load_package(directory):
    directory = Path(directory).resolve()
    config = _read(directory / "config.yaml")
    runtime = _mapping(config, "runtime")
    transport = _mapping(runtime, "transport")
    concurrency = _number(runtime, "runtime", "predict_concurrency", 1, 1)
    if int(concurrency) != concurrency:
        raise _wrong("runtime.predict_concurrency", "a whole number", concurrency)
    return Package(
        directory=directory,
        config=config,
        requirements=_list_of_text(config, "requirements"),
        requirements_file=_text(config, "requirements_file", None),
        python_version=_text(config, "python_version", DEFAULT_PYTHON),
        secrets=[str(name) for name in _mapping(config, "secrets")],
        environment_variables=_mapping(config, "environment_variables"),
        has_own_server=bool(config.get("docker_server")),
        predict_concurrency=int(concurrency),
        streaming_read_timeout=_number(
            runtime, "runtime", "streaming_read_timeout", DEFAULT_STREAMING_READ_TIMEOUT, 0.001
        ),
        debug_logs=runtime.get("enable_debug_logs") is True,
        ping_interval=_number(transport, "runtime.transport", "ping_interval_seconds", DEFAULT_PING_SECONDS, 0.001),
        ping_timeout=_number(transport, "runtime.transport", "ping_timeout_seconds", DEFAULT_PING_SECONDS, 0.001),
    )
