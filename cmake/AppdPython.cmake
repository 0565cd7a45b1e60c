# The CPython to embed. By default the distribution's, whose modules its package manager installs,
# and not whatever a version manager puts first in PATH.

set(APPD_PYTHON "/usr/bin/python3" CACHE FILEPATH "Interpreter whose library is embedded (3.11 or newer)")
set(Python3_EXECUTABLE ${APPD_PYTHON})
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter Development.Embed)
