# The Debian packages that the project needs, by purpose, and how a script gets those that are missing.
# To be sourced (bash): deploy/quickstart, tests/coverage, tests/run-all and .ci/run share it.
# shellcheck shell=bash

# shellcheck disable=SC2034  # used by those who source this
build_packages=(
  g++ cmake ninja-build
  libboost-dev libboost-program-options-dev libfmt-dev doctest-dev
  python3 python3-dev
)
site_packages=(nginx python3-flask curl)
test_packages=(apache2-bin lighttpd haproxy caddy wrk iproute2 python3-pytest python3-h11 python3-django
  python3-venv systemd python3-gevent python3-eventlet python3-numpy libopenblas0-pthread python3-bottle
  python3-falcon python3-lxml python3-yaml bash-completion zsh fish man-db groff-base mandoc)
bench_packages=(
  uwsgi-core uwsgi-plugin-python3 gunicorn apache2-bin libapache2-mod-wsgi-py3 python3-flask python3-django
  nginx python3-matplotlib python3-venv
)
check_packages=(clang-14 clang-format-14 clang-tidy-14 libclang-rt-14-dev python3-clang-14 git shellcheck
  python3-flake8 debootstrap ccache chromium)
coverage_packages=(gcovr)

as_root() {
  if [[ $EUID -eq 0 ]]; then
    "$@"
  elif command -v sudo >/dev/null; then
    sudo "$@"
  else
    echo "root is needed for: $* (run this as root, or install sudo)" >&2
    return 1
  fi
}

# Where a version of Boost is installed that is not the default, as libboost1.81-dev, it counts: apt would refuse to
# put the default beside it. CMake checks whether it is new enough.
is_installed() {
  local names=("$1") statuses
  [[ $1 != libboost*-dev ]] || names+=("${1%-dev}[0-9].[0-9][0-9]-dev")
  statuses=$(dpkg-query -W -f ' ${db:Status-Status} ' "${names[@]}" 2>/dev/null || true)  # fails for an unknown name
  [[ $statuses == *" installed "* ]]
}

# Installs those of the named packages that are missing. Their services are not started: a policy file
# tells Debian's maintainer scripts so for as long as the installation takes (unless there is one already).
install_missing() {
  local package missing=() policy=/usr/sbin/policy-rc.d own_policy=no status=0
  for package in "$@"; do
    is_installed "$package" || missing+=("$package")
  done
  [[ ${#missing[@]} -eq 0 ]] && return 0
  echo "Installing ${missing[*]}"
  as_root apt-get update -q || return
  if [[ ! -e $policy ]]; then
    printf '#!/bin/sh\nexit 101\n' | as_root tee "$policy" >/dev/null || return
    as_root chmod 755 "$policy"
    own_policy=yes
  fi
  as_root env DEBIAN_FRONTEND=noninteractive \
    apt-get install -q -y --no-install-recommends "${missing[@]}" || status=$?
  [[ $own_policy == no ]] || as_root rm -f "$policy"
  return "$status"
}
