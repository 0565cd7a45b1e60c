"""The suites that hold for HTTP clients as for fronts: `protocol = every_wire.protocol` in a test file.

A test of such a file that needs what only a front can say (see wire.http_head) is marked with `of_fronts`.
"""

import pytest

import wire

of_fronts = pytest.mark.parametrize("protocol", wire.WIRES)


@pytest.fixture(params=wire.ALL_WIRES)
def protocol(request):
    return request.param
