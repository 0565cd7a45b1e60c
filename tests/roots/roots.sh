# Roots: folders with another release, which debootstrap makes and in which commands run, in namespaces of their own.
# To be sourced (bash) by a script that then has $work, a folder that is gone at its end, and a `clean_up` of its own
# if it starts more than this. Needs root, and 3 GB in TMPDIR (/var/tmp) for a root with what a build needs.
# shellcheck shell=bash

roots_folder=$(dirname "$(readlink -f "${BASH_SOURCE[0]}")")
root=$(cd "$roots_folder/../.." && pwd)
export CCACHE_DIR=${CCACHE_DIR:-$HOME/.cache/ccache}
mirror=$(sed -nE 's/^(URIs: *|deb +)(http[^ ]*).*/\2/p' /etc/apt/sources.list.d/debian.sources /etc/apt/sources.list \
  2>/dev/null | head -n 1) || true  # one of the two is missing
work=$(mktemp -d "${TMPDIR:-/var/tmp}/appd-roots.XXXXXX")
running=

# Ends an `unshare`: with the first process of its namespaces all others end, and what is mounted there goes.
end_namespaces() {
  xargs -r kill -KILL <"/proc/$1/task/$1/children" || kill -KILL "$1" || true
  wait "$1" || true
} 2>/dev/null

clean_roots() {
  trap - EXIT INT TERM
  [[ -z $running ]] || end_namespaces "$running"
  rm -rf --one-file-system "$work"
}
trap clean_roots EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

fail() {
  echo "$0: $1" >&2
  exit 1
}

# Shows the output only of what fails.
quietly() {
  "$@" >"$work/log" 2>&1 || { tail -n 60 "$work/log"; fail "failed: $*"; }
}

# Waits for the last command in the background. Unlike one in the foreground, it does not delay a signal's trap.
await() {
  local status=0
  running=$!
  wait "$running" || status=$?
  running=
  return "$status"
}

# make_base RELEASE | ROOT: a base that is not changed, either the folder of that name or what debootstrap makes.
make_base() {
  if [[ -d $1 ]]; then
    ln -s "$(realpath "$1")" "$work/base"
  else
    quietly debootstrap --variant=minbase "$1" "$work/base" "$mirror"
  fi
}

# copy_base NAME: a copy of the base, as a new machine is.
copy_base() {
  cp -a --reflink=auto "$work/base/." "$work/$1"
  cp -L /etc/resolv.conf "$work/$1/etc/resolv.conf"
  # Authorities that this machine trusts besides Debian's, for pip: `ca-certificates` takes them in.
  [[ ! -d /usr/local/share/ca-certificates ]] || cp -rL /usr/local/share/ca-certificates "$work/$1/usr/local/share/"
  # Debian's images for containers leave pages and documents out.
  rm -f "$work/$1/etc/dpkg/dpkg.cfg.d/docker"
}

# make_root NAME PACKAGE…: a copy of the base with these packages. Their services are not started.
make_root() {
  local name=$1
  shift
  copy_base "$name"
  printf '#!/bin/sh\nexit 101\n' >"$work/$name/usr/sbin/policy-rc.d"
  chmod 755 "$work/$name/usr/sbin/policy-rc.d"
  quietly in_root "$name" "apt-get update -q && apt-get install -q -y --no-install-recommends $*"
}

# in_root NAME COMMANDS
in_root() {
  setpriv --pdeathsig KILL unshare --mount --pid --fork --kill-child "$roots_folder/enter" build "$work/$1" \
    bash -euo pipefail -c "$2" </dev/null &
  await
}

# copy_tree FOLDER: the project there as a clone has it, with what is not committed yet.
copy_tree() {
  mkdir -p "$1"
  (cd "$root" && git -c safe.directory="$root" ls-files -z --cached --others --exclude-standard |
    tar --null --ignore-failed-read -T - -c) | tar -C "$1" -x --no-same-owner
}
