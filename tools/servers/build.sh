#!/usr/bin/env bash
# Builds the real servers and tools that the tests against real peers run, and keeps them in a cache.
#
#   build.sh NAME... | all     build what the cache does not have yet
#   build.sh --path NAME       print where the binary is
#   build.sh --list            print all names
#
# Cache: ${TAILGATE_CACHE:-$HOME/.cache/tailgate}/servers/NAME-HASH/NAME
# Exit: 0 all there, 1 something failed or is missing, 2 wrong call,
#       3 only Tempo is missing, because its version cannot be downloaded any more.
set -uo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
names=(consul tempo otelcol otelcol-kafka helm kubectl-validate etcd kube-apiserver helm-unittest telemetrygen h2spec kafka prometheus promtool gofakes3 compose-config)
cache=${TAILGATE_CACHE:-${HOME:-/tmp}/.cache/tailgate}/servers
goflags="-p=2 -buildvcs=false -mod=readonly"

die() { echo "build.sh: $1" >&2; exit "${2:-1}"; }
say() { echo "servers: $*"; }

# The package to build and the linker flags, for one name; part of the cache key.
recipe() {
  link="-s -w"
  folder=$1 # where its module is
  tags=
  case $1 in
    consul) package=github.com/hashicorp/consul ;;
    tempo) package=github.com/grafana/tempo/cmd/tempo; link+=" -X main.Version=2.8.0-87c2dc380cec" ;;
    otelcol | otelcol-kafka | compose-config) package=. ;;
    kafka) package=jars ;; # Java: the jars are fetched, and a script beside them runs a class of theirs
    telemetrygen) package=github.com/open-telemetry/opentelemetry-collector-contrib/cmd/telemetrygen ;;
    helm)
      package=helm.sh/helm/v3/cmd/helm
      link+=" -X helm.sh/helm/v3/internal/version.version=v3.22.0"
      # the Kubernetes version that charts see in `helm template` and `helm lint`
      local k8s
      for k8s in chartutil lint/rules; do
        link+=" -X helm.sh/helm/v3/pkg/$k8s.k8sVersionMajor=1 -X helm.sh/helm/v3/pkg/$k8s.k8sVersionMinor=36"
      done
      ;;
    etcd) package=go.etcd.io/etcd/server/v3 ;;
    helm-unittest) package=github.com/helm-unittest/helm-unittest/cmd/helm-unittest ;;
    kubectl-validate) package=sigs.k8s.io/kubectl-validate ;;
    kube-apiserver)
      package=k8s.io/kubernetes/cmd/kube-apiserver
      # what it says it is; charts ask for it
      local version=k8s.io/component-base/version
      link+=" -X $version.gitVersion=v1.36.3 -X $version.gitMajor=1 -X $version.gitMinor=36"
      ;;
    h2spec) package=github.com/summerwind/h2spec/cmd/h2spec; link+=" -X main.VERSION=2.2.1" ;;
    prometheus | promtool)
      # of all ways to find targets only the fixed ones and files: no clouds' libraries
      package=github.com/prometheus/prometheus/cmd/$1 folder=prometheus tags=remove_all_sd
      link+=" -X github.com/prometheus/common/version.Version=3.16.0"
      ;;
    gofakes3) package=github.com/johannesboyne/gofakes3/cmd/gofakes3 ;;
    *) die "unknown name '$1' (known: ${names[*]})" 2 ;;
  esac
}

sha() { if command -v sha256sum >/dev/null; then sha256sum; else shasum -a 256; fi; }

