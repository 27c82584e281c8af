#!/usr/bin/env bash
# A real gateway under the agent, on this machine and on loopback: what `make run` does after building.
#
#   tests/run.sh [AGENT ARGUMENTS...]
#
# Environment:
#   PILOTFISH_HOME    the instance: layers, document, state (kept; default: ~/.local/state/pilotfish,
#                     as root /var/lib/pilotfish-run, since another user has to reach it)
#   PILOTFISH_PORT    port of the gateway on loopback (default: 18789)
#   PILOTFISH_PLAN    free, pro or enterprise (default: pro)
#   PILOTFISH_API     port of the agent's API (default: 18780)
#   PILOTFISH_PROBE   port of its metrics (default: 18781)
#
# Where the machine can run a sandbox daemon (as root, with Debian's docker.io), it has one, below the instance's folder.
set -euo pipefail
umask 022

here=$(cd "$(dirname "$0")" && pwd)
repository=$(dirname "$here")
export PILOTFISH_CACHE=${PILOTFISH_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/pilotfish}
agent=${CARGO_TARGET_DIR:-$repository/target}/debug/pilotfish-agent
version=$(sed -n 's/^NEWEST=//p' "$here/setup.sh")
port=${PILOTFISH_PORT:-18789}
api=${PILOTFISH_API:-18780}
probe=${PILOTFISH_PROBE:-18781}
plan=${PILOTFISH_PLAN:-pro}
uid=1000 # the gateway's, when we are root

if [ "$(id -u)" = 0 ]; then
  home=${PILOTFISH_HOME:-/var/lib/pilotfish-run}
  child=(--child-user "$uid:$uid")
else
  home=${PILOTFISH_HOME:-${XDG_STATE_HOME:-$HOME/.local/state}/pilotfish}
  child=()
fi
mkdir -p "$home"
home=$(cd "$home" && pwd -P)
exec 8>"$home/lock"
flock -n 8 || { echo "run: another one runs in $home: end it first, or set PILOTFISH_HOME" >&2; exit 1; }
# Secrets lie in memory only, and no longer than this runs.
run=/dev/shm/pilotfish-run-$(printf %s "$home" | sha256sum | head -c 8)
trap 'rm -rf "$run"' EXIT

# --- the instance's folders: once --------------------------------------------------------------------------------------
# own FOLDER...: folders that the gateway writes.
own() { mkdir -p "$@"; [ "$(id -u)" != 0 ] || chown "$uid:$uid" "$@"; }

mkdir -p "$home"/{layers/user,run/doc,secrets,tokens,agent,bin} "$run"
chmod 700 "$home"/{secrets,tokens,agent}
own "$home"/{state,logs,workspace,home}

# --- the sandbox daemon, where there can be one --------------------------------------------------------------------------
guard=$home/run/docker.sock
daemon=() sandboxes=() also=
without=$("$here/daemon.sh" --check)
if [ -z "$without" ]; then
  daemon=("$here/daemon.sh" "$home/daemon")
  sandboxes=(
    --docker-socket "$home/daemon/docker.sock" --docker-data-root "$home/daemon/data" --sandbox-daemon own
    --guard-socket "$guard" --gateway-state "$home/state" --workspace-root "$home/workspace"
  )
  about="at unix://$guard, behind the guard (the daemon itself: $home/daemon)"
  also="    5. Give it a model (models.providers, with your key) and have it run a command: it does so in a sandbox. Without a
       model, make one by hand, through the guard, and see it come and go; with --privileged it is refused:
       $home/bin/pilotfish-agent sandboxes --watch --agent http://127.0.0.1:$api --token-file $home/tokens/read
       docker --host unix://$guard run --rm --label openclaw.sandbox=1 --network none openclaw-sandbox:bookworm-slim sleep 60
"
else
  about="none: $without"
fi

# secret FILE: random, once.
secret() { [ -s "$1" ] || (umask 077 && head -c 24 /dev/urandom | od -An -tx1 | tr -d ' \n' >"$1"); }
secret "$home/secrets/gateway-token"
secret "$home/tokens/operate"
secret "$home/tokens/read"

