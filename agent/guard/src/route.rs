//! The table of all routes. What is not on it is refused.

use hyper::Method;

use crate::metrics::Label;

/// A request that may pass, with the client's own name of what it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Route<'a> {
    Ping,
    Version,
    Info,
    Events,
    Containers,
    Create,
    Container(&'a str, ContainerCall),
    Exec(&'a str, ExecCall),
    Images,
    Image(&'a str),
    Pull,
    Networks,
    Network(&'a str),
    NetworkCreate,
    /// Something that does not exist here, whatever its name; `docker inspect` asks for all kinds in turn.
    Missing(Kind, &'a str),
}

/// A kind of things of which some or all do not exist here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No container has a name like that.
    Container,
    /// No network has a name like that.
    Network,
    /// None exists here.
    Volume,
    /// None exists here.
    Plugin,
}

/// What is asked of a container.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ContainerCall {
    Inspect,
    Top,
    Logs,
    Stats,
    ArchiveStat,
    ArchiveRead,
    Kill,
    Pause,
    Unpause,
    Restart,
    Start,
    Stop,
    Wait,
    Resize,
    Attach,
    Exec,
    Remove,
}

/// What is asked of an exec.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ExecCall {
    Inspect,
    Start,
    Resize,
}

type ContainerRow = (
    &'static str,
    &'static str,
    ContainerCall,
    &'static [&'static str],
);

/// Method, last segment, call, and the keys of its query.
const CONTAINER: &[ContainerRow] = &[
    ("GET", "json", ContainerCall::Inspect, &["size"]),
    ("GET", "top", ContainerCall::Top, &[]),
    (
        "GET",
        "logs",
        ContainerCall::Logs,
        &[
            "stdout",
            "stderr",
            "follow",
            "since",
            "until",
            "timestamps",
            "tail",
            "details",
        ],
    ),
    (
        "GET",
        "stats",
        ContainerCall::Stats,
        &["stream", "one-shot"],
    ),
    ("HEAD", "archive", ContainerCall::ArchiveStat, &["path"]),
    ("GET", "archive", ContainerCall::ArchiveRead, &["path"]),
    ("POST", "kill", ContainerCall::Kill, &["signal"]),
    ("POST", "pause", ContainerCall::Pause, &[]),
    ("POST", "unpause", ContainerCall::Unpause, &[]),
    ("POST", "restart", ContainerCall::Restart, &["t", "signal"]),
    ("POST", "start", ContainerCall::Start, &[]),
    ("POST", "stop", ContainerCall::Stop, &["t", "signal"]),
    ("POST", "wait", ContainerCall::Wait, &["condition"]),
    ("POST", "resize", ContainerCall::Resize, &["h", "w"]),
    (
        "POST",
        "attach",
        ContainerCall::Attach,
        &["stdin", "stdout", "stderr", "stream", "logs", "detachKeys"],
    ),
    ("POST", "exec", ContainerCall::Exec, &[]),
    ("DELETE", "", ContainerCall::Remove, &["force", "v"]),
];

impl ContainerCall {
    /// The keys that its query may have.
    pub(crate) fn keys(self) -> &'static [&'static str] {
        CONTAINER
            .iter()
            .find(|row| row.2 == self)
            .map_or(&[], |row| row.3)
    }

    /// Its path at the daemon, of a container with this full id.
    pub(crate) fn path(self, id: &str) -> String {
        let suffix = CONTAINER
            .iter()
            .find(|row| row.2 == self)
            .map_or("", |row| row.1);
        let slash = if suffix.is_empty() { "" } else { "/" };
        format!("/containers/{id}{slash}{suffix}")
    }
}

