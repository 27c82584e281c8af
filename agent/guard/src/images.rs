//! Images: those of named repositories.

use std::collections::BTreeSet;

use hyper::{Method, Request, StatusCode, body::Incoming, header::HeaderName};
use serde_json::Value;

use crate::{
    Allowance, answer,
    handle::{Context, Reply},
    refusal::Refusal,
    upstream::Call,
};

/// The credentials of a registry, that only a pull passes on.
const REGISTRY_AUTH: HeaderName = HeaderName::from_static("x-registry-auth");

/// The repositories of OpenClaw's own images, for as long as nothing else is known.
const REPOSITORIES: [&str; 3] = [
    "openclaw-sandbox",
    "openclaw-sandbox-common",
    "openclaw-sandbox-browser",
];

/// The images that sandboxes may run.
#[derive(Debug)]
pub(crate) struct Images {
    /// Of these repositories only; nothing where the document's names are all that counts.
    repositories: Option<BTreeSet<String>>,
    /// These only; nothing while no document is known.
    named: Option<BTreeSet<String>>,
}

impl Images {
    pub(crate) fn new(repositories: Option<&[String]>, named: Option<&BTreeSet<String>>) -> Self {
        let repositories = match repositories {
            Some(given) => Some(given.iter().cloned().collect()),
            None if named.is_none() => Some(REPOSITORIES.map(str::to_owned).into()),
            None => None,
        };
        Self {
            repositories,
            named: named.cloned(),
        }
    }

    /// Refuses an image that no new sandbox may run.
    pub(crate) fn check(&self, image: &str) -> Result<(), Refusal> {
        let asked = Reference::read(image);
        let named = |asked| {
            let mut names = self.named.iter().flatten();
            self.named.is_none() || names.any(|name| Reference::read(name) == Some(asked))
        };
        if asked.is_some_and(|asked| self.holds(asked.repository) && named(asked)) {
            return Ok(());
        }
        Err(Refusal::forbidden(format!(
            "a sandbox may not run the image `{image}`: it has to be one that the document in force names, and of a repository of --sandbox-image where that is given"
        )))
    }

    /// Whether an image of that name exists here: whatever its tag, it is of one of the repositories.
    fn shows(&self, image: &str) -> bool {
        let Some(asked) = Reference::read(image) else {
            return false;
        };
        let of = |name: &String| {
            Reference::read(name).is_some_and(|name| name.repository == asked.repository)
        };
        self.holds(asked.repository) && self.named.as_ref().is_none_or(|names| names.iter().any(of))
    }

    fn holds(&self, repository: &str) -> bool {
        self.repositories
            .as_ref()
            .is_none_or(|known| known.contains(repository))
    }
}

/// `repository[:tag][@digest]`; what has no tag is the latest.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Reference<'a> {
    repository: &'a str,
    tag: &'a str,
    digest: Option<&'a str>,
}

impl<'a> Reference<'a> {
    fn read(image: &'a str) -> Option<Self> {
        let (named, digest) = match image.split_once('@') {
            None => (image, None),
            Some((named, digest)) => (named, Some(digest)),
        };
        let sha = |digest: &str| {
            digest
                .strip_prefix("sha256:")
                .is_some_and(crate::route::is_id)
        };
        let (repository, tag) = match named.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => (named, "latest"),
        };
        let fine = !repository.is_empty() && digest.is_none_or(sha) && crate::route::is_name(tag);
        fine.then_some(Self {
            repository,
            tag,
            digest,
        })
    }
}

/// The short name of an image of Docker's own registry, whose long one newer clients pull by.
fn familiar(image: &str) -> &str {
    let Some(short) = image.strip_prefix("docker.io/") else {
        return image;
    };
    let shortest = short.strip_prefix("library/").unwrap_or(short);
    let is_host = |first: &str| first.contains(['.', ':']) || first == "localhost";
    match short.split_once('/') {
        _ if !shortest.contains('/') => shortest,
        Some((first, _)) if is_host(first) => image,
        _ => short,
    }
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
    let mut images: Vec<Value> = context.read(query.behind("/images/json")).await?;
    let known = context.guard.limits().images;
    images.retain_mut(|image| keep_ours(image, &known));
    Ok(answer::json(
        StatusCode::OK,
        Value::from(images).to_string(),
    ))
}

/// `images/{name}/json`.
pub(crate) async fn inspect(context: &Context, name: &str) -> Reply {
    context.query.only(&["manifests", "platform"])?;
    let known = context.guard.limits().images;
    let absent = || Refusal::Absent(format!("No such image: {name}"));
    let id = name.strip_prefix("sha256:").unwrap_or(name);
    let by_id = (4..=64).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !known.shows(name) && !by_id {
        return Err(absent());
    }
    let path = context.query.behind(&format!("/images/{name}/json"));
    let mut image: Value = context.read(path).await?;
    if !keep_ours(&mut image, &known) {
        return Err(absent());
    }
    Ok(answer::json(StatusCode::OK, image.to_string()))
}

