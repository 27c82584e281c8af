//! `Mounts` and `Tmpfs` of a container.

use serde::{Deserialize, Serialize};

use crate::{
    Access,
    binds::{self, Binds},
    nesting::Place,
    refusal::Refusal,
    unused::{self, Unused},
};

/// Options of a tmpfs that take nothing of its safety away.
const PLAIN: &[&str] = &["rw", "ro", "noexec", "nosuid", "nodev", "noatime"];

/// One of `HostConfig.Mounts`.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct Mount {
    #[serde(rename = "Type")]
    kind: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    source: String,
    target: String,
    read_only: bool,
    #[serde(skip_serializing)]
    consistency: Unused,
    #[serde(skip_serializing_if = "Option::is_none")]
    bind_options: Option<BindOptions>,
    #[serde(skip_serializing)]
    volume_options: Unused,
    #[serde(skip_serializing)]
    image_options: Unused,
    #[serde(skip_serializing)]
    cluster_options: Unused,
    #[serde(skip_serializing_if = "Option::is_none")]
    tmpfs_options: Option<TmpfsOptions>,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct BindOptions {
    #[serde(skip_serializing_if = "String::is_empty")]
    propagation: String,
    #[serde(skip_serializing)]
    non_recursive: Unused,
    #[serde(skip_serializing)]
    create_mountpoint: Unused,
    #[serde(skip_serializing)]
    read_only_non_recursive: Unused,
    #[serde(skip_serializing)]
    read_only_force_recursive: Unused,
}

#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
struct TmpfsOptions {
    size_bytes: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    mode: Option<u32>,
    #[serde(skip_serializing)]
    options: Unused,
}

impl Mount {
    /// Checks it, and tells where it is mounted.
    pub(crate) fn check(&self, binds: &Binds, memory: Option<i64>) -> Result<Place<'_>, Refusal> {
        unused::refuse(&[
            ("Mounts.Consistency", &self.consistency),
            ("Mounts.VolumeOptions", &self.volume_options),
            ("Mounts.ImageOptions", &self.image_options),
            ("Mounts.ClusterOptions", &self.cluster_options),
        ])?;
        match (self.kind.as_str(), &self.bind_options, &self.tmpfs_options) {
            ("bind", options, None) => {
                self.check_bind(options.as_ref(), binds)?;
                Ok(Place::new(&self.target, Some(&self.source)))
            }
            ("tmpfs", None, Some(options)) => {
                self.check_tmpfs(options, memory)?;
                Ok(Place::new(&self.target, None))
            }
            ("tmpfs", ..) => Err(Refusal::forbidden("a tmpfs of `Mounts` needs a size")),
            _ => Err(Refusal::forbidden(format!(
                "a sandbox may not have a mount of type `{}`, or not with such options",
                self.kind
            ))),
        }
    }

    fn check_bind(&self, options: Option<&BindOptions>, binds: &Binds) -> Result<(), Refusal> {
        if let Some(options) = options {
            unused::refuse(&[
                ("BindOptions.NonRecursive", &options.non_recursive),
                ("BindOptions.CreateMountpoint", &options.create_mountpoint),
                (
                    "BindOptions.ReadOnlyNonRecursive",
                    &options.read_only_non_recursive,
                ),
                (
                    "BindOptions.ReadOnlyForceRecursive",
                    &options.read_only_force_recursive,
                ),
            ])?;
            if !["", "rprivate"].contains(&options.propagation.as_str()) {
                return Err(Refusal::forbidden(format!(
                    "the propagation `{}` is not let through",
                    options.propagation
                )));
            }
        }
        binds::check_destination(&self.target)?;
        binds.check_source(&self.source, access(self.read_only))
    }

    fn check_tmpfs(&self, options: &TmpfsOptions, memory: Option<i64>) -> Result<(), Refusal> {
        unused::refuse(&[("TmpfsOptions.Options", &options.options)])?;
        check_tmpfs_target(&self.target)?;
        let most = memory.unwrap_or(i64::MAX);
        if !self.source.is_empty() || !(1..=most).contains(&options.size_bytes) {
            return Err(Refusal::forbidden(format!(
                "a tmpfs must have a size of 1 to {most} bytes, and no source"
            )));
        }
        if options.mode.is_some_and(|mode| mode & !0o1777 != 0) {
            return Err(Refusal::forbidden("a tmpfs may not be setuid or setgid"));
        }
        Ok(())
    }
}

pub(crate) fn access(read_only: bool) -> Access {
    if read_only {
        Access::ReadOnly
    } else {
        Access::ReadWrite
    }
}