if [ ! -e "$home/layers/user/user.json5" ]; then
  cat >"$home/layers/user/user.json5" <<'JSON5'
// Your settings. Save, and they are in force two seconds later, or undone.
{
  logging: { level: "info" }, // try "debug"
}
JSON5
fi

# --- the shipped layers: anew each time --------------------------------------------------------------------------------
rm -rf "$home"/layers/{base,plan,policy}
mkdir -p "$home"/layers/{base,plan}
cp "$repository"/config/base/*.json5 "$home/layers/base/"
cp "$repository/config/plans/$plan.json5" "$home/layers/plan/plan.json5"
cp -r "$repository/config/policy" "$home/layers/policy"
cp "$repository/config/locks.json5" "$home/layers/locks.json5"
cat >"$home/layers/base/90-host.json5" <<JSON5
// What is of this machine: port and paths. Written by tests/run.sh at every start.
{
  gateway: { bind: "loopback", port: $port },
  secrets: { providers: { pilotfish: { path: "$run/secrets.json" } } },
  logging: { file: "$home/logs/gateway.log" },
  agents: { defaults: { workspace: "$home/workspace" } },
}
JSON5

# --- the gateway, as the agent's child ----------------------------------------------------------------------------------
gateway_environment=(
  HOME="$home/home"
  OPENCLAW_STATE_DIR="$home/state"
  OPENCLAW_CONFIG_PATH="$home/run/doc/openclaw.json"
  OPENCLAW_NO_AUTO_UPDATE=1
  OPENCLAW_DISABLE_BONJOUR=1
  NO_COLOR=1
)
gateway=("$home/image/node/bin/node" "$home/image/openclaw/openclaw.mjs" gateway)

cat <<TEXT

  A real OpenClaw gateway $version starts under the agent; it is ready in about 10 seconds.

    gateway     http://127.0.0.1:$port   (token in $home/secrets/gateway-token)
    agent       http://127.0.0.1:$api   (token in $home/tokens/operate)
    metrics     http://127.0.0.1:$probe/metrics
    user layer  $home/layers/user/user.json5
    its output  $home/agent/console
    sandboxes   $about

  To try:
    1. Edit the user layer: level: "debug". Save, and look here.
    2. Add gateway: { port: 1 } to it. It is locked: refused, with line and column.
    3. Ask who set a key:
       $home/bin/pilotfish-agent explain logging.level --agent http://127.0.0.1:$api --token-file $home/tokens/read
    4. See how it is, kill the gateway, and see what is told of it (in config/: dashboards and alerts for its metrics):
       $home/bin/pilotfish-agent status --watch --agent http://127.0.0.1:$api --token-file $home/tokens/read
$also
  Ctrl-C ends all of it.

TEXT

# Where another user can reach it.
install -m 755 "$agent" "$home/bin/pilotfish-agent"

# In a session of its own, so that a Ctrl-C reaches it once, from here.
instance=
trap '[ -z "$instance" ] || kill -TERM "$instance" 2>/dev/null || true' INT TERM HUP
cd "$home"
setsid "${daemon[@]}" "$here/image.sh" "$home" "$version" -- \
  env "${gateway_environment[@]}" \
  "$home/bin/pilotfish-agent" run \
  --layer "base=$home/layers/base" \
  --layer "plan=$home/layers/plan" \
  --layer "user=$home/layers/user" \
  --layer "policy=$home/layers/policy" \
  --locks "$home/layers/locks.json5" \
  --state "$home/agent" \
  --secrets "$home/secrets" --secrets-out "$run/secrets.json" \
  --out "$home/run/doc/openclaw.json" \
  --listen "127.0.0.1:$api" --probe-listen "127.0.0.1:$probe" \
  --read-token-file "$home/tokens/read" --operate-token-file "$home/tokens/operate" \
  --console spool --log-format text "${child[@]}" "${sandboxes[@]}" \
  "$@" \
  -- "${gateway[@]}" 8>&- &
instance=$!
status=0
wait "$instance" || status=$?
# A signal ends the wait, not the instance.
while kill -0 "$instance" 2>/dev/null; do
  status=0
  wait "$instance" || status=$?
done
exit "$status"