# Sets dir and binary for the recipe of $1. The hash covers the module files, own sources and all flags.
locate() {
  local hash
  recipe "$1"
  hash=$({
    uname -sm
    echo "$goflags|$link|$package${tags:+|$tags}"
    cd "$here/$folder" && if [ "$package" = jars ]; then cat pom.xml jars.sha256 run.sh; else
      cat go.mod go.sum && { [ "$package" != . ] || cat ./*.go; }
    fi
  } | sha | cut -c1-16) || die "cannot read $here/$folder"
  dir=$cache/$1-$hash
  binary=$dir/$1
}

path() {
  locate "$1"
  if [ -x "$binary" ]; then echo "$binary"; return 0; fi
  if [ -f "$dir/REFUSED" ]; then
    echo "build.sh: $1 cannot be had: this version was refused at download; see $dir/REFUSED" >&2
    return 3
  fi
  echo "build.sh: $1 is not built yet (no $binary); run tools/servers/build.sh $1" >&2
  return 1
}

# The jars that pom.xml names, each with the content that jars.sha256 knows, and the script that runs them.
fetch_jars() {
  local fresh=$dir/lib.$$
  rm -rf "$fresh"
  mvn -q -B -f "$here/$1/pom.xml" dependency:copy-dependencies -DoutputDirectory="$fresh" -Dmdep.useBaseVersion=true &&
    (cd "$fresh" && sha256sum --quiet --strict -c "$here/$1/jars.sha256" && [ "$(ls | wc -l)" -eq "$(wc -l <"$here/$1/jars.sha256")" ]) &&
    rm -rf "$dir/lib" && mv "$fresh" "$dir/lib" && cp "$here/$1/run.sh" "$tmp" && chmod 755 "$tmp" && mv -f "$tmp" "$binary"
}

# Is the log of a failed download a refusal (the version is not offered), not trouble with network or checksums?
refused() {
  ! grep -qiE 'checksum mismatch|SECURITY ERROR|dial tcp|no such host|i/o timeout|connection re(fused|set)|TLS handshake|x509|no space left' "$1" &&
    grep -qiE '40[34] (Forbidden|Not Found)|410 Gone|451 |not available|unknown revision|unrecognized import path' "$1"
}

build() {
  local name=$1 log start fetched
  locate "$name"
  if [ -x "$binary" ]; then say "$name is cached: $binary"; return 0; fi

  mkdir -p "$dir" || die "cannot create $dir"
  log=$dir/build.log
  # one builder per binary; the second waits and then finds it
  if command -v flock >/dev/null; then
    exec 9>"$dir/lock"
    flock 9
    if [ -x "$binary" ]; then say "$name is cached: $binary"; return 0; fi
  fi
  tmp=$dir/.$name.$$.tmp
  trap 'rm -f "$tmp"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM
  rm -f "$dir/REFUSED"
  start=$SECONDS
  if [ "$package" = jars ]; then
    fetch_jars "$name" >"$log" 2>&1 || {
      tail -n 20 "$log" >&2
      echo "build.sh: $name: fetching the jars failed, log: $log" >&2
      return 1
    }
    say "$name: fetched in $((SECONDS - start)) s, $(du -sm "$dir/lib" | cut -f1) MB: $binary"
    return 0
  fi

  say "$name: downloading modules"
  if ! (cd "$here/$folder" && go list -tags "$tags" -deps -f '' "$package") >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    if [ "$name" = tempo ] && refused "$log"; then
      cp "$log" "$dir/REFUSED"
      cat >&2 <<'END'
build.sh: *******************************************************************
build.sh: *  TEMPO CANNOT BE DOWNLOADED: its version was refused, see above *
build.sh: *  The tests against Tempo do not run on this machine.            *
build.sh: *******************************************************************
END
      return 3
    fi
    echo "build.sh: $name: downloading the modules failed, log: $log" >&2
    return 1
  fi
  fetched=$((SECONDS - start))

  say "$name: compiling (download took ${fetched} s)"
  if ! (cd "$here/$folder" && go build -tags "$tags" -trimpath -ldflags "$link" -o "$tmp" "$package") >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "build.sh: $name: go build failed, log: $log" >&2
    return 1
  fi
  chmod 755 "$tmp" && mv -f "$tmp" "$binary" || return 1
  say "$name: built in $((SECONDS - start)) s, $(($(wc -c <"$binary") / 1000000)) MB: $binary"
}

[ $# -gt 0 ] || die "usage: build.sh NAME...|all, build.sh --path NAME, build.sh --list" 2
case $1 in
  --list) printf '%s\n' "${names[@]}"; exit 0 ;;
  --path) [ $# -eq 2 ] || die "usage: build.sh --path NAME" 2; path "$2"; exit ;;
  all) set -- "${names[@]}" ;;
  -*) die "unknown option '$1'" 2 ;;
esac

export CGO_ENABLED=0 GOFLAGS=$goflags GOWORK=off
if command -v go >/dev/null; then
  # a module that the mirror does not have is a refusal; its repository is not asked instead
  proxy=$(go env GOPROXY)
  export GOPROXY=${proxy%[,|]direct}
fi
for name in "$@"; do # what cannot work ends it before anything is built
  locate "$name"
  if [ "$package" = jars ]; then
    [ -x "$binary" ] || { command -v mvn && command -v java; } >/dev/null || die "no mvn or java command found: $name is Java, 17 or newer"
  else
    [ -x "$binary" ] || command -v go >/dev/null || die "no go command found: $name is built from source, with Go 1.26 or newer"
  fi
done
worst=0
for name in "$@"; do
  (build "$name")
  code=$?
  case $code in
    0) ;;
    3) [ "$worst" -ne 0 ] || worst=3 ;;
    130 | 143) exit "$code" ;;
    *) worst=1 ;;
  esac
done
exit "$worst"
