"""python -m appd: the program appd that was installed beside this Python."""

import os
import sys
import sysconfig


def main() -> None:
    program = os.path.join(sysconfig.get_path("scripts"), "appd")
    try:
        os.execv(program, [program, *sys.argv[1:]])
    except OSError as error:
        sys.exit(f"python -m appd: cannot execute {program}: {error.strerror}")


if __name__ == "__main__":
    main()