impl<'a> Route<'a> {
    /// The route of a method and a plain path without its version.
    pub(crate) fn find(method: &Method, path: &'a str) -> Option<Self> {
        let segments: Vec<&str> = path.strip_prefix('/')?.split('/').collect();
        match (method.as_str(), segments.as_slice()) {
            ("GET" | "HEAD", ["_ping"]) => Some(Self::Ping),
            ("GET", ["version"]) => Some(Self::Version),
            ("GET", ["info"]) => Some(Self::Info),
            ("GET", ["events"]) => Some(Self::Events),
            ("GET", ["containers", "json"]) => Some(Self::Containers),
            ("POST", ["containers", "create"]) => Some(Self::Create),
            (method, ["containers", name]) if is_name(name) => {
                call(method, "").map(|call| Self::Container(name, call))
            }
            (method, ["containers", name, last]) if is_name(name) && !last.is_empty() => {
                call(method, last).map(|call| Self::Container(name, call))
            }
            ("GET", ["exec", id, "json"]) if is_id(id) => Some(Self::Exec(id, ExecCall::Inspect)),
            ("POST", ["exec", id, "start"]) if is_id(id) => Some(Self::Exec(id, ExecCall::Start)),
            ("POST", ["exec", id, "resize"]) if is_id(id) => Some(Self::Exec(id, ExecCall::Resize)),
            ("GET", ["images", "json"]) => Some(Self::Images),
            ("GET", ["images", .., "json"]) => image(path).map(Self::Image),
            ("POST", ["images", "create"]) => Some(Self::Pull),
            ("GET", ["networks"]) => Some(Self::Networks),
            ("POST", ["networks", "create"]) => Some(Self::NetworkCreate),
            ("GET", ["networks", name]) if is_name(name) => Some(Self::Network(name)),
            ("GET", _) => missing(path),
            _ => None,
        }
    }

    /// What the metrics call it.
    pub(crate) fn label(self) -> Label {
        match self {
            Self::Ping | Self::Version | Self::Info => Label::System,
            Self::Events => Label::Events,
            Self::Containers => Label::List,
            Self::Create => Label::Create,
            Self::Container(_, ContainerCall::Start | ContainerCall::Restart) => Label::Start,
            Self::Container(_, ContainerCall::Remove) => Label::Remove,
            Self::Container(_, ContainerCall::Attach) => Label::Attach,
            Self::Container(_, ContainerCall::Exec) | Self::Exec(..) => Label::Exec,
            Self::Container(..) => Label::Container,
            Self::Images | Self::Image(_) | Self::Pull => Label::Image,
            Self::Networks | Self::Network(_) | Self::NetworkCreate => Label::Network,
            Self::Missing(..) => Label::Other,
        }
    }
}

fn call(method: &str, last: &str) -> Option<ContainerCall> {
    let row = CONTAINER
        .iter()
        .find(|row| row.0 == method && row.1 == last);
    row.map(|row| row.2)
}

fn missing(path: &str) -> Option<Route<'_>> {
    for (kind, front, back) in [
        (Kind::Container, "/containers/", "/json"),
        (Kind::Plugin, "/plugins/", "/json"),
        (Kind::Network, "/networks/", ""),
        (Kind::Volume, "/volumes/", ""),
    ] {
        let inner = path
            .strip_prefix(front)
            .and_then(|path| path.strip_suffix(back));
        if let Some(name) = inner.filter(|name| !name.is_empty()) {
            return Some(Route::Missing(kind, name));
        }
    }
    None
}

fn image(path: &str) -> Option<&str> {
    let name = path.strip_prefix("/images/")?.strip_suffix("/json")?;
    (!name.is_empty()).then_some(name)
}

/// Whether this can be the name or the id of a container, as Docker has it.
pub(crate) fn is_name(text: &str) -> bool {
    text.len() <= 255
        && text.starts_with(|first: char| first.is_ascii_alphanumeric())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_.-".contains(&byte))
}

