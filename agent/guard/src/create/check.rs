//! What a new container must be like.

use crate::{
    Allowance, SANDBOX_LABEL, Settings,
    binds::{self, Binds},
    ceilings::Limits,
    mounts,
    refusal::Refusal,
    unused,
};

use super::{Create, GRACES, host::HostConfig};

/// The rules for new containers.
#[derive(Debug)]
pub(crate) struct Rules {
    binds: Binds,
    settings: Settings,
}

impl Rules {
    pub(crate) fn new(settings: Settings) -> Self {
        Self {
            binds: Binds::new(&settings),
            settings,
        }
    }

    pub(crate) fn binds(&self) -> &Binds {
        &self.binds
    }

    /// Refuses a container that is more than a sandbox, and gives it the ceilings where it names no limit.
    pub(crate) fn apply(&self, create: &mut Create, limits: &Limits) -> Result<(), Refusal> {
        unused::refuse(&[
            ("ArgsEscaped", &create.args_escaped),
            ("Volumes", &create.volumes),
            ("MacAddress", &create.mac_address),
            ("OnBuild", &create.on_build),
            ("Shell", &create.shell),
        ])?;
        create.host_config.refuse_unused()?;
        let label = create
            .labels
            .as_ref()
            .and_then(|labels| labels.get(SANDBOX_LABEL.0));
        if label.map(String::as_str) != Some(SANDBOX_LABEL.1) {
            let (name, value) = SANDBOX_LABEL;
            return Err(Refusal::forbidden(format!(
                "a sandbox must have the label {name}={value}"
            )));
        }
        limits.images.check(&create.image)?;
        check_user(&create.user, self.settings.root_user)?;
        check_words(create)?;
        self.check_network(create)?;
        self.check_files(&create.host_config, limits.memory_bytes)?;
        check_modes(&create.host_config)?;
        bound(&mut create.host_config, limits)
    }

    fn check_network(&self, create: &Create) -> Result<(), Refusal> {
        let mode = create.host_config.network_mode.as_str();
        let network = if ["", "default"].contains(&mode) {
            "bridge"
        } else {
            mode
        };
        if !self.settings.networks.iter().any(|known| known == network) {
            return Err(Refusal::forbidden(format!(
                "a sandbox may not join the network `{network}`"
            )));
        }
        if let Some(networking) = &create.networking_config {
            networking.check(mode)?;
        }
        let ports = create.host_config.port_bindings.iter().flatten();
        for (port, bindings) in ports {
            let local = |binding: &super::host::PortBinding| {
                binding.host_ip == "127.0.0.1" && ["", "0"].contains(&binding.host_port.as_str())
            };
            if !is_port(port) || !bindings.iter().flatten().all(local) {
                return Err(Refusal::forbidden(format!(
                    "the port `{port}` may be published as 127.0.0.1:: only"
                )));
            }
        }
        Ok(())
    }

    fn check_files(&self, host: &HostConfig, memory: Option<i64>) -> Result<(), Refusal> {
        for bind in host.binds.iter().flatten() {
            self.binds.check(bind)?;
        }
        for mount in &host.mounts {
            mount.check(&self.binds, memory)?;
        }
        for (target, options) in &host.tmpfs {
            mounts::check_tmpfs(target, options, memory)?;
        }
        Ok(())
    }
}

fn bound(host: &mut HostConfig, limits: &Limits) -> Result<(), Refusal> {
    host.memory = bounded("Memory", host.memory, limits.memory_bytes)?;
    host.nano_cpus = bounded("NanoCpus", host.nano_cpus, limits.nano_cpus)?;
    let processes = host.pids_limit.filter(|limit| *limit != -1).unwrap_or(0);
    host.pids_limit = Some(bounded("PidsLimit", processes, limits.pids)?);
    let memory = if host.memory == 0 {
        i64::MAX
    } else {
        host.memory
    };
    within("MemoryReservation", host.memory_reservation, 0..=memory)?;
    within("MemorySwap", host.memory_swap, 0..=memory.saturating_mul(2))?;
    within(
        "MemorySwappiness",
        host.memory_swappiness.unwrap_or(-1),
        -1..=100,
    )?;
    within("ShmSize", host.shm_size, 0..=memory)?;
    within("CpuShares", host.cpu_shares, 0..=1024)?;
    within("OomScoreAdj", host.oom_score_adj, 0..=1000)
}

