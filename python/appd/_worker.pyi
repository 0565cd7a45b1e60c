# The extension module that makes a Python a worker. Only the appd that executes that Python calls it.
from typing import NoReturn

def run(start_file: int) -> NoReturn: ...
