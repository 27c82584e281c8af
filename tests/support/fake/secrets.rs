//! The token as a reference to a file, resolved as the real one does.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use serde_json::{Value, json};

use super::knobs::Close;
use super::world::{World, at};

/// What a document's token is: the token, or the degraded owner that `status` lists.
fn resolve(document: &Value) -> Result<Option<String>, Value> {
    let token = match at(document, "gateway.auth.token") {
        None => return Ok(None),
        Some(Value::String(token)) => return Ok(Some(token.clone())),
        Some(reference) => reference,
    };
    let provider = token["provider"].as_str().unwrap_or("default");
    let degraded = |reason: String| {
        json!({ "ownerKind": "provider", "ownerId": provider, "state": "unavailable", "degradationState": "cold",
            "paths": ["gateway.auth.token"], "reason": reason })
    };
    let path = document["secrets"]["providers"][provider]["path"]
        .as_str()
        .unwrap_or("");
    let secrets = read(Path::new(path)).map_err(degraded)?;
    let found = secrets
        .pointer(token["id"].as_str().unwrap_or(""))
        .and_then(Value::as_str);
    found
        .map(|token| Some(token.to_owned()))
        .ok_or_else(|| degraded("no such id".to_owned()))
}

/// A regular file of one name that nobody else may read.
fn read(path: &Path) -> Result<Value, String> {
    let about = fs::symlink_metadata(path).map_err(|why| why.to_string())?;
    if !about.is_file() || about.nlink() != 1 {
        return Err("must be a regular file, not a link".to_owned());
    }
    if about.mode() & 0o077 != 0 {
        return Err("permissions are too open".to_owned());
    }
    let bytes = fs::read(path).map_err(|why| why.to_string())?;
    serde_json::from_slice(&bytes).map_err(|_| "not JSON".to_owned())
}

/// Takes the document's token; false when it does not resolve. Whoever came with another one is sent away.
pub(crate) fn take(world: &World, document: &Value) -> bool {
    if !world.knobs().resolve_token {
        return true;
    }
    let resolved = resolve(document);
    let mut knobs = world.knobs.lock().unwrap();
    match resolved {
        Ok(token) => {
            knobs.degraded_secrets.clear();
            let token = token.unwrap_or_default();
            let other = token != knobs.token;
            let first = knobs.token.is_empty();
            knobs.token = token;
            drop(knobs);
            if other && !first {
                let reason = "gateway auth changed".to_owned();
                world.close_all(Close {
                    after_calls: 0,
                    code: 4001,
                    reason,
                });
            }
            true
        }
        Err(owner) => {
            knobs.degraded_secrets = vec![owner];
            false
        }
    }
}
