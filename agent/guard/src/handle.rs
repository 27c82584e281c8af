//! One request: on the table or not, and who carries it out.

use std::{sync::Arc, time::Duration};

use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::Incoming,
    header::{self, HeaderValue},
};
use serde::de::DeserializeOwned;
use tokio::{sync::watch, time::timeout};

use crate::{
    Activity, ApiVersion, Ceilings, Metrics, Settings,
    answer::{self, Body},
    ceilings::Limits,
    containers,
    create::Rules,
    execs::{self, Execs},
    images, lookup,
    metrics::{Label, Verdict},
    networks,
    query::Query,
    refusal::Refusal,
    route::{ExecCall, Kind, Route},
    system,
    target::Target,
    tasks::Tasks,
    upstream::{Call, Upstream},
};

/// The longest body of a request that is read.
const LONGEST_BODY: usize = 1024 * 1024;
/// The longest wait for a body.
const BODY_PATIENCE: Duration = Duration::from_secs(30);
/// How long a body is heard of which nothing is kept.
const UNHEARD: Duration = Duration::from_secs(5);

/// What came of a request.
pub(crate) type Reply = Result<Response<Body>, Refusal>;

/// What all requests share.
pub(crate) struct Shared {
    pub(crate) settings: Settings,
    pub(crate) ceilings: watch::Receiver<Ceilings>,
    pub(crate) rules: Rules,
    pub(crate) upstream: Upstream,
    pub(crate) activity: Arc<dyn Activity>,
    pub(crate) execs: Execs,
    pub(crate) tasks: Tasks,
    pub(crate) metrics: Metrics,
}

impl Shared {
    /// What a sandbox may be at most, as the document in force has it.
    pub(crate) fn limits(&self) -> Limits {
        Limits::new(&self.settings, &self.ceilings.borrow())
    }
}

/// A request whose route is known.
pub(crate) struct Context {
    pub(crate) guard: Arc<Shared>,
    pub(crate) version: ApiVersion,
    pub(crate) query: Query,
    accept: Option<HeaderValue>,
}

impl Context {
    /// Asks the daemon for something that is there, and reads it; any other answer is passed on as a refusal.
    pub(crate) async fn read<T: DeserializeOwned>(
        &self,
        path: impl Into<String>,
    ) -> Result<T, Refusal> {
        let call = Call::get(self.version, path);
        let (status, body) = self.guard.upstream.ask(call).await?;
        if status != StatusCode::OK {
            return Err(Refusal::Said(status, body));
        }
        lookup::read(&body)
    }

    /// Sends a call, and hands the daemon's answer on once it is there whole.
    pub(crate) async fn pass(&self, call: Call) -> Reply {
        let answer = self.guard.upstream.whole(self.accepting(call)).await?;
        Ok(answer.map(answer::full))
    }

    /// Sends a call, and hands the daemon's answer on as it comes: it may be long, or never end.
    pub(crate) async fn follow(&self, call: Call) -> Reply {
        let (answer, line) = self.guard.upstream.send(self.accepting(call)).await?;
        Ok(answer::pass(answer, line))
    }

    fn accepting(&self, mut call: Call) -> Call {
        if let Some(accept) = &self.accept {
            call.headers.insert(header::ACCEPT, accept.clone());
        }
        call
    }
}

/// Answers one request.
pub(crate) async fn answer(guard: Arc<Shared>, request: Request<Incoming>) -> Response<Body> {
    let method = request.method().clone();
    let (label, reply) = match Target::parse(request.uri()) {
        Err(refusal) => (Label::Other, Err(refusal)),
        Ok(target) => match Route::find(&method, &target.path) {
            None => {
                hear_out(request).await;
                (Label::Other, Err(off_the_table(&method, &target.path)))
            }
            Some(route) => {
                let reply =
                    carry_out(&guard, route, target.version, target.query.clone(), request).await;
                (route.label(), reply)
            }
        },
    };
    let verdict = reply
        .as_ref()
        .map_or_else(Refusal::verdict, |_| Verdict::Passed);
    guard.metrics.answered(label, verdict);
    let mut response = reply.unwrap_or_else(|refusal| refused(label, refusal));
    answer::clamp(response.headers_mut(), guard.settings.newest_api);
    response
}

fn off_the_table(method: &Method, path: &str) -> Refusal {
    Refusal::forbidden(format!(
        "{method} {path} is not among the calls that sandboxes need"
    ))
}

