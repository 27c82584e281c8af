//! Who asks, and whether they may: bearer tokens as RFC 6750 has them.

use std::{
    sync::{Arc, Mutex, PoisonError},
    time::SystemTime,
};

use axum::{
    Router,
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, WWW_AUTHENTICATE},
    },
    middleware::{Next, from_fn_with_state},
    response::Response,
};

use crate::{
    problem,
    tokens::{Role, TokenFiles, Tokens},
};

const MAX_ACTOR: usize = 128;

/// Guards routes with the tokens of some files.
#[derive(Clone, Debug)]
pub struct Bearer {
    tokens: Arc<Mutex<Tokens>>,
    actor_header: &'static str,
}

/// Who asks; in the extensions of every request that a guard let through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Caller {
    /// What the token may do.
    pub role: Role,
    /// The role, and on whose behalf when the caller says so: `operate:alice`.
    pub actor: String,
}

#[derive(Clone)]
struct Guard {
    bearer: Bearer,
    needs: Role,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Refusal {
    NoToken,
    Malformed,
    WrongToken,
    WrongActor,
    MayNot(Role),
}

impl Bearer {
    /// Tokens from `files`; `actor_header` names the header in which callers say for whom they act.
    pub fn new(files: TokenFiles, actor_header: &'static str) -> Self {
        Self {
            tokens: Arc::new(Mutex::new(Tokens::new(files))),
            actor_header,
        }
    }

    /// Lets only callers with the role `needs` to these routes, and gives each request its [`Caller`].
    pub fn guard<S>(&self, routes: Router<S>, needs: Role) -> Router<S>
    where
        S: Clone + Send + Sync + 'static,
    {
        let bearer = self.clone();
        routes.layer(from_fn_with_state(Guard { bearer, needs }, check))
    }

    fn caller(&self, headers: &HeaderMap, needs: Role) -> Result<Caller, Refusal> {
        let token = token(headers)?;
        // A panic elsewhere leaves the digests whole: they are replaced in one step.
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let role = tokens.role(token, SystemTime::now());
        drop(tokens);
        let role = role.ok_or(Refusal::WrongToken)?;
        if role < needs {
            return Err(Refusal::MayNot(needs));
        }
        let actor = match actor(headers, self.actor_header)? {
            Some(name) => format!("{}:{name}", role.as_str()),
            None => role.as_str().to_owned(),
        };
        Ok(Caller { role, actor })
    }
}

async fn check(State(guard): State<Guard>, mut request: Request, next: Next) -> Response {
    match guard.bearer.caller(request.headers(), guard.needs) {
        Ok(caller) => {
            request.extensions_mut().insert(caller);
            next.run(request).await
        }
        Err(refusal) => refusal.answer(),
    }
}

/// The token of exactly one `Authorization: Bearer TOKEN`.
fn token(headers: &HeaderMap) -> Result<&str, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    let value = values.next().ok_or(Refusal::NoToken)?;
    if values.next().is_some() {
        return Err(Refusal::Malformed);
    }
    let value = value.to_str().map_err(|_| Refusal::Malformed)?;
    let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(Refusal::NoToken);
    }
    let token = token.trim_matches(' ');
    if token.is_empty() || token.contains([' ', '\t']) {
        return Err(Refusal::Malformed);
    }
    Ok(token)
}

fn actor<'a>(headers: &'a HeaderMap, header: &str) -> Result<Option<&'a str>, Refusal> {
    let mut values = headers.get_all(header).iter();
    let Some(value) = values.next() else {
        return Ok(None);
    };
    let name = value.to_str().map_err(|_| Refusal::WrongActor)?.trim();
    let printable = name.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    if values.next().is_some() || name.is_empty() || name.len() > MAX_ACTOR || !printable {
        return Err(Refusal::WrongActor);
    }
    Ok(Some(name))
}

