"""Makes the virtual environment of a deployment.

It is made without pip, which takes most of the time that `venv` needs; the runner's own pip installs into it from outside. The runner and
what it needs are not installed again but named in a .pth file, whose folders come after the environment's own: where the package asks for
another Starlette, it gets that one. The file is written last, because pip would otherwise take the runner's libraries for the package's.

Everything on stdout is the deployment's build log. The last line of a build that failed says what failed.
"""

import os
import re
import site
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

from .package import PackageError, load_package

PTH_NAME = "ambit_runner.pth"
LIST_NAME = "requirements-of-config.txt"
# Keys of config.yaml that would change the image of a container. There is none here.
NOT_BUILT = ("system_packages", "build_commands", "external_data", "model_cache", "weights")


def say(line):
    """Without the credentials of an index or a repository: more people read a build's log than may know those."""
    print(re.sub(r"://[^/\s@]+@", "://****@", line), flush=True)


def warn_of_what_is_not_built(package):
    wanted = re.fullmatch(r"py(\d)(\d+)", package.python_version)
    have = f"py{sys.version_info.major}{sys.version_info.minor}"
    if "python_version" in package.config and package.python_version != have:
        named = f"{wanted[1]}.{wanted[2]}" if wanted else package.python_version
        say(f"warning: config.yaml asks for Python {named}; this machine's runner has {sys.version.split()[0]}")
    for key in NOT_BUILT:
        if package.config.get(key):
            say(f"warning: config.yaml: {key} is not carried out: no image is built, the machine has to provide it")


def make_environment(directory):
    say(f"creating the virtual environment (Python {sys.version.split()[0]})")
    venv.EnvBuilder(clear=True, symlinks=True, with_pip=False).create(directory)


def pip_arguments(package, directory):
    """What pip is to install, or nothing."""
    arguments = []
    if package.requirements and package.requirements_file:
        raise PackageError("config.yaml: requirements and requirements_file exclude each other")
    if package.requirements:
        listed = directory / LIST_NAME
        listed.write_text("".join(f"{line}\n" for line in package.requirements))
        arguments = ["-r", str(listed)]
    if package.requirements_file:
        path = package.inside(package.requirements_file, "requirements_file")
        if not path.is_file():
            raise PackageError(f"config.yaml: requirements_file: the package has no file {package.requirements_file!r}")
        if path.suffix in (".toml", ".lock"):
            raise PackageError(f"config.yaml: requirements_file: {path.name} is not read; name a file in pip's format")
        arguments = ["-r", str(path)]
    return arguments


class Reason:
    """Picks out of pip's lines the one that says why it failed."""

    def __init__(self, requirements):
        self.requirements = requirements
        self.errors = []

    def see(self, line):
        text = line.strip()
        if text.lower().startswith("error: ") or text.startswith("× "):
            self.errors.append(text.removeprefix("ERROR: ").removeprefix("error: ").removeprefix("× "))

    def best(self):
        plain = [text for text in self.errors if "ResolutionImpossible" not in text and "subprocess-exited" not in text]
        reason = (plain or self.errors or ["pip gave no reason"])[0 if any("conflict" in t for t in plain) else -1]
        return re.sub(r" \(from -r [^)]*(\(line \d+\))?\)", "", reason)

    def requirement(self):
        """Which entry of the list pip speaks of: by its line, or by the entry's own words."""
        text = " ".join(self.errors)
        line = re.search(re.escape(LIST_NAME) + r" \(line (\d+)\)", text)
        if line and int(line[1]) <= len(self.requirements):
            return self.requirements[int(line[1]) - 1]
        for said in (str.strip, _file, _name):
            for entry in self.requirements:
                if said(entry) and re.search(rf"(?<!\w){re.escape(said(entry))}(?!\w)", text, re.I):
                    return entry
        return None


def _file(requirement):
    return requirement.strip().rpartition("/")[2]


def _name(requirement):
    """What it is called: the words before a version, in the name of a file as well."""
    name = _file(requirement)
    return re.split(r"-\d|\.whl" if name.endswith(".whl") else r"[\s\[<>=!~;@]", name, maxsplit=1)[0]


def environment():
    """Without the path by which this runner itself may have been found."""
    return {k: v for k, v in os.environ.items() if k != "PYTHONPATH"} | {"PYTHONUNBUFFERED": "1"}


def install(package, directory, arguments):
    command = [sys.executable, "-m", "pip", "--python", str(directory / "bin" / "python"), "--no-input"]
    command += ["--disable-pip-version-check", "--no-color", "install", "--progress-bar", "off"]
    command += ["--no-warn-script-location", *arguments]
    reason = Reason(package.requirements)
    with subprocess.Popen(
        command,
        cwd=package.directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
        text=True,
        errors="replace",
    ) as pip:
        for line in pip.stdout:
            say(line.rstrip())
            reason.see(line)
    if pip.returncode != 0:
        named = reason.requirement()
        what = f"requirement {named!r}" if named else "the requirements"
        raise PackageError(f"{what} could not be installed: {reason.best()}")


def runner_folders():
    """Where this runner and its libraries lie."""
    paths = sysconfig.get_paths()
    folders = [str(Path(__file__).resolve().parent.parent), paths["purelib"], paths["platlib"], *site.getsitepackages()]
    if site.ENABLE_USER_SITE:
        folders.append(site.getusersitepackages())
    return [folder for folder in dict.fromkeys(folders) if os.path.isdir(folder)]


def join_runner(directory):
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    packages = directory / "lib" / version / "site-packages"
    (packages / PTH_NAME).write_text("".join(f"{folder}\n" for folder in runner_folders()))
    check = "import ambit_runner.serve"
    found = subprocess.run(
        [directory / "bin" / "python", "-c", check],
        cwd=directory,
        env=environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if found.returncode != 0:
        last = found.stderr.strip().splitlines()[-1:] or ["no reason given"]
        raise PackageError(f"the runner does not work with the versions that the package asks for: {last[0]}")


def build(package_directory, venv_directory):
    directory = Path(venv_directory).absolute()
    try:
        package = load_package(package_directory)
        warn_of_what_is_not_built(package)
        make_environment(directory)
        arguments = pip_arguments(package, directory)
        if arguments:
            install(package, directory, arguments)
        else:
            say("no requirements to install")
        if not package.has_own_server:
            join_runner(directory)
    except (PackageError, OSError, subprocess.SubprocessError) as error:
        say(f"build failed: {' '.join(str(error).split())}")
        return 1
    say("build finished")
    return 0