fn refused(label: Label, refusal: Refusal) -> Response<Body> {
    if let Refusal::Forbidden(reason) = &refusal {
        tracing::info!(route = ?label, reason, "refused a call to the sandbox daemon");
    }
    refusal.into_response()
}

async fn carry_out(
    guard: &Arc<Shared>,
    route: Route<'_>,
    version: Option<ApiVersion>,
    query: Query,
    request: Request<Incoming>,
) -> Reply {
    let newest = guard.settings.newest_api;
    let context = Context {
        guard: guard.clone(),
        version: version.unwrap_or(newest),
        query,
        accept: request.headers().get(header::ACCEPT).cloned(),
    };
    check_version(route, version, newest)?;
    match route {
        Route::Ping => system::ping(&context, request.method().clone(), version).await,
        Route::Version => system::version(&context).await,
        Route::Info => system::info(&context).await,
        Route::Events => system::events(&context).await,
        Route::Containers => containers::list(&context).await,
        Route::Create => containers::create(&context, &body(request).await?).await,
        Route::Container(name, call) => containers::call(&context, name, call, request).await,
        Route::Exec(id, ExecCall::Start) => execs::start(context, id, request).await,
        Route::Exec(id, ExecCall::Resize) => execs::resize(&context, id).await,
        Route::Exec(id, ExecCall::Inspect) => execs::inspect(&context, id).await,
        Route::Images => images::list(&context).await,
        Route::Image(name) => images::inspect(&context, name).await,
        Route::Pull => {
            let reply = images::pull(&context, &request).await;
            if reply.is_err() {
                // An import is this call too, and has a body.
                hear_out(request).await;
            }
            reply
        }
        Route::Networks => networks::list(&context).await,
        Route::Network(name) => networks::inspect(&context, name).await,
        Route::NetworkCreate => networks::create(&context, &body(request).await?).await,
        Route::Missing(kind, name) => Err(missing(kind, name)),
    }
}

fn missing(kind: Kind, name: &str) -> Refusal {
    match kind {
        Kind::Container => Refusal::no_container(name),
        Kind::Network => Refusal::Absent(format!("network {name} not found")),
        Kind::Volume => Refusal::Absent(format!("get {name}: no such volume")),
        Kind::Plugin => Refusal::Absent(format!("plugin \"{name}\" not found")),
    }
}

/// In Docker's own words, as its clients know them.
fn check_version(
    route: Route<'_>,
    version: Option<ApiVersion>,
    newest: ApiVersion,
) -> Result<(), Refusal> {
    let oldest = ApiVersion::OLDEST;
    match version {
        None if route == Route::Ping => Ok(()),
        None => Err(Refusal::forbidden(
            "a call must name the version of the API, such as /v1.41/info",
        )),
        Some(version) if version > newest => Err(Refusal::invalid(format!(
            "client version {version} is too new. Maximum supported API version is {newest}"
        ))),
        Some(version) if version < oldest => Err(Refusal::invalid(format!(
            "client version {version} is too old. Minimum supported API version is {oldest}, please upgrade your client to a newer version"
        ))),
        Some(_) => Ok(()),
    }
}

/// Lets a client that is to be refused say what it is saying: many look at no answer before.
async fn hear_out(request: Request<Incoming>) {
    // One that waits to be asked for its body hears the answer instead.
    if !request.headers().contains_key(header::EXPECT) {
        drop_rest(request.into_body()).await;
    }
}

async fn drop_rest(mut body: Incoming) {
    let dropped = async { while let Some(Ok(_)) = body.frame().await {} };
    if timeout(UNHEARD, dropped).await.is_err() {
        tracing::debug!("a client was cut off in the middle of a refused upload");
    }
}

/// The whole body of a request.
pub(crate) async fn body(request: Request<Incoming>) -> Result<Bytes, Refusal> {
    let mut body = request.into_body();
    let reading = Limited::new(&mut body, LONGEST_BODY).collect();
    match timeout(BODY_PATIENCE, reading).await {
        Err(_) => Err(Refusal::invalid(
            "the body of the request did not come in time",
        )),
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            drop_rest(body).await;
            Err(Refusal::TooLong(format!(
                "the body of the request is longer than {LONGEST_BODY} bytes"
            )))
        }
        Ok(Err(error)) => Err(Refusal::invalid(format!(
            "the body of the request cannot be read: {error}"
        ))),
    }
}