/// Leaves of an image's names those of our repositories; says whether any is left.
fn keep_ours(image: &mut Value, known: &Images) -> bool {
    let mut ours = false;
    for names in ["RepoTags", "RepoDigests"] {
        let Some(Value::Array(names)) = image.get_mut(names) else {
            continue;
        };
        names.retain(|name| name.as_str().is_some_and(|name| known.shows(name)));
        ours |= !names.is_empty();
    }
    ours
}

/// `images/create`: only a pull, only where it is allowed.
pub(crate) async fn pull(context: &Context, request: &Request<Incoming>) -> Reply {
    if context.guard.settings.pull == Allowance::Refused {
        return Err(Refusal::forbidden(
            "images are not pulled here; the operator loads them",
        ));
    }
    context.query.only(&["fromImage", "tag", "platform"])?;
    let image = familiar(context.query.get("fromImage").unwrap_or_default());
    let tag = context.query.get("tag").unwrap_or_default();
    let image = match (tag, tag.starts_with("sha256:")) {
        ("", _) => image.to_owned(),
        (digest, true) => format!("{image}@{digest}"),
        (tag, false) => format!("{image}:{tag}"),
    };
    context.guard.limits().images.check(&image)?;
    // To the daemon a name alone means every tag of the repository, not the latest.
    if Reference::read(&image).is_some_and(|asked| asked.repository == image) {
        return Err(Refusal::forbidden(format!(
            "a pull must name the tag or digest of `{image}`"
        )));
    }
    let path = context.query.behind("/images/create");
    let mut call = Call::new(Method::POST, Some(context.version), path);
    if let Some(credentials) = request.headers().get(REGISTRY_AUTH) {
        call.headers.insert(REGISTRY_AUTH, credentials.clone());
    }
    context.follow(call).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn images(repositories: Option<&[&str]>, named: Option<&[&str]>) -> Images {
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let repositories: Option<Vec<String>> = repositories.map(owned);
        let named: Option<Vec<String>> = named.map(owned);
        let named = named.map(BTreeSet::from_iter);
        Images::new(repositories.as_deref(), named.as_ref())
    }

    #[test]
    fn the_document_names_images_and_the_settings_bound_them() {
        let (own, other) = ("openclaw-sandbox:a", "registry:5000/b:1");
        for (repositories, named, [first, second]) in [
            (None, None, [true, false]),
            (None, Some(&[own, other][..]), [true, true]),
            (None, Some(&[other][..]), [false, true]),
            (None, Some(&["openclaw-sandbox:other"][..]), [false, false]),
            (None, Some(&[][..]), [false, false]),
            (Some(&["registry:5000/b"][..]), None, [false, true]),
            (
                Some(&["registry:5000/b"][..]),
                Some(&[own, other][..]),
                [false, true],
            ),
            (
                Some(&["registry:5000/b"][..]),
                Some(&[own][..]),
                [false, false],
            ),
        ] {
            let known = images(repositories, named);
            assert_eq!(known.check(own).is_ok(), first, "{known:?}");
            assert_eq!(known.check(other).is_ok(), second, "{known:?}");
        }
    }

    #[test]
    fn a_name_without_a_tag_is_the_latest() {
        let known = images(None, Some(&["a", "b:1"]));
        for image in ["a", "a:latest", "b:1"] {
            known.check(image).unwrap();
        }
        let digest = format!("b:1@sha256:{}", "0".repeat(64));
        for image in ["a:1", "b", &digest] {
            assert!(known.check(image).is_err(), "{image}");
        }
    }

    #[test]
    fn only_named_repositories_pass() {
        let known = images(Some(&["openclaw-sandbox", "registry:5000/a/b"]), None);
        let digest = format!("@sha256:{}", "0".repeat(64));
        for image in [
            "openclaw-sandbox",
            "openclaw-sandbox:bookworm-slim",
            &format!("openclaw-sandbox:x{digest}"),
            &format!("openclaw-sandbox{digest}"),
            "registry:5000/a/b",
            "registry:5000/a/b:1.0",
        ] {
            known.check(image).unwrap();
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
            assert!(known.check(image).is_err(), "{image}");
        }
    }

    #[test]
    fn names_of_dockers_own_registry_are_short() {
        for (long, short) in [
            ("a", "a"),
            ("docker.io/library/a", "a"),
            ("docker.io/library/a:1", "a:1"),
            ("docker.io/a", "a"),
            ("docker.io/b/a", "b/a"),
            ("docker.io/library/b/a", "library/b/a"),
            ("registry:5000/library/a", "registry:5000/library/a"),
            ("docker.io/registry:5000/a", "docker.io/registry:5000/a"),
            ("docker.io/x.y/a", "docker.io/x.y/a"),
            ("docker.io/localhost/a", "docker.io/localhost/a"),
            ("docker.io.x/library/a", "docker.io.x/library/a"),
        ] {
            assert_eq!(familiar(long), short, "{long}");
        }
    }

    #[test]
    fn foreign_names_are_taken_off() {
        let known = images(None, Some(&["openclaw-sandbox:b"]));
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
