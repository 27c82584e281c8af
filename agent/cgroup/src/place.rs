//! Where the folder of a process's group is: `/proc/PID/cgroup` against the mounts.
//!
//! `/proc/PID/cgroup` gives the group's path in its hierarchy, a mount shows the hierarchy from
//! some root on, and both are told as the reader's namespace sees them. So the folder is the mount
//! point and what is left of the path below that root. Where the path is not below it, the mount
//! shows other groups, and there is no folder.

use std::fs::File;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

/// No file of a group is longer; what is beyond is not read.
const MAX_BYTES: u64 = 64 * 1024;

/// The two interfaces of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    One,
    Two,
}

/// A group's folder, and how far up its ancestors can be seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) version: Version,
    top: PathBuf,
    folder: PathBuf,
}

impl Place {
    /// The folder in which a process's group has the files of a controller.
    pub(crate) fn find(controller: &str, groups: &str, mounts: &str) -> Option<Place> {
        candidates(controller, groups, mounts)
            .into_iter()
            .find(Place::is_group)
    }

    /// The text of one of the group's files.
    pub(crate) fn read(&self, name: &str) -> Option<String> {
        read_in(&self.folder, name)
    }

    /// The folders of the group and of its ancestors, as far as they are visible.
    pub(crate) fn lineage(&self) -> impl Iterator<Item = &Path> {
        let top = self.top.as_path();
        self.folder
            .ancestors()
            .take_while(move |folder| folder.starts_with(top))
    }

    /// The smallest of what the group and its visible ancestors say.
    pub(crate) fn tightest<T: PartialOrd>(&self, said: impl Fn(&Path) -> Option<T>) -> Option<T> {
        self.lineage()
            .filter_map(said)
            .reduce(|least, other| if other < least { other } else { least })
    }

    /// Whether it is there, and not the root of the machine's hierarchy: that one has a file in
    /// version 1, and lacks one in version 2, and no namespace hides it.
    fn is_group(&self) -> bool {
        let has = |name: &str| self.folder.join(name).exists();
        match self.version {
            Version::One => has("cgroup.procs") && !has("cgroup.sane_behavior"),
            Version::Two => has("cgroup.events"),
        }
    }
}

/// The text of one file in a folder of a group.
pub(crate) fn read_in(folder: &Path, name: &str) -> Option<String> {
    read(&folder.join(name), MAX_BYTES)
}

/// A text as far as it is allowed to go.
pub(crate) fn read(path: &Path, most: u64) -> Option<String> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most).read_to_end(&mut bytes))
        .ok()?;
    Some(String::from_utf8_lossy(&bytes).into_owned())
}

fn candidates(controller: &str, groups: &str, mounts: &str) -> Vec<Place> {
    let Some((version, path)) = group(controller, groups) else {
        return Vec::new();
    };
    let place = |mount: Mount| {
        let rest = Path::new(path).strip_prefix(&mount.root).ok()?;
        let leaves = rest.components().any(|part| part == Component::ParentDir);
        (!leaves).then(|| Place {
            version,
            folder: mount.point.join(rest),
            top: mount.point,
        })
    };
    mounts
        .lines()
        .filter_map(|line| Mount::of(line, version, controller))
        .filter_map(place)
        .collect()
}

/// The path of a group, from lines `NUMBER:CONTROLLERS:PATH`. Version 2 has whatever version 1
/// has not, under the number 0.
fn group<'text>(controller: &str, groups: &'text str) -> Option<(Version, &'text str)> {
    let split = |line: &'text str| {
        let (number, rest) = line.split_once(':')?;
        let (controllers, path) = rest.split_once(':')?;
        Some((number, controllers, path))
    };
    let lines = || groups.lines().filter_map(split);
    let first = lines().find(|(_, names, _)| names.split(',').any(|name| name == controller));
    let second = || lines().find(|(number, names, _)| *number == "0" && names.is_empty());
    match first {
        Some((_, _, path)) => Some((Version::One, path)),
        None => second().map(|(_, _, path)| (Version::Two, path)),
    }
}

/// A mount of a hierarchy.
struct Mount {
    root: PathBuf,
    point: PathBuf,
}

impl Mount {
    /// A line of `mountinfo`, where it is a mount that shows the controller.
    fn of(line: &str, version: Version, controller: &str) -> Option<Mount> {
        let (mount, filesystem) = line.split_once(" - ")?;
        let mut filesystem = filesystem.split(' ');
        let (kind, _, options) = (filesystem.next()?, filesystem.next()?, filesystem.next()?);
        let shows = match version {
            Version::One => kind == "cgroup" && options.split(',').any(|name| name == controller),
            Version::Two => kind == "cgroup2",
        };
        let mut mount = mount.split(' ').skip(3);
        let (root, point) = (mount.next()?, mount.next()?);
        shows.then(|| Mount {
            root: unescaped(root).into(),
            point: unescaped(point).into(),
        })
    }
}