/// Refuses root by name or number, where it is said; what is not said is the image's own user.
pub(crate) fn check_user(user: &str, root: Allowance) -> Result<(), Refusal> {
    if user.is_empty() {
        return Ok(());
    }
    let (name, group) = user.split_once(':').unwrap_or((user, "1"));
    if ![name, group].into_iter().all(is_user) {
        return Err(Refusal::forbidden(format!(
            "`{user}` is no plain name or number of a user and group"
        )));
    }
    if root == Allowance::Refused
        && [name, group]
            .iter()
            .any(|part| ["0", "root"].contains(part))
    {
        return Err(Refusal::forbidden("a sandbox may not run as root"));
    }
    Ok(())
}

fn is_user(text: &str) -> bool {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    if digits {
        return text == "0" || ((1..=9).contains(&text.len()) && !text.starts_with('0'));
    }
    text.len() <= 32
        && text.starts_with(|first: char| first.is_ascii_lowercase() || first == '_')
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-".contains(&byte))
}

fn check_words(create: &Create) -> Result<(), Refusal> {
    let host_name = |text: &str| {
        text.len() <= 255
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b".-".contains(&byte))
    };
    let signal = |text: &str| {
        text.len() <= 16
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"+-".contains(&byte))
    };
    let none = |test: &[String]| test.is_empty() || test == ["NONE"];
    let directory = create.working_dir.as_str();
    for (name, fine) in [
        ("Hostname", host_name(&create.hostname)),
        ("Domainname", host_name(&create.domainname)),
        (
            "WorkingDir",
            directory.is_empty() || directory == "/" || binds::is_clean(directory),
        ),
        ("StopSignal", signal(&create.stop_signal)),
        (
            "StopTimeout",
            GRACES.contains(&create.stop_timeout.unwrap_or(0)),
        ),
        (
            "ExposedPorts",
            create.exposed_ports.keys().all(|port| is_port(port)),
        ),
        (
            "Healthcheck",
            create
                .healthcheck
                .as_ref()
                .is_none_or(|check| none(&check.test)),
        ),
    ] {
        if !fine {
            return Err(Refusal::forbidden(format!(
                "a sandbox may not have this `{name}`"
            )));
        }
    }
    Ok(())
}

fn check_modes(host: &HostConfig) -> Result<(), Refusal> {
    let security = |option: &String| {
        [
            "no-new-privileges",
            "no-new-privileges:true",
            "no-new-privileges=true",
        ]
        .contains(&option.as_str())
    };
    let capability = |name: &String| {
        name.len() <= 64
            && name
                .bytes()
                .all(|byte| byte.is_ascii_alphabetic() || byte == b'_')
    };
    let address = |host: &String| {
        let address = host.split_once(':').map(|(_, address)| address);
        address.is_some_and(|address| address.parse::<std::net::IpAddr>().is_ok())
    };
    for (name, fine) in [
        (
            "SecurityOpt",
            host.security_opt.iter().flatten().all(security),
        ),
        ("CapDrop", host.cap_drop.iter().flatten().all(capability)),
        ("ExtraHosts", host.extra_hosts.iter().flatten().all(address)),
        (
            "CgroupnsMode",
            ["", "private"].contains(&host.cgroupns_mode.as_str()),
        ),
        (
            "IpcMode",
            ["", "private", "none"].contains(&host.ipc_mode.as_str()),
        ),
        (
            "RestartPolicy",
            ["", "no"].contains(&host.restart_policy.name.as_str()),
        ),
        (
            "LogConfig",
            ["", "json-file", "local", "none"].contains(&host.log_config.kind.as_str()),
        ),
    ] {
        if !fine {
            return Err(Refusal::forbidden(format!(
                "a sandbox may not have this `HostConfig.{name}`"
            )));
        }
    }
    Ok(())
}

fn is_port(text: &str) -> bool {
    let (port, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    ["tcp", "udp"].contains(&protocol) && !port.starts_with('+') && port.parse::<u16>().is_ok()
}

fn bounded(name: &str, asked: i64, ceiling: Option<i64>) -> Result<i64, Refusal> {
    let Some(ceiling) = ceiling else {
        within(name, asked, 0..=i64::MAX)?;
        return Ok(asked);
    };
    within(name, asked, 0..=ceiling)?;
    Ok(if asked == 0 { ceiling } else { asked })
}

fn within(name: &str, asked: i64, range: std::ops::RangeInclusive<i64>) -> Result<(), Refusal> {
    if range.contains(&asked) {
        return Ok(());
    }
    Err(Refusal::forbidden(format!(
        "`HostConfig.{name}` is {asked}; it must be from {} to {}",
        range.start(),
        range.end()
    )))
}
