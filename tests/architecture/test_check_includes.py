"""The check of the arrows notices what it is for: it is shown a small tree with one thing wrong."""

import pytest

import check_includes

TREE = {
    "src/CMakeLists.txt": "",
    "src/main.cpp": '#include "daemon/daemon.hpp"\n',
    "src/daemon/CMakeLists.txt": "appd_library(appd_daemon DEPENDS appd_pool Boost::headers)\n",
    "src/daemon/daemon.hpp": '#include "net/server.hpp"\n',
    "src/pool/CMakeLists.txt": "appd_library(appd_pool DEPENDS appd_net)\n",
    "src/pool/pool.hpp": '#include "net/dispatcher.hpp"\n'
                         "namespace appd::pool {\nclass Pool final : public net::Dispatcher {\n};\n}\n",
    "src/pool/pool.cpp": '#include "pool/pool.hpp"\n',
    "src/net/CMakeLists.txt": "appd_library(appd_net\n    DEPENDS appd_support)\n",
    "src/net/dispatcher.hpp": "namespace appd::net {\nclass Dispatcher {\n"
                              " public:\n  virtual void submit(int request = {}) noexcept = 0;\n};\n}\n",
    "src/net/server.hpp": '#include "net/dispatcher.hpp"\n#include "support/clock.hpp"\n',
    "src/net/server.cpp": '#include "net/server.hpp"\n',
    "src/support/CMakeLists.txt": "appd_library(appd_support)\n",
    "src/support/clock.hpp": "// class Comment : public net::Dispatcher {};\n",
    "tests/fakes/fake_pool.hpp": "namespace appd::test {\nstruct FakePool : net::Dispatcher {\n};\n}\n",
}


def complaints(tmp_path, changes: dict) -> list:
    """What the check says of the tree with these files changed; a file with None is not there."""
    for name, text in {**TREE, **changes}.items():
        if text is not None:
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
    return list(check_includes.complaints(tmp_path / "src", tmp_path / "tests"))


def more(name: str, text: str) -> dict:
    """The file with a line before its others."""
    return {name: f"{text}\n{TREE[name]}"}


def test_a_tree_with_nothing_wrong(tmp_path):
    assert complaints(tmp_path, {}) == []


NO_FAKE = {"tests/fakes/fake_pool.hpp": None}
ONLY_POOL = "does not depend on pool/pool.hpp, which alone implements appd::net::Dispatcher"


@pytest.mark.parametrize("changes, complaint", [
    (more("src/support/clock.hpp", '#include "net/server.hpp"'),
     "support/clock.hpp:1: support does not depend on net/server.hpp"),
    (more("src/net/server.cpp", "#include <Python.h>"), "net/server.cpp:1: Python.h belongs to runtime/python alone"),
    ({"src/log/log.hpp": ""}, "log: the folder has no library"),
    ({"src/support/CMakeLists.txt": "appd_library(appd_support DEPENDS appd_net)\n"},
     "appd_net depends on itself, through the DEPENDS lines"),
    # The only implementer is above who calls through the interface.
    (NO_FAKE, f"net/server.hpp:1: net {ONLY_POOL}"),
    # A class that derives from the implementer is no second one, and neither is one that is abstract itself.
    ({"tests/fakes/fake_pool.hpp": "struct Slow : pool::Pool {\n};\n"}, f"net/server.hpp:1: net {ONLY_POOL}"),
    ({"tests/fakes/fake_pool.hpp": "struct Half : net::Dispatcher {\n  virtual int more() = 0;\n};\n"},
     f"net/server.hpp:1: net {ONLY_POOL}"),
    # Text of another language in a string is no class.
    ({"tests/fakes/fake_pool.hpp": 'auto code = R"py(struct Fake : net::Dispatcher {)py";\n'},
     f"net/server.hpp:1: net {ONLY_POOL}"),
])
def test_notices_a_wrong_arrow(tmp_path, changes, complaint):
    assert any(each.startswith(complaint) for each in complaints(tmp_path, changes)), complaints(tmp_path, changes)


@pytest.mark.parametrize("changes", [
    # A second implementer behind an abstract class.
    {"tests/fakes/fake_pool.hpp": "struct Half : net::Dispatcher {\n  virtual int more() const = 0;\n};\n"
                                  "class Whole final : public Half {\n};\n"},
    # One in another namespace, found by its last name, with template arguments and a second base.
    {"tests/fakes/fake_pool.hpp": "class CAPABILITY(\"fake\") Fake : std::map<int, char>, private Dispatcher {\n};\n"},
    # Who calls through the interface is above the only implementer.
    {**NO_FAKE, "src/net/server.hpp": "", "src/daemon/daemon.hpp": '#include "net/dispatcher.hpp"\n'},
])
def test_a_seam_does_not_count(tmp_path, changes):
    assert complaints(tmp_path, changes) == []


@pytest.mark.parametrize("changes, complaint", [
    # A .cpp belongs to its .hpp.
    ({"src/net/request.hpp": "", "src/net/request.cpp": '#include "net/server.hpp"\n',
      **more("src/net/server.cpp", '#include "net/request.hpp"')},
     "a circle of files: net/request → net/server → net/request"),
    # Each is named, and what only leads there is not.
    ({"src/support/one.hpp": '#include "support/two.hpp"\n', "src/support/two.hpp": '#include "support/three.hpp"\n',
      "src/support/three.hpp": '#include "support/one.hpp"\n#include "support/clock.hpp"\n',
      **more("src/net/server.hpp", '#include "support/one.hpp"')},
     "a circle of files: support/one → support/two → support/three → support/one"),
    # Through an interface that hides nothing.
    ({"src/net/session.hpp": '#include "net/events.hpp"\n',
      "src/net/events.hpp": "struct Events {\n  virtual int on_end() = 0;\n};\n",
      "src/net/connection.hpp": '#include "net/session.hpp"\nclass Connection : Events {\n};\n'},
     "a circle of files: net/connection → net/session → net/connection"),
])
def test_notices_a_circle_of_files(tmp_path, changes, complaint):
    assert complaints(tmp_path, changes) == [complaint]
