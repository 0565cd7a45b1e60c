"""python -m appd: the program appd that was installed with this package."""

import importlib.metadata
import os
import sys


def find_program() -> str:
    """Wherever pip has put it: an environment's bin, or that of `pip install --user`."""
    files = importlib.metadata.files("appd") or []
    return next(os.path.abspath(each.locate()) for each in files if each.parts[-2:] == ("bin", "appd"))


def main() -> None:
    program = "appd"
    try:
        program = find_program()
        os.execv(program, [program, *sys.argv[1:]])
    except (importlib.metadata.PackageNotFoundError, StopIteration):
        sys.exit(f"python -m appd: pip has not installed appd for {sys.executable}")
    except OSError as error:
        sys.exit(f"python -m appd: cannot execute {program}: {error.strerror}")


if __name__ == "__main__":
    main()
