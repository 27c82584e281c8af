//! What people build instead: a loop over inotifywait and jq, and a watcher on chokidar.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use support::{Pod, Version, image_script};

/// Merges at every swap of `..data`; the document is written beside its place, synced and renamed.
const SCRIPT: &str = r#"
cd "$1"
inotifywait --monitor --quiet --event moved_to --format %f layers/base layers/plan layers/policy | while read -r name; do
  [ "$name" = ..data ] || continue
  jq --slurp 'reduce .[] as $layer ({}; . * $layer)' layers/{base,plan,policy}/layer.json5 >doc/.part
  sync doc/.part
  mv doc/.part doc/openclaw.json
done
"#;

/// The same on chokidar: it looks at the links themselves, since what they lead to goes away with every swap.
const WATCHER: &str = r#"
import chokidar from "PLACE/image/node_modules/chokidar/index.js";
import fs from "node:fs";
const folders = ["base", "plan", "policy"].map((name) => `PLACE/layers/${name}`);
const isObject = (value) => value !== null && typeof value === "object" && !Array.isArray(value);
const merge = (target, patch) => {
  if (!isObject(target)) target = {};
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete target[key];
    else target[key] = isObject(value) ? merge(target[key], value) : value;
  }
  return target;
};
const write = () => {
  const layers = folders.map((folder) => JSON.parse(fs.readFileSync(`${folder}/layer.json5`, "utf8")));
  const text = JSON.stringify(layers.reduce(merge, {}), null, 2);
  const file = fs.openSync("PLACE/doc/.part", "w", 0o600);
  fs.writeSync(file, text);
  fs.fsyncSync(file);
  fs.closeSync(file);
  fs.renameSync("PLACE/doc/.part", "PLACE/doc/openclaw.json");
};
chokidar
  .watch(folders, { ignoreInitial: true, followSymlinks: false, depth: 0, atomic: false })
  .on("all", (_, path) => { if (path.endsWith("..data")) write(); });
"#;

/// A running peer. Dropped, it is killed with all that it started.
pub struct Peer(Child);

impl Peer {
    /// inotifywait, jq, sync and mv.
    pub fn inotifywait(pod: &Pod) -> Self {
        let mut command = Command::new("bash");
        Self::spawn(command.args(["-c", SCRIPT, "peer"]).arg(pod.root()))
    }

    /// Node and chokidar, as they come with the gateway.
    pub fn chokidar(pod: &Pod) -> Self {
        let place = pod.root().to_str().unwrap();
        let script = pod.path("watcher.mjs");
        fs::write(&script, WATCHER.replace("PLACE", place)).unwrap();
        let mut command = Command::new(image_script());
        command.arg(place).args([Version::Newest.number(), "--"]);
        Self::spawn(command.arg(pod.path("image/node/bin/node")).arg(script))
    }

    fn spawn(command: &mut Command) -> Self {
        Self(
            command
                .stdin(Stdio::null())
                .process_group(0)
                .spawn()
                .unwrap(),
        )
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = killpg(Pid::from_raw(self.0.id().cast_signed()), Signal::SIGKILL);
        let _ = self.0.wait();
    }
}
