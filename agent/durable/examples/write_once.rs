//! Writes one file once: `write_once DIR NAME COUNT` makes it hold COUNT bytes. Made to be killed at every system call.

use durable::Target;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [dir, name, count] = arguments.as_slice() else {
        return Err("usage: write_once DIR NAME COUNT".into());
    };
    let target = Target {
        dir: dir.into(),
        name: name.clone(),
        mode: 0o600,
        owner: None,
    };
    target.write(&vec![b'n'; count.parse()?])?;
    Ok(())
}
