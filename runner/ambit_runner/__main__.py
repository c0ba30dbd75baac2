"""The two commands.

    python -m ambit_runner build PACKAGE_DIR VENV_DIR
    python -m ambit_runner serve PACKAGE_DIR

Only what a command needs is imported: `build` has to run where nothing but the standard library and PyYAML is at hand.
"""

import sys

USAGE = "usage: python -m ambit_runner build PACKAGE_DIR VENV_DIR | serve PACKAGE_DIR"


def main(arguments):
    match arguments:
        case ["build", package, venv]:
            from .build import build

            return build(package, venv)
        case ["serve", package]:
            from .serve import serve

            return serve(package)
    print(USAGE, file=sys.stderr)
    return 2


if __name__ == "__main__":
    if not sys.flags.safe_path:
        # The folder that the command was started in, which may be the package's: a yaml.py there is not our yaml.
        del sys.path[0]
    sys.exit(main(sys.argv[1:]))
