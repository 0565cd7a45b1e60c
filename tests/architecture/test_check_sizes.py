"""The check of sizes measures what it says: it is shown small files. Skipped where libclang is not installed."""

import pytest

pytest.importorskip("clang.cindex")

import check_sizes


def measure(tmp_path, text: str):
    """The functions (name: lines) and classes (by name) of a file."""
    source = tmp_path / "src"
    source.mkdir(exist_ok=True)
    (source / "one.cpp").write_text(text)
    command = {"directory": str(tmp_path), "file": str(source / "one.cpp"),
               "command": f"clang++-14 -std=c++20 -o one.o -c {source / 'one.cpp'}"}
    functions, classes, errors = check_sizes.measure_all(source, [command], 1)
    assert errors == []
    return {each.name: each.lines for each in functions}, {each.name: each for each in classes}


def test_a_functions_length_is_the_lines_between_its_braces(tmp_path):
    functions, _ = measure(tmp_path, """
namespace net {
int declared();
void empty() {}
int one() { return 1; }
class Outer {
  Outer()
      : value_(2) {
    one();
  }
  int inner(int with,
            int several) const {
    auto call = [] {
      return 3;
    };

    return call();
  }
  int later();
  int value_;
};
int Outer::later() {
  return 1;
}
template <typename T>
T make() {
  // why
  return T();
}
}
""")
    assert functions == {"net::empty": 0, "net::one": 1, "net::Outer::Outer": 1, "net::Outer::inner": 5,
                         "net::Outer::later": 1, "net::make": 2}


def members(count: int, kind="int") -> str:
    return "".join(f"  {kind} {kind[:1]}{index}_;\n" for index in range(count))


def complaints(tmp_path, text: str) -> list:
    _, classes = measure(tmp_path, "namespace std { template <typename T> struct atomic { T value; }; }\n" + text)
    return list(check_sizes.complaints_about_classes(classes.values()))


@pytest.mark.parametrize("text, complaint", [
    (f"class Big {{\n{members(16)}}};", "Big has 16 members, more than 15, and gives no reason"),
    (f"class Odd {{\n{members(4, 'bool')}}};", "Odd has 4 bools, more than 3, and gives no reason"),
    (f"class Odd {{\n{members(4, 'std::atomic<bool>')}}};", "Odd has 4 bools, more than 3, and gives no reason"),
    (f"using Flag = bool;\nclass Odd {{\n{members(4, 'Flag')}}};", "Odd has 4 bools, more than 3"),
    (f"template <typename T>\nclass Big {{\n{members(16)}}};", "Big has 16 members"),
    (f"class Outer {{\n  class Inner {{\n{members(16)}  }};\n}};", "Outer::Inner has 16 members"),
    # Plain data is counted as well.
    (f"struct Big {{\n{members(16)}}};", "Big has 16 members"),
    (f"struct Odd {{\n  bool operator==(const Odd&) const = default;\n{members(4, 'bool')}}};", "Odd has 4 bools"),
    (f"class Outer {{\n  struct Inner {{\n{members(16)}  }};\n}};", "Outer::Inner has 16 members"),
    # A reason is for one limit, and is given right above.
    (f"/// Many members because it is all.\nclass Odd {{\n{members(4, 'bool')}}};", "Odd has 4 bools"),
    (f"/// Many members because it is all.\n\nclass Big {{\n{members(16)}}};", "Big has 16 members"),
    (f"/// Many members because.\nclass Big {{\n{members(16)}}};", "Big has 16 members"),
])
def test_notices_a_large_class(tmp_path, text, complaint):
    found = complaints(tmp_path, text)
    assert len(found) == 1 and complaint in found[0], found


@pytest.mark.parametrize("text", [
    f"class Full {{\n{members(15)}  static int count_;\n}};",
    f"class Full {{\n{members(3, 'bool')}{members(12)}}};",
    f"/// Many members because it has one for each option.\nstruct Data {{\n{members(30)}}};",
    f"/// All of it. Many members because it is the\n/// composition.\nclass Big {{\n{members(16)}}};",
    f"// Many bools because each is a switch.\ntemplate <typename T>\nclass Odd {{\n{members(4, 'bool')}}};",
])
def test_lets_these_pass(tmp_path, text):
    assert complaints(tmp_path, text) == []


def functions_of(*lengths):
    return [check_sizes.Function("one.cpp:1", "one", length) for length in lengths]


@pytest.mark.parametrize("lengths, complaint", [
    ([6, 6, 7, 7, 7], "the median of the functions' lengths is 7 lines, more than 6"),
    ([1] * 94 + [21] * 6, "the 95th percentile of the functions' lengths is 21 lines, more than 20"),
])
def test_notices_long_functions(lengths, complaint):
    assert list(check_sizes.complaints_about_functions(functions_of(*lengths))) == [complaint]


@pytest.mark.parametrize("lengths", [[6, 6, 6, 7, 7], [1] * 95 + [21] * 5])
def test_lets_these_functions_pass(lengths):
    assert list(check_sizes.complaints_about_functions(functions_of(*lengths))) == []
