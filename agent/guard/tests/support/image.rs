//! A small image, made of this machine's own programs.

use std::{
    collections::BTreeSet,
    fs::{self, File, Permissions},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use super::{CLIENTS, Daemon, IMAGE, docker, said};

const PROGRAMS: &[&str] = &[
    "sh",
    "cat",
    "echo",
    "head",
    "id",
    "ls",
    "sha256sum",
    "sleep",
    "touch",
    "true",
    "wc",
];

/// Gives a daemon the image of the tests, whose user is not root.
pub fn import(daemon: &Daemon) {
    let root = daemon.folder().join("root");
    for program in PROGRAMS {
        let program = said(Command::new("sh").args([
            "-c",
            &format!("command -v {program} || echo /bin/{program}"),
        ]));
        let program = PathBuf::from(if program.starts_with('/') {
            program
        } else {
            format!("/bin/{program}")
        });
        copy(
            &root,
            &program,
            &Path::new("/bin").join(program.file_name().unwrap()),
        );
        for library in libraries(&program) {
            copy(&root, &library, &library);
        }
    }
    for folder in ["tmp", "workspace", "etc"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    fs::set_permissions(root.join("tmp"), Permissions::from_mode(0o1777)).unwrap();
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/:/bin/sh\nsandbox:x:1000:1000::/:/bin/sh\n",
    )
    .unwrap();
    let archive = daemon.folder().join("root.tar");
    said(
        Command::new("tar")
            .arg("-C")
            .arg(&root)
            .arg("-cf")
            .arg(&archive)
            .arg("."),
    );
    let mut import = docker(CLIENTS[0], &daemon.socket());
    import.args([
        "import",
        "--change=USER sandbox",
        "--change=CMD [\"sleep\",\"infinity\"]",
        "-",
        IMAGE,
    ]);
    said(import.stdin(File::open(&archive).unwrap()));
}

fn copy(root: &Path, from: &Path, to: &Path) {
    let to = root.join(to.strip_prefix("/").unwrap());
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

fn libraries(program: &Path) -> BTreeSet<PathBuf> {
    let said = said(Command::new("ldd").arg(program));
    let words = said.split_whitespace().filter(|word| word.starts_with('/'));
    words.map(PathBuf::from).collect()
}
