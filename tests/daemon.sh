#!/usr/bin/env bash
# A Docker daemon for the sandboxes of one instance, for as long as a command runs: what `make run` puts beside its agent.
#
#   tests/daemon.sh --check             say in one line why this machine cannot run one, and what cures that; else nothing
#   tests/daemon.sh DIR COMMAND...      run COMMAND with a daemon of its own below DIR, and end it after
#
#   DIR/docker.sock   the raw socket: root's alone
#   DIR/data          images and containers (kept)
#
# COMMAND gets a session of its own, so that a Ctrl-C reaches it once, from here. When it has ended, the daemon's containers
# are killed and the daemon is ended: no process, no mount and no control group is left. Where the daemon does
# not come up, that is said, and COMMAND runs all the same. Exits as COMMAND did.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
CACHE=${PILOTFISH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pilotfish}
root=$CACHE/sandbox-root-bookworm.tar
image=openclaw-sandbox:bookworm-slim

# A control group of our own: in version 1 one of its hierarchies has to let us make it.
can_group() {
  local place=/sys/fs/cgroup
  [ -e "$place/cgroup.controllers" ] || place=$place/pids
  mkdir "$place/pilotfish-check-$$" 2>/dev/null && rmdir "$place/pilotfish-check-$$"
}

# The first thing that is missing.
check() {
  local program missing=()
  for program in dockerd docker containerd runc; do
    command -v "$program" >/dev/null || missing+=("$program")
  done
  if [ "$(id -u)" != 0 ]; then
    echo "a Docker daemon needs root: run it as root"
  elif [ ${#missing[@]} -gt 0 ]; then
    echo "${missing[*]} not found: apt-get install docker.io"
  elif ! unshare --mount true 2>/dev/null; then
    echo "nothing can be mounted here: run it outside of a container, or in a privileged one"
  elif ! grep -qw overlay /proc/filesystems && ! modprobe overlay 2>/dev/null; then
    echo "the kernel has no overlay file system: modprobe overlay on the host"
  elif ! can_group; then
    echo "control groups cannot be made below /sys/fs/cgroup: mount it writable, or run it outside of a container"
  elif [ ! -s "$root" ]; then
    echo "$root is missing: apt-get install debootstrap, then tests/setup.sh --for run"
  fi
}

if [ "${1:-}" = --check ]; then check; exit 0; fi
[ $# -ge 2 ] || { sed -n '4,12s/^# \{0,1\}//p' "$0"; exit 2; }

dir=$1
shift
host=unix://$dir/docker.sock
export DOCKER_HOST=$host DOCKER_CONFIG=$dir/client DOCKER_BUILDKIT=0
group=pilotfish-run-$(printf %s "$dir" | sha256sum | head -c 8)
daemon='' command='' ended=''
say() { printf 'daemon: %s\n' "$*" >&2; }

mkdir -p "$dir"
chmod 711 "$dir"
exec 9>"$dir/lock"
flock -n 9 || { say "another daemon runs below $dir: end it first"; exit 1; }

# below: the mounts under our folder, the last one first.
below() { awk -v dir="$dir/" 'index($5, dir) == 1 { print $5 }' /proc/self/mountinfo | tac; }

stop() {
  trap '' INT TERM HUP
  [ -n "$daemon" ] || return 0
  export DOCKER_HOST=$host
  # Their first process is `sleep`, which takes no signal but this.
  docker ps --quiet 2>/dev/null | xargs --no-run-if-empty docker kill >/dev/null 2>&1 || true
  kill -TERM "$daemon" 2>/dev/null || true
  wait "$daemon" 2>/dev/null || true
  below | while read -r place; do umount --lazy "$place"; done
  find /sys/fs/cgroup -mindepth 1 -maxdepth 4 -depth -type d -path "*/$group*" -exec rmdir {} + 2>/dev/null || true
  rm -rf "$dir/exec" "$dir/docker.sock"
}
trap stop EXIT
trap '[ -z "$command" ] || kill -TERM "$command" 2>/dev/null || true; ended=1' INT TERM HUP

# --- the daemon -----------------------------------------------------------------------------------------------------------
# leave: end the daemon of a run that was killed before it could.
leave() {
  local old
  old=$(cat "$dir/pid" 2>/dev/null) || return 0
  if grep -qaF -- "--data-root$(printf '\001')$dir/data" <(tr '\0' '\001' <"/proc/$old/cmdline" 2>/dev/null); then
    kill -TERM "$old"
    timeout 60 tail --pid="$old" -f /dev/null || return 1
  fi
  rm -f "$dir/pid"
}

start() {
  leave || { say "the daemon of an earlier run does not end: process $(cat "$dir/pid")"; return 1; }
  echo '{}' >"$dir/daemon.json"
  setsid dockerd --host "$DOCKER_HOST" --group 0 --data-root "$dir/data" --exec-root "$dir/exec" --pidfile "$dir/pid" \
    --config-file "$dir/daemon.json" --cgroup-parent "/$group" --exec-opt native.cgroupdriver=cgroupfs \
    --bridge none --iptables=false --ip6tables=false >"$dir/log" 2>&1 9>&- &
  daemon=$!
  until docker version >/dev/null 2>&1; do
    [ -z "$ended" ] || return 1
    kill -0 "$daemon" 2>/dev/null || { say "dockerd ended: $(tail -n 1 "$dir/log") (its log: $dir/log)"; return 1; }
    [ "$SECONDS" -lt 90 ] || { say "dockerd does not answer (its log: $dir/log)"; return 1; }
    sleep 0.2
  done
}

build() {
  ! docker image inspect "$image" >/dev/null 2>&1 || return 0
  say "building $image (once)"
  { docker import "$root" pilotfish-base:latest \
    && docker build --network none --build-arg BASE=pilotfish-base:latest --tag "$image" "$here/../images/sandbox"; } \
    >"$dir/build.log" 2>&1 || { say "$image cannot be built (the whole output: $dir/build.log): $(tail -n 1 "$dir/build.log")"; return 1; }
}

{ start && build; } || [ -n "$ended" ] || say "there are no sandboxes; everything else goes on"
[ -z "$ended" ] || exit 130

# --- the command ----------------------------------------------------------------------------------------------------------
unset DOCKER_HOST DOCKER_CONFIG DOCKER_BUILDKIT
setsid "$@" 9>&- &
command=$!
status=0
wait "$command" || status=$?
# A signal ends the wait, not the command.
while kill -0 "$command" 2>/dev/null; do
  status=0
  wait "$command" || status=$?
done
exit "$status"