impl Refusal {
    fn answer(self) -> Response {
        let (status, code, detail) = self.words();
        let mut response = problem(status, code, detail);
        if let Some(challenge) = self.challenge() {
            let challenge = HeaderValue::from_static(challenge);
            response.headers_mut().insert(WWW_AUTHENTICATE, challenge);
        }
        response
    }

    fn words(self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NoToken => (
                StatusCode::UNAUTHORIZED,
                "no_token",
                "this call needs a bearer token",
            ),
            Self::Malformed => (
                StatusCode::BAD_REQUEST,
                "invalid_request",
                "the header must be one `Authorization: Bearer TOKEN`",
            ),
            Self::WrongToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "this token is not, or no longer, one of ours",
            ),
            Self::WrongActor => (
                StatusCode::BAD_REQUEST,
                "invalid_actor",
                "an actor's name is 1 to 128 printable ASCII characters, said once",
            ),
            Self::MayNot(_) => (
                StatusCode::FORBIDDEN,
                "insufficient_scope",
                "this token may read, the call needs one that may operate",
            ),
        }
    }

    /// RFC 6750: no error code for who did not try.
    fn challenge(self) -> Option<&'static str> {
        match self {
            Self::NoToken => Some("Bearer realm=\"pilotfish\""),
            Self::Malformed => Some("Bearer realm=\"pilotfish\", error=\"invalid_request\""),
            Self::WrongToken => Some("Bearer realm=\"pilotfish\", error=\"invalid_token\""),
            Self::MayNot(Role::Read) => {
                Some("Bearer realm=\"pilotfish\", error=\"insufficient_scope\", scope=\"read\"")
            }
            Self::MayNot(Role::Operate) => {
                Some("Bearer realm=\"pilotfish\", error=\"insufficient_scope\", scope=\"operate\"")
            }
            Self::WrongActor => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Values = [&'static [u8]];

    fn headers(name: &'static str, values: &Values) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn one_bearer_token_is_read() {
        let cases: [(&Values, Result<&str, Refusal>); 11] = [
            (&[b"Bearer abc"], Ok("abc")),
            (&[b"bEARER   abc== "], Ok("abc==")),
            (&[], Err(Refusal::NoToken)),
            (&[b"Basic abc"], Err(Refusal::NoToken)),
            (&[b"abc"], Err(Refusal::NoToken)),
            (&[b""], Err(Refusal::NoToken)),
            (&[b"Bearer"], Err(Refusal::Malformed)),
            (&[b"Bearer  "], Err(Refusal::Malformed)),
            (&[b"Bearer a b"], Err(Refusal::Malformed)),
            (&[b"Bearer \xc3\xa9"], Err(Refusal::Malformed)),
            (&[b"Bearer a", b"Bearer a"], Err(Refusal::Malformed)),
        ];
        for (values, expected) in cases {
            let headers = headers("authorization", values);
            assert_eq!(token(&headers), expected, "{values:?}");
        }
    }

    #[test]
    fn an_actor_is_short_and_printable() {
        static LONGEST: [u8; 128] = [b'a'; 128];
        static LONGER: [u8; 129] = [b'a'; 129];
        let cases: [(&Values, Result<Option<&str>, Refusal>); 9] = [
            (&[], Ok(None)),
            (&[b"alice"], Ok(Some("alice"))),
            (&[b" Alice B. "], Ok(Some("Alice B."))),
            (&[&LONGEST], Ok(std::str::from_utf8(&LONGEST).ok())),
            (&[&LONGER], Err(Refusal::WrongActor)),
            (&[b"Jos\xc3\xa9"], Err(Refusal::WrongActor)),
            (&[b" "], Err(Refusal::WrongActor)),
            (&[b"a\tb"], Err(Refusal::WrongActor)),
            (&[b"a", b"b"], Err(Refusal::WrongActor)),
        ];
        for (values, expected) in cases {
            let headers = headers("x-actor", values);
            assert_eq!(actor(&headers, "x-actor"), expected, "{values:?}");
        }
    }
}
