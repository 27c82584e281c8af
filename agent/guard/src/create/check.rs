//! What a new container must be like.

use crate::{
    SANDBOX_LABEL, Settings,
    binds::{self, Binds},
    ceilings::Limits,
    mounts,
    nesting::{self, Place},
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
        create.user = limits.user(&create.user)?;
        if create.user.is_empty() {
            create.user = limits.own_user();
        }
        check_words(create)?;
        self.check_network(create)?;
        self.check_files(&create.host_config, limits.memory_bytes)?;
        check_modes(&create.host_config)?;
        bound(&mut create.host_config, limits)?;
        confine(&mut create.host_config);
        Ok(())
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
        let mut places = Vec::new();
        for bind in host.binds.iter().flatten() {
            places.push(self.binds.check(bind)?);
        }
        for mount in &host.mounts {
            places.push(mount.check(&self.binds, memory)?);
        }
        for (target, options) in &host.tmpfs {
            mounts::check_tmpfs(target, options, memory)?;
            places.push(Place::new(target, None));
        }
        nesting::check(&places)
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
    host.memory_swap = with_swap(host, limits)?;
    within(
        "MemorySwappiness",
        host.memory_swappiness.unwrap_or(-1),
        -1..=100,
    )?;
    within("ShmSize", host.shm_size, 0..=memory)?;
    within("CpuShares", host.cpu_shares, 0..=1024)?;
    within("OomScoreAdj", host.oom_score_adj, 0..=1000)
}

/// Memory and swap together: no swap, unless both the maker and the document say so.
fn with_swap(host: &HostConfig, limits: &Limits) -> Result<i64, Refusal> {
    let most = limits.memory_swap_bytes.unwrap_or(0).max(host.memory);
    within("MemorySwap", host.memory_swap, 0..=most)?;
    Ok(if host.memory_swap == 0 {
        host.memory
    } else {
        host.memory_swap
    })
}

/// What every sandbox has, whether its maker asked for it or not: what it leaves out would be the daemon's own default,
/// with programs that make root of anybody, and the host's control groups.
fn confine(host: &mut HostConfig) {
    host.security_opt = Some(vec!["no-new-privileges".to_owned()]);
    host.cap_drop = Some(vec!["ALL".to_owned()]);
    "private".clone_into(&mut host.cgroupns_mode);
    if host.ipc_mode.is_empty() {
        "private".clone_into(&mut host.ipc_mode);
    }
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
        ("WorkingDir", binds::is_working_dir(directory)),
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
