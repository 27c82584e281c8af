#!/usr/bin/env bash
# Runs a command that sees Node and one gateway below DIR/image, as a container of the pod would see its own image.
#
#   tests/image.sh DIR VERSION [--read-only PATH]... [--as UID] -- COMMAND...
#
#   DIR/image/node       Node: bin/node
#   DIR/image/openclaw   the gateway: openclaw.mjs
#   --read-only PATH     PATH cannot be written by the command, though everybody else can (as Kubernetes mounts a volume)
#   --as UID             run the command as this user and group, when started as root
#
# The process keeps its id throughout: the command takes the place of this script. As root the image is mounted, in a
# mount namespace of its own, since the cache folder may lie in a home that nobody else may enter; otherwise it is linked.
# There the mark of a Docker container is hidden too: a gateway that sees it looks for itself in the sandbox daemon, and
# runs no tool where it is not found. In a pod there is none.
set -euo pipefail

CACHE=${PILOTFISH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pilotfish}

if [ "${1:-}" != --inside ]; then
  case " $* " in
    *" --read-only "*) read_only=1 ;;
    *) read_only= ;;
  esac
  if [ "$(id -u)" = 0 ]; then
    exec unshare --mount --propagation private -- "$0" --inside "$@"
  elif [ -n "$read_only" ]; then
    exec unshare --user --map-current-user --keep-caps --mount --propagation private -- "$0" --inside "$@"
  fi
  set -- --inside "$@"
fi

shift
dir=$1 version=$2
shift 2

# unmark: / without /.dockerenv. Nothing can be mounted over a file to make it absent, so / becomes a folder in memory, and
# the folders of / are mounted in it.
unmark() {
  local root=$dir/image/root entry here=$PWD
  mkdir -p "$root"
  mount -t tmpfs -o mode=755 none "$root"
  mount --make-unbindable "$root"
  for entry in /*; do
    if [ -L "$entry" ]; then
      cp -P "$entry" "$root$entry"
    elif [ -d "$entry" ]; then
      mkdir "$root$entry"
      mount --rbind "$entry" "$root$entry"
    fi
  done
  cd "$root"
  pivot_root . .
  umount --lazy .
  cd "$here"
}
if [ "$(id -u)" = 0 ] && [ -e /.dockerenv ]; then unmark; fi

# show SOURCE PLACE: the folder SOURCE appears at PLACE.
show() {
  [ -d "$1" ] || { echo "image: $1 is missing: run tests/setup.sh" >&2; exit 1; }
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$2"
    mount --bind "$1" "$2"
  else
    mkdir -p "${2%/*}"
    ln -sfn "$1" "$2"
  fi
}
node=("$CACHE"/node/node_modules/node-linux-*)
show "${node[0]}" "$dir/image/node"
show "$CACHE/openclaw-$version/node_modules" "$dir/image/node_modules"
ln -sfn node_modules/openclaw "$dir/image/openclaw"

become=()
# In a user namespace of our own the command would hold every capability, and could undo the mounts.
[ "$(id -u)" = 0 ] || become=(setpriv --inh-caps=-all --ambient-caps=-all --no-new-privs --)
while [ "$1" != -- ]; do
  case $1 in
    --read-only)
      mount --bind "$2" "$2"
      mount -o remount,bind,ro "$2"
      ;;
    --as) [ "$(id -u)" != 0 ] || become=(setpriv --reuid "$2" --regid "$2" --clear-groups --inh-caps=-all --no-new-privs --) ;;
    *) echo "image: what is $1?" >&2; exit 2 ;;
  esac
  shift 2
done
shift
exec "${become[@]}" "$@"