/// Whether this is a full id.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == 64
        && text
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn find<'a>(method: &str, path: &'a str) -> Option<Route<'a>> {
        Route::find(&method.parse().unwrap(), path)
    }

    #[test]
    fn the_routes_of_a_sandbox_are_found() {
        let id = "ab".repeat(32);
        assert_eq!(find("HEAD", "/_ping"), Some(Route::Ping));
        assert_eq!(find("GET", "/containers/json"), Some(Route::Containers));
        assert_eq!(find("POST", "/containers/create"), Some(Route::Create));
        assert_eq!(
            find("GET", "/containers/create/json"),
            Some(Route::Container("create", ContainerCall::Inspect))
        );
        assert_eq!(
            find("DELETE", "/containers/x_1.y-z"),
            Some(Route::Container("x_1.y-z", ContainerCall::Remove))
        );
        assert_eq!(
            find("POST", &format!("/exec/{id}/start")),
            Some(Route::Exec(&id, ExecCall::Start))
        );
        assert_eq!(
            find("GET", "/images/a/b:c/json"),
            Some(Route::Image("a/b:c"))
        );
    }

    #[test]
    fn what_has_a_name_that_nothing_here_has_is_missing() {
        for (path, kind) in [
            ("/containers/a/b:c/json", Kind::Container),
            ("/networks/a/b:c", Kind::Network),
            ("/volumes/a/b:c", Kind::Volume),
            ("/plugins/a/b:c/json", Kind::Plugin),
        ] {
            assert_eq!(find("GET", path), Some(Route::Missing(kind, "a/b:c")));
            assert_eq!(find("POST", path), None);
        }
    }

    #[test]
    fn everything_else_is_not_there() {
        for (method, path) in [
            ("OPTIONS", "/_ping"),
            ("CONNECT", "/info"),
            ("PUT", "/containers/x/archive"),
            ("POST", "/containers/x/update"),
            ("POST", "/containers/x/copy"),
            ("POST", "/containers/x/rename"),
            ("GET", "/containers/x/export"),
            ("GET", "/containers/x/changes"),
            ("GET", "/containers/x/attach/ws"),
            ("GET", "/containers/x/checkpoints"),
            ("POST", "/containers/prune"),
            ("POST", "/commit"),
            ("POST", "/session"),
            ("POST", "/grpc"),
            ("POST", "/auth"),
            ("GET", "/swarm"),
            ("GET", "/services"),
            ("GET", "/plugins"),
            ("POST", "/plugins/pull"),
            ("GET", "/system/df"),
            ("GET", "/debug/pprof/"),
            ("GET", "/distribution/x/json"),
            ("POST", "/images/load"),
            ("GET", "/images/get"),
            ("GET", "/images/x/get"),
            ("POST", "/images/x/push"),
            ("POST", "/images/x/tag"),
            ("DELETE", "/images/x"),
            ("POST", "/images/prune"),
            ("POST", "/build"),
            ("POST", "/build/prune"),
            ("GET", "/volumes"),
            ("POST", "/volumes/create"),
            ("DELETE", "/volumes/x"),
            ("DELETE", "/networks/x"),
            ("POST", "/networks/x/connect"),
            ("POST", "/exec/short/start"),
            ("POST", "/containers/-x/start"),
            ("get", "/info"),
        ] {
            assert_eq!(find(method, path), None, "{method} {path}");
        }
    }

    proptest! {
        #[test]
        fn no_path_reaches_the_daemon_that_is_not_on_the_table(
            method in "GET|HEAD|POST|PUT|DELETE|PATCH",
            path in "(/(containers|exec|images|json|create|archive|start|prune|update|commit|export|[a-z.]{1,3})){1,4}",
        ) {
            let id = "0".repeat(64);
            if let Some(Route::Container(name, call)) = find(&method, &path) {
                let upstream = call.path(&id);
                prop_assert!(is_name(name));
                prop_assert_eq!(find(&method, &upstream), Some(Route::Container(id.as_str(), call)));
                prop_assert_eq!(upstream.replace(&id, name), path);
            }
        }

        #[test]
        fn names_have_no_character_of_their_own(name in "\\PC{0,20}") {
            if is_name(&name) {
                prop_assert!(!name.contains(['/', '%', '?', '#', ' ', ':']) && !name.starts_with('.'));
            }
        }
    }
}
