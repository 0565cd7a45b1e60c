# Which Pythons the machine has, and what they are.
# To be sourced (bash): tests/pythons/run and tests/wheel/run share it.
# shellcheck shell=bash

# One for each minor version: the distribution's before that of a version manager.
all_pythons() {
  local python version seen=" "
  for python in /usr/bin/python3 /usr/bin/python3.1[0-9] "$(pyenv root 2>/dev/null)"/versions/3.1[0-9].*/bin/python3; do
    [[ -x $python ]] || continue
    version=$(minor_version "$python")
    [[ $seen == *" $version "* ]] && continue
    seen+="$version "
    echo "$python"
  done
}

# has_python VERSION: this machine has that minor version.
has_python() {
  local python
  for python in $(all_pythons); do
    [[ $(minor_version "$python") != "$1" ]] || return 0
  done
  return 1
}

minor_version() {
  "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])'
}

# An interpreter is one executable, or a small one with a library. The module must load into both.
describe() {
  local kind="one executable"
  [[ $(ldd "$(readlink -f "$1")") != *libpython* ]] || kind="a shared library"
  echo "$("$1" --version), $kind"
}
