//! Calls on containers: of ours only, by the id that the daemon told us.

use std::time::Duration;

use hyper::{Method, Request, StatusCode, body::Incoming};

use crate::{
    answer,
    create::{self, Create, GRACES},
    execs,
    filters::Filters,
    handle::{Context, Reply, body},
    lookup::{self, Container},
    mounts,
    nesting::{self, Place},
    refusal::Refusal,
    route::{ContainerCall, is_name},
    stream,
    upstream::Call,
};

/// A name of this many hexadecimal digits could be taken for an id.
const SHORT_ID: usize = 12;
/// The seconds that the daemon gives a container to end where nothing else is said.
const DOCKERS_GRACE: u64 = 10;

/// `containers/json`.
pub(crate) async fn list(context: &Context) -> Reply {
    context.query.only(&["all", "limit", "size", "filters"])?;
    let keys = [
        "id", "name", "label", "status", "ancestor", "exited", "health",
    ];
    let filters = Filters::read(context.query.get("filters"), &keys)?.ours();
    let mut query = context.query.clone();
    query.set("filters", filters.write());
    context
        .pass(Call::get(context.version, query.behind("/containers/json")))
        .await
}

/// `containers/create`.
pub(crate) async fn create(context: &Context, body: &[u8]) -> Reply {
    context.query.only(&["name"])?;
    if let Some(name) = context.query.get("name") {
        let hex = name.bytes().all(|byte| byte.is_ascii_hexdigit());
        if !is_name(name) || (hex && name.len() >= SHORT_ID) {
            return Err(Refusal::forbidden(format!(
                "`{name}` cannot be the name of a sandbox"
            )));
        }
    }
    let mut create: Create = create::read(body)?;
    context
        .guard
        .rules
        .apply(&mut create, &context.guard.limits())?;
    let call = Call::new(
        Method::POST,
        Some(context.version),
        context.query.behind("/containers/create"),
    );
    context.pass(call.json(create::write(&create)?)).await
}

/// Everything on one container.
pub(crate) async fn call(
    context: &Context,
    name: &str,
    call: ContainerCall,
    request: Request<Incoming>,
) -> Reply {
    context.query.only(call.keys())?;
    if call == ContainerCall::Exec && context.guard.upstream.known().has(name) {
        return execs::create(context, name, &body(request).await?).await;
    }
    let query = match call {
        ContainerCall::Inspect => context.query.behind(""),
        _ => String::new(),
    };
    let container =
        lookup::container(&context.guard.upstream, context.version, name, &query).await?;
    match call {
        ContainerCall::Inspect => return Ok(answer::json(StatusCode::OK, container.answer)),
        ContainerCall::Exec => {
            return execs::create(context, &container.id, &body(request).await?).await;
        }
        ContainerCall::Attach => return attach(context, &container, request).await,
        // To read a file, too, the daemon mounts anew what the container sees.
        ContainerCall::Start
        | ContainerCall::Restart
        | ContainerCall::ArchiveStat
        | ContainerCall::ArchiveRead => check_files(context, &container)?,
        _ => {}
    }
    let path = context.query.behind(&call.path(&container.id));
    let asked = Call::new(request.method().clone(), Some(context.version), path);
    match call {
        ContainerCall::Logs
        | ContainerCall::Stats
        | ContainerCall::Wait
        | ContainerCall::ArchiveRead => context.follow(asked).await,
        ContainerCall::Stop | ContainerCall::Restart => {
            let grace = grace(context.query.get("t"), &container)?;
            context.pass(asked.after(grace)).await
        }
        _ => context.pass(asked).await,
    }
}

/// How long a container may take to end before it is killed.
fn grace(asked: Option<&str>, container: &Container) -> Result<Duration, Refusal> {
    let Some(asked) = asked else {
        let own = container.config.stop_timeout;
        let seconds = own.and_then(|own| own.try_into().ok());
        return Ok(Duration::from_secs(seconds.unwrap_or(DOCKERS_GRACE)));
    };
    let seconds = asked.parse().ok().filter(|asked| GRACES.contains(asked));
    seconds.map(Duration::from_secs).ok_or_else(|| {
        let (least, most) = (GRACES.start(), GRACES.end());
        Refusal::forbidden(format!(
            "`t` is `{asked}`; it must be from {least} to {most} seconds"
        ))
    })
}

/// What was fine when the container was made may be a link by now.
fn check_files(context: &Context, container: &Container) -> Result<(), Refusal> {
    let binds = context.guard.rules.binds();
    let host = &container.host_config;
    let mut places = Vec::new();
    for bind in host.binds.iter().flatten() {
        places.push(binds.check(bind)?);
    }
    for mount in host.mounts.iter().flatten() {
        let bound = mount.kind == "bind";
        if bound {
            binds.check_source(&mount.source, mounts::access(mount.read_only))?;
        }
        let source = bound.then_some(mount.source.as_str());
        places.push(Place::new(&mount.target, source));
    }
    let tmpfs = host.tmpfs.iter().flatten();
    places.extend(tmpfs.map(|(target, _)| Place::new(target, None)));
    nesting::check(&places)
}

async fn attach(context: &Context, container: &Container, mut request: Request<Incoming>) -> Reply {
    if !stream::is_asked(&request) {
        return Err(Refusal::invalid(
            "an attached stream must be asked for with `Upgrade: tcp`",
        ));
    }
    let path = context
        .query
        .behind(&ContainerCall::Attach.path(&container.id));
    let call = Call::new(Method::POST, Some(context.version), path);
    stream::open(context, hyper::upgrade::on(&mut request), call, |_| async {
    })
    .await
}
