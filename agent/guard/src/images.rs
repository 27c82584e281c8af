//! Images: those of named repositories.

use hyper::{Method, Request, StatusCode, header::HeaderName};
use serde_json::Value;

use crate::{
    Allowance,
    answer::{self, Body},
    handle::{Context, Reply},
    lookup,
    query::Query,
    refusal::Refusal,
    upstream::Call,
};

/// The credentials of a registry, that only a pull passes on.
const REGISTRY_AUTH: HeaderName = HeaderName::from_static("x-registry-auth");

/// Refuses an image that is not of one of these repositories.
pub(crate) fn check(image: &str, repositories: &[String]) -> Result<(), Refusal> {
    let fine = repository(image).is_some_and(|of| repositories.iter().any(|known| known == of));
    if fine {
        return Ok(());
    }
    Err(Refusal::forbidden(format!(
        "a sandbox may not run the image `{image}`"
    )))
}

/// The repository of `repository[:tag][@digest]`.
fn repository(image: &str) -> Option<&str> {
    let (named, digest) = match image.split_once('@') {
        None => (image, None),
        Some((named, digest)) => (named, Some(digest)),
    };
    let sha = |digest: &str| {
        digest
            .strip_prefix("sha256:")
            .is_some_and(crate::route::is_id)
    };
    if !digest.is_none_or(sha) {
        return None;
    }
    let (repository, tag) = match named.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') => (repository, tag),
        _ => (named, "latest"),
    };
    crate::route::is_name(tag).then_some(repository)
}

/// `images/json`.
pub(crate) async fn list(context: &Context) -> Reply {
    context.query.only(&[
        "all",
        "filters",
        "shared-size",
        "digests",
        "manifests",
        "identity",
    ])?;
    let filters = crate::filters::Filters::read(
        context.query.get("filters"),
        &["reference", "label", "dangling"],
    )?;
    let mut query = context.query.clone();
    query.set("filters", filters.write());
    let call = Call::get(context.version, query.behind("/images/json"));
    let (status, body) = context.guard.upstream.ask(call).await?;
    if status != StatusCode::OK {
        return Err(Refusal::Said(status, body));
    }
    let mut images: Vec<Value> = lookup::read(&body)?;
    let repositories = &context.guard.settings.images;
    images.retain_mut(|image| keep_ours(image, repositories));
    Ok(answer::json(
        StatusCode::OK,
        Value::from(images).to_string(),
    ))
}

/// `images/{name}/json`.
pub(crate) async fn inspect(context: &Context, name: &str) -> Reply {
    context.query.only(&["manifests", "platform"])?;
    let repositories = &context.guard.settings.images;
    let absent = || Refusal::Absent(format!("No such image: {name}"));
    let id = name.strip_prefix("sha256:").unwrap_or(name);
    let by_id = (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if check(name, repositories).is_err() && !by_id {
        return Err(absent());
    }
    let path = context.query.behind(&format!("/images/{name}/json"));
    let (status, body) = context
        .guard
        .upstream
        .ask(Call::get(context.version, path))
        .await?;
    if status != StatusCode::OK {
        return Err(Refusal::Said(status, body));
    }
    let mut image: Value = lookup::read(&body)?;
    if !keep_ours(&mut image, repositories) {
        return Err(absent());
    }
    Ok(answer::json(StatusCode::OK, image.to_string()))
}

/// Leaves of an image's names those of our repositories; says whether any is left.
fn keep_ours(image: &mut Value, repositories: &[String]) -> bool {
    let mut ours = false;
    for names in ["RepoTags", "RepoDigests"] {
        let Some(Value::Array(names)) = image.get_mut(names) else {
            continue;
        };
        names.retain(|name| {
            name.as_str()
                .is_some_and(|name| check(name, repositories).is_ok())
        });
        ours |= !names.is_empty();
    }
    ours
}

/// `images/create`: only a pull, only where it is allowed.
pub(crate) async fn pull(context: &Context, request: &Request<hyper::body::Incoming>) -> Reply {
    if context.guard.settings.pull == Allowance::Refused {
        return Err(Refusal::forbidden(
            "images are not pulled here; the operator loads them",
        ));
    }
    context.query.only(&["fromImage", "tag", "platform"])?;
    let image = context.query.get("fromImage").unwrap_or_default();
    let tag = context.query.get("tag").unwrap_or_default();
    let image = match (tag, tag.starts_with("sha256:")) {
        ("", _) => image.to_owned(),
        (digest, true) => format!("{image}@{digest}"),
        (tag, false) => format!("{image}:{tag}"),
    };
    check(&image, &context.guard.settings.images)?;
    let path = context.query.behind("/images/create");
    let mut call = Call::new(Method::POST, Some(context.version), path);
    if let Some(credentials) = request.headers().get(REGISTRY_AUTH) {
        call.headers.insert(REGISTRY_AUTH, credentials.clone());
    }
    context.pass(call).await
}

/// `build`: of our repositories only, only where it is allowed.
pub(crate) async fn build(context: &Context, body: Body) -> Reply {
    if context.guard.settings.build == Allowance::Refused {
        return Err(Refusal::forbidden(
            "images are not built here; the operator loads them",
        ));
    }
    context.query.only(&[
        "t",
        "dockerfile",
        "q",
        "nocache",
        "rm",
        "forcerm",
        "buildargs",
        "labels",
    ])?;
    let name = context.query.get("t").unwrap_or_default();
    check(name, &context.guard.settings.images)?;
    let mut query: Query = context.query.clone();
    query.set("networkmode", "none".into());
    let mut call = Call::new(Method::POST, Some(context.version), query.behind("/build"));
    call.body = body;
    context.pass(call).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_repositories_pass() {
        let known = [
            "openclaw-sandbox".to_owned(),
            "registry:5000/a/b".to_owned(),
        ];
        let digest = format!("@sha256:{}", "0".repeat(64));
        for image in [
            "openclaw-sandbox",
            "openclaw-sandbox:bookworm-slim",
            &format!("openclaw-sandbox:x{digest}"),
            &format!("openclaw-sandbox{digest}"),
            "registry:5000/a/b",
            "registry:5000/a/b:1.0",
        ] {
            check(image, &known).unwrap();
        }
        for image in [
            "",
            "openclaw-sandbox:",
            "openclaw-sandbox@",
            "openclaw-sandbox@sha256:00",
            "openclaw-sandbox:a:b",
            "openclaw-sandbox:a b",
            "openclaw-sandbox2",
            "x/openclaw-sandbox",
            "docker.io/library/openclaw-sandbox",
            "registry:5000/a/b/c",
            "registry",
            "sha256:00",
            "Openclaw-sandbox",
        ] {
            assert!(check(image, &known).is_err(), "{image}");
        }
    }

    #[test]
    fn foreign_names_are_taken_off() {
        let known = ["openclaw-sandbox".to_owned()];
        let mut image = serde_json::json!({"RepoTags": ["openclaw-sandbox:a", "secret:b"], "RepoDigests": ["secret@x"]});
        assert!(keep_ours(&mut image, &known));
        assert_eq!(
            image,
            serde_json::json!({"RepoTags": ["openclaw-sandbox:a"], "RepoDigests": []})
        );
        let mut image = serde_json::json!({"RepoTags": null, "RepoDigests": ["secret@x"]});
        assert!(!keep_ours(&mut image, &known));
    }
}