/// The kernel writes blanks and backslashes of a path as a backslash and three octal digits.
fn unescaped(path: &str) -> String {
    let mut parts = path.split('\\');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part
            .get(..3)
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match (digits, part.get(3..)) {
            (Some(byte), Some(rest)) if byte.is_ascii() => {
                plain.push(char::from(byte));
                plain.push_str(rest);
            }
            _ => {
                plain.push('\\');
                plain.push_str(part);
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "5:pids:/pod/a\n4:memory:/pod/a\n3:cpu,cpuacct:/pod/a\n\
                          1:name=systemd:/pod/a\n0::/pod/a\n";
    const HYBRID_MOUNTS: &str = "\
        31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n\
        33 31 0:30 / /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct\n\
        35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n\
        41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw\n";

    fn folders(controller: &str, groups: &str, mounts: &str) -> Vec<(Version, String)> {
        candidates(controller, groups, mounts)
            .into_iter()
            .map(|place| (place.version, place.folder.display().to_string()))
            .collect()
    }

    fn version_2(root: &str, point: &str) -> String {
        format!("42 31 0:38 {root} {point} ro,nosuid - cgroup2 cgroup rw,nsdelegate\n")
    }

    #[test]
    fn each_controller_is_where_its_version_has_it() {
        let memory = "/sys/fs/cgroup/memory/pod/a".to_owned();
        let cpu = "/sys/fs/cgroup/cpu,cpuacct/pod/a".to_owned();
        for (controller, expected) in [
            ("memory", vec![(Version::One, memory)]),
            ("cpuacct", vec![(Version::One, cpu.clone())]),
            ("cpu", vec![(Version::One, cpu)]),
            // Known to version 1, mounted nowhere: that version 2 is there does not help.
            ("pids", vec![]),
            (
                "hugetlb",
                vec![(Version::Two, "/sys/fs/cgroup/unified/pod/a".to_owned())],
            ),
        ] {
            assert_eq!(
                folders(controller, HYBRID, HYBRID_MOUNTS),
                expected,
                "{controller}"
            );
        }
    }

    #[test]
    fn the_root_of_the_mount_is_taken_off() {
        for (path, root, expected) in [
            ("/a/b", "/", Some("/cg/a/b")),
            ("/", "/", Some("/cg/")),
            ("/docker/abc", "/docker/abc", Some("/cg/")),
            ("/docker/abc/sub", "/docker/abc", Some("/cg/sub")),
            ("/a:b", "/", Some("/cg/a:b")),
            // Seen from within a namespace: a group beside ours, with and without a view of it.
            ("/../other", "/..", Some("/cg/other")),
            ("/../other", "/", None),
            ("/", "/../..", None),
            // A mount of other groups.
            ("/docker/abc", "/docker/abcd", None),
            ("/docker", "/docker/abc", None),
        ] {
            let groups = format!("0::{path}\n");
            let found = folders("memory", &groups, &version_2(root, "/cg"));
            let found = found.first().map(|(_, folder)| folder.as_str());
            assert_eq!(found, expected, "{path} in a mount of {root}");
        }
    }

    #[test]
    fn every_mount_that_shows_it_is_a_candidate() {
        let mounts = version_2("/other", "/a") + &version_2("/", "/b") + &version_2("/", "/c");
        let found = folders("memory", "0::/x\n", &mounts);
        assert_eq!(
            found,
            [
                (Version::Two, "/b/x".to_owned()),
                (Version::Two, "/c/x".to_owned())
            ]
        );
    }

    #[test]
    fn broken_tables_show_nothing() {
        for (groups, mounts) in [
            ("", HYBRID_MOUNTS),
            ("memory", HYBRID_MOUNTS),
            ("4:memory", HYBRID_MOUNTS),
            (HYBRID, ""),
            (HYBRID, "35 31 0:32 / /cg rw - cgroup cgroup\n"),
            (HYBRID, "35 - cgroup cgroup rw,memory\n"),
            (HYBRID, "35 31 0:32 / /cg rw cgroup cgroup rw,memory\n"),
        ] {
            assert_eq!(folders("memory", groups, mounts), [], "{mounts}");
        }
    }

    #[test]
    fn blanks_in_a_path_are_read_as_the_kernel_writes_them() {
        for (written, meant) in [
            ("/plain", "/plain"),
            ("/a\\040b", "/a b"),
            ("/a\\134040", "/a\\040"),
            ("/\\011\\012", "/\t\n"),
            ("/a\\", "/a\\"),
            ("/a\\04", "/a\\04"),
            ("/a\\9é9", "/a\\9é9"),
        ] {
            assert_eq!(unescaped(written), meant, "{written}");
        }
    }

    #[test]
    fn ancestors_are_visited_up_to_the_mount() {
        let place = Place {
            version: Version::Two,
            top: "/cg".into(),
            folder: "/cg/pod/a".into(),
        };
        let seen: Vec<&Path> = place.lineage().collect();
        assert_eq!(seen, ["/cg/pod/a", "/cg/pod", "/cg"].map(Path::new));
        let said = |folder: &Path| match folder.to_str()? {
            "/cg/pod/a" => Some(3),
            "/cg/pod" => Some(2),
            _ => None,
        };
        assert_eq!(place.tightest(said), Some(2));
        assert_eq!(place.tightest(|_| None::<u64>), None);
    }

    proptest::proptest! {
        #[test]
        fn no_text_is_a_panic(groups in ".{0,80}", root in "[ -~]{0,20}", point in "[/\\\\0-9a-é]{0,20}") {
            let mounts = version_2(&root, &point);
            let _ = candidates("memory", &groups, &mounts);
            let _ = candidates("memory", "0::/a\n", &mounts);
        }
    }
}