/// Checks one entry of `HostConfig.Tmpfs`: what has no size counts to the container's memory.
pub(crate) fn check_tmpfs(target: &str, options: &str, memory: Option<i64>) -> Result<(), Refusal> {
    check_tmpfs_target(target)?;
    let passes = |option: &str| match option.split_once('=') {
        None => PLAIN.contains(&option),
        Some(("size", size)) => {
            bytes(size).is_some_and(|size| size > 0 && size <= memory.unwrap_or(i64::MAX))
        }
        Some(("mode", mode)) => octal(mode).is_some_and(|mode| mode & !0o1777 == 0),
        Some(("uid" | "gid", id)) => {
            id.len() <= 9 && id.bytes().all(|byte| byte.is_ascii_digit()) && !id.is_empty()
        }
        Some(_) => false,
    };
    match options
        .split(',')
        .find(|option| !options.is_empty() && !passes(option))
    {
        None => Ok(()),
        Some(option) => Err(Refusal::forbidden(format!(
            "the option `{option}` of the tmpfs at `{target}` is not let through"
        ))),
    }
}

fn check_tmpfs_target(target: &str) -> Result<(), Refusal> {
    if target == "/dev/shm" {
        return Ok(());
    }
    binds::check_destination(target)
}

fn octal(mode: &str) -> Option<u32> {
    let plain = mode.bytes().all(|byte| byte.is_ascii_digit());
    u32::from_str_radix(mode, 8).ok().filter(|_| plain)
}

fn bytes(size: &str) -> Option<i64> {
    let unit = |size: &str| match size.as_bytes().last()? {
        b'k' | b'K' => Some(1 << 10),
        b'm' | b'M' => Some(1 << 20),
        b'g' | b'G' => Some(1 << 30),
        _ => None,
    };
    let (digits, unit) = match unit(size) {
        Some(unit) => (&size[..size.len() - 1], unit),
        None => (size, 1),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits
        .parse::<i64>()
        .ok()
        .filter(|_| plain)?
        .checked_mul(unit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Settings;

    #[test]
    fn only_plain_tmpfs_options_pass() {
        let memory = Some(1 << 20);
        for (target, options) in [
            ("/tmp", ""),
            ("/run", "rw,noexec,nosuid,nodev,size=64k,mode=1777"),
            ("/dev/shm", "size=1048576"),
            ("/x", "uid=1000,gid=1000,size=1m"),
        ] {
            check_tmpfs(target, options, memory).unwrap();
        }
        for (target, options) in [
            ("/tmp", "exec"),
            ("/tmp", "suid"),
            ("/tmp", "dev"),
            ("/tmp", "size=2m"),
            ("/tmp", "size=50%"),
            ("/tmp", "size=-1"),
            ("/tmp", "size=+1"),
            ("/tmp", "size=9223372036854775807g"),
            ("/tmp", "mode=4755"),
            ("/tmp", "mode=+7"),
            ("/tmp", "rw,"),
            ("/tmp", "mpol=bind"),
            ("/tmp", "nr_inodes=0"),
            ("/proc", ""),
            ("/", ""),
            ("tmp", ""),
            ("/tmp/../proc", ""),
        ] {
            assert!(
                check_tmpfs(target, options, memory).is_err(),
                "{target} {options}"
            );
        }
    }

    #[test]
    fn mounts_of_other_kinds_are_refused() {
        let binds = Binds::new(&Settings::default());
        for text in [
            r#"{"Type":"volume","Target":"/x"}"#,
            r#"{"Type":"volume","Source":"v","Target":"/x","VolumeOptions":{"DriverConfig":{"Name":"local"}}}"#,
            r#"{"Type":"image","Source":"i","Target":"/x"}"#,
            r#"{"Type":"npipe","Source":"i","Target":"/x"}"#,
            r#"{"Type":"cluster","Source":"i","Target":"/x"}"#,
            r#"{"Type":"bind","Source":"/","Target":"/x"}"#,
            r#"{"Type":"tmpfs","Target":"/x"}"#,
            r#"{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":0}}"#,
            r#"{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":1000000}}"#,
            r#"{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":10,"Options":[["exec"]]}}"#,
            r#"{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":10,"Mode":2541}}"#,
            r#"{"Type":"tmpfs","Source":"/","Target":"/x","TmpfsOptions":{"SizeBytes":10}}"#,
        ] {
            let mount: Mount = serde_json::from_str(text).unwrap();
            assert!(mount.check(&binds, Some(1000)).is_err(), "{text}");
        }
        let text =
            r#"{"Type":"tmpfs","Target":"/x","TmpfsOptions":{"SizeBytes":1000,"Mode":1023}}"#;
        let mount: Mount = serde_json::from_str(text).unwrap();
        mount.check(&binds, Some(1000)).unwrap();
    }
}
