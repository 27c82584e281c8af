//! What looks like a literal credential, by the name of its key or by its shape.

use serde_json::Value;

use crate::path::KeyPath;
use crate::position::Positions;
use crate::problem::{Problem, ProblemKind};
use crate::shape::{SHORTEST_BEARER, SHORTEST_SET, has_shape};

const CURE: &str = "put the value in the mounted secrets and refer to it: \
    { source: \"file\", provider: \"pilotfish\", id: \"/name\" }";

/// Endings of key names whose value is a credential, without separators and in lower case.
const SECRET_ENDINGS: [&str; 17] = [
    "token",
    "password",
    "passwd",
    "pwd",
    "passphrase",
    "secret",
    "apikey",
    "privatekey",
    "accesskey",
    "secretkey",
    "signingkey",
    "encryptionkey",
    "authkey",
    "masterkey",
    "authorization",
    "credential",
    "cookie",
];

/// Endings in the plural, whose list holds credentials.
const LIST_ENDINGS: [&str; 7] = [
    "tokens",
    "passwords",
    "passphrases",
    "secrets",
    "apikeys",
    "privatekeys",
    "accesskeys",
];

/// Lists of these are words for a model, no credentials.
const WORD_LISTS: [&str; 3] = ["stoptokens", "specialtokens", "suppresstokens"];

/// More endings that count where every key is the name of an environment variable or a header.
const VARIABLE_ENDINGS: [&str; 4] = ["key", "pass", "credentials", "auth"];

/// Finds literal credentials in a whole layer file.
pub(crate) fn check(value: &Value, positions: &Positions, problems: &mut Vec<Problem>) {
    check_below(&KeyPath::root(), value, positions, 0, problems);
}

/// Finds literal credentials in a value that stands at `path`, whose spot is `at`.
pub(crate) fn check_below(
    path: &KeyPath,
    value: &Value,
    positions: &Positions,
    at: usize,
    problems: &mut Vec<Problem>,
) {
    let mut search = Search {
        positions,
        problems,
        path: path.clone(),
    };
    let named = names_secret(path.segments());
    let listed = names_list(path.segments());
    match value {
        Value::String(text) if listed && !named => search.member(text, at),
        _ => search.visit(value, at, named),
    }
}

struct Search<'s> {
    positions: &'s Positions,
    problems: &'s mut Vec<Problem>,
    path: KeyPath,
}

impl Search<'_> {
    fn visit(&mut self, value: &Value, at: usize, named: bool) {
        match value {
            Value::String(text) if named && is_literal(text) => {
                self.tell(
                    at,
                    "this key holds a credential, and its value is a literal",
                );
            }
            Value::String(text) if has_shape(text) => {
                self.tell(at, "the value looks like a literal credential");
            }
            Value::Array(items) => {
                let listed = !named && names_list(self.path.segments());
                let mut child = at + 1;
                for (index, item) in items.iter().enumerate() {
                    self.path.push(&index.to_string());
                    match item {
                        Value::String(text) if listed || (!named && is_argument(items, index)) => {
                            self.member(text, child);
                        }
                        _ => self.visit(item, child, named),
                    }
                    self.path.pop();
                    child = self.positions.after(child);
                }
            }
            Value::Object(map) if !is_reference(value) => {
                let mut child = at + 1;
                for (key, value) in map {
                    self.path.push(key);
                    if has_shape(key) {
                        self.tell(child, "the key looks like a literal credential");
                    } else {
                        self.visit(value, child, names_secret(self.path.segments()));
                    }
                    self.path.pop();
                    child = self.positions.after(child);
                }
            }
            _ => {}
        }
    }

    /// One text of a list that holds credentials.
    fn member(&mut self, text: &str, at: usize) {
        if is_member(text) {
            self.tell(
                at,
                "this list holds credentials, and its value is a literal",
            );
        } else if has_shape(text) {
            self.tell(at, "the value looks like a literal credential");
        }
    }

    fn tell(&mut self, at: usize, message: &str) {
        let problem = Problem::new(ProblemKind::Credential, message, CURE);
        self.problems
            .push(problem.at(self.positions.at(at).place()).on(&self.path));
    }
}

/// The names of a path, innermost first, without the array indices at its end; none where a
/// provider of secrets is described.
fn names(path: &[String]) -> impl Iterator<Item = &String> {
    let provider = path.len() >= 2
        && path[0] == "secrets"
        && matches!(path[1].as_str(), "providers" | "defaults");
    let path = if provider { &[] } else { path };
    path.iter()
        .rev()
        .skip_while(|key| *key == "-" || crate::path::index(key).is_some())
}

/// Whether the key at the end of this path holds a credential. Array indices are looked through.
pub(crate) fn names_secret(path: &[String]) -> bool {
    let mut names = names(path);
    let Some(key) = names.next() else {
        return false;
    };
    let parent = names.next().map(String::as_str);
    let variable = matches!(parent, Some("env" | "vars" | "headers"));
    is_secret_name(key)
        || (variable && VARIABLE_ENDINGS.iter().any(|ending| ends_with(key, ending)))
}

/// Whether an array at the end of this path, or around it, holds credentials.
pub(crate) fn names_list(path: &[String]) -> bool {
    let any = |endings: &[&str], key: &str| endings.iter().any(|ending| ends_with(key, ending));
    names(path)
        .next()
        .is_some_and(|key| any(&LIST_ENDINGS, key) && !any(&WORD_LISTS, key))
}

/// Whether a text of a list that holds credentials is one: no word, no marker, no option.
pub(crate) fn is_member(text: &str) -> bool {
    let odd = |c: char| c.is_whitespace() || matches!(c, '<' | '>' | '{' | '}' | '|');
    let bare = holds_variable(text) || !text.contains(odd);
    text.len() >= SHORTEST_SET && !text.starts_with('-') && bare && is_literal(text)
}

/// Whether the item before this one is an option such as `--api-key`, whose value this one is.
pub(crate) fn is_argument(items: &[Value], at: usize) -> bool {
    let before = at.checked_sub(1).and_then(|before| items[before].as_str());
    before.is_some_and(|option| option.starts_with("--") && is_secret_name(option))
}

/// Whether what goes by this name is a credential, wherever the name stands.
pub(crate) fn is_secret_name(name: &str) -> bool {
    SECRET_ENDINGS.iter().any(|ending| ends_with(name, ending))
}

/// Whether a key ends so, whatever its case and separators.
fn ends_with(key: &str, ending: &str) -> bool {
    let mut letters = key.bytes().rev().filter(u8::is_ascii_alphanumeric);
    let mut wanted = ending.bytes().rev();
    wanted.all(|byte| {
        letters
            .next()
            .is_some_and(|letter| letter.eq_ignore_ascii_case(&byte))
    })
}

/// Whether a string under a credential's key holds the credential itself: not empty, and not only
/// `${VAR}` with what belongs to it, such as `Bearer ${VAR}`.
pub(crate) fn is_literal(text: &str) -> bool {
    if text.trim().is_empty() {
        return false;
    }
    let mut from = 0;
    let mut after = false;
    for (start, end) in variables(text) {
        if holds_literal(&text[from..start], after, true) {
            return true;
        }
        (from, after) = (end, true);
    }
    !after || holds_literal(&text[from..], true, false)
}

/// Whether a text beside a variable holds a credential: a word that touches the variable, or one
/// that is longer than words of people are.
fn holds_literal(text: &str, after: bool, before: bool) -> bool {
    let word = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    let length = |bytes: &mut dyn Iterator<Item = &u8>| bytes.take_while(|byte| word(byte)).count();
    let touches = (after && length(&mut text.as_bytes().iter()) >= SHORTEST_SET)
        || (before && length(&mut text.as_bytes().iter().rev()) >= SHORTEST_SET);
    let mut words = text.as_bytes().split(|byte| !word(byte));
    let long = |word: &[u8]| word.len() >= SHORTEST_BEARER && word.iter().any(u8::is_ascii_digit);
    touches || words.any(long)
}

fn holds_variable(text: &str) -> bool {
    variables(text).next().is_some()
}

/// Where a text refers to environment variables: `${NAME}`, not escaped as `$${NAME}`.
fn variables(text: &str) -> impl Iterator<Item = (usize, usize)> {
    text.match_indices("${").filter_map(|(start, _)| {
        let body = &text[start + 2..];
        let name = body
            .bytes()
            .take_while(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit() || *byte == b'_');
        let length = name.count();
        let named = length > 0 && !body.starts_with(|c: char| c.is_ascii_digit());
        let found = named && body[length..].starts_with('}') && !text[..start].ends_with('$');
        found.then_some((start, start + length + 3))
    })
}

/// Whether a value is a SecretRef: exactly `source`, `provider` and `id`, all text.
pub(crate) fn is_reference(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        map.len() == 3
            && ["source", "provider", "id"]
                .iter()
                .all(|key| map.get(*key).is_some_and(Value::is_string))
            && !map.values().filter_map(Value::as_str).any(has_shape)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn found(value: &Value) -> Vec<String> {
        let mut problems = Vec::new();
        check(value, &Positions::unknown(value), &mut problems);
        problems.into_iter().map(|problem| problem.path).collect()
    }

    #[test]
    fn finds_credentials_by_name() {
        let cases = [
            json!({"token": "x"}),
            json!({"apiKey": "x"}),
            json!({"api_key": "x"}),
            json!({"channels": {"telegram": {"botToken": "x"}}}),
            json!({"appToken": "x"}),
            json!({"signingSecret": "x"}),
            json!({"clientSecret": "x"}),
            json!({"privateKey": "x"}),
            json!({"webhookSecret": "x"}),
            json!({"password": "x"}),
            json!({"db": {"pwd": "x"}}),
            json!({"db_passwd": "x"}),
            json!({"session": {"cookie": "x"}}),
            json!({"login": {"authorization": "x"}}),
            json!({"env": {"SESSION_COOKIE": "x"}}),
            json!({"token": ["x"]}),
            json!({"env": {"vars": {"MY_KEY": "x"}}}),
            json!({"env": {"A_TOKEN": "x"}}),
            json!({"mcp": {"servers": {"a": {"env": {"DB_PASSWORD": "x"}}}}}),
            json!({"headers": {"Authorization": "Bearer abc"}}),
            json!({"token": {"source": "file", "provider": "p", "id": "/x", "token": "y"}}),
            json!({"token": "$${NOT_A_VARIABLE}"}),
            json!({"apiKey": "${A}literal-sk"}),
            json!({"apiKey": "literal-sk${A}"}),
            json!({"apiKey": "Bearer ${A} 0123456789abcdef"}),
            json!({"url": "https://user:${A}hunter2@example.com"}),
            json!({"args": ["--api-key", "abcdef"]}),
            json!({"args": ["run", "--db-password", "hunter2", "--verbose"]}),
            json!({"tokens": ["abcdef", "${TOKEN}"]}),
            json!({"gateway": {"apiKeys": ["abc-def"], "passwords": []}}),
            json!([{"a": [{"secret": "x"}]}]),
        ];
        for value in cases {
            assert_eq!(found(&value).len(), 1, "{value}");
        }
    }

    #[test]
    fn lets_what_only_looks_alike_pass() {
        let cases = [
            json!({"maxTokens": 5, "tokenFile": "/x", "contextTokens": 1, "tokenBudget": "10k", "token_usage": "on"}),
            json!({"auth": {"mode": "token"}}),
            json!({"token": "${GATEWAY_TOKEN}"}),
            json!({"token": ""}),
            json!({"password": true, "secret": 3, "token": null}),
            json!({"token": {"source": "file", "provider": "pilotfish", "id": "/gateway"}}),
            json!({"secrets": {"providers": {"vault": {"source": "exec", "passEnv": ["VAULT_TOKEN"], "token": "x"}}}}),
            json!({"sessionKey": "main", "publicKey": "abc", "key": "x"}),
            json!({"headers": {"Authorization": "Bearer ${TOKEN}"}}),
            json!({"url": "https://example.com:8080/a@b", "db": "postgres://user:${PW}@host/x"}),
            json!({"name": "task-force-one-two-three-four-five-6", "path": "desk-1-abcdefghijklmnopqrstuvwxyz"}),
            json!({"args": ["--token-file", "/run/token", "--api-key", "${KEY}", "--token", "--verbose"]}),
            json!({"args": ["--token", "<token>", "--max-tokens", "100000", "--secret", {"a": "abcdef"}]}),
            json!({"tokens": ["${TOKEN}", "<|im_end|>", "</s>"], "maxTokens": "100000"}),
            json!({"stopTokens": ["END_OF_TEXT"], "tokens": "on", "secretNames": ["gateway"]}),
            json!({"cookie": "session=${SESSION}; path=/", "password": "${USER}:${PASS}"}),
            json!({"apiKey": "sk-${TAIL}", "dbPassword": "/run/secrets/${NAME}"}),
            json!({"cookieFile": "/x", "cookies": "on", "authorizationUrl": "https://h/x"}),
            json!({"at": "2026-11-24T10:00:00", "id": "telegram:123456789", "image": "registry:5000/a:b"}),
        ];
        for value in cases {
            assert_eq!(found(&value), Vec::<String>::new(), "{value}");
        }
    }

    #[test]
    fn finds_credentials_by_shape() {
        let tail = "Ab1".repeat(12);
        let cases = [
            format!("sk-{tail}"),
            format!("use sk-ant-api03-{tail} now"),
            format!("xoxb-{tail}"),
            format!("ghp_{tail}"),
            format!("github_pat_{tail}"),
            "AKIAIOSFODNN7EXAMPLE".to_owned(),
            format!("AIza{tail}"),
            format!("123456789:AA{}", "b".repeat(33)),
            format!("eyJhbGciOiJI.{tail}.{tail}"),
            "-----BEGIN RSA PRIVATE KEY-----\nabc".to_owned(),
            "https://user:hunter2@example.com/".to_owned(),
            "redis://:hunter2@cache".to_owned(),
            format!("npm_{tail}"),
            format!("glpat-{tail}"),
            "glpat-abcdefghijklmnopqrst".to_owned(),
            "glpat-abcd_EFGHijkl-mnopqr".to_owned(),
            "use glpat-1234567890abcdefghij here".to_owned(),
            "ghp_abcdefghijklmnopqrstuvwxyzabcdefghij".to_owned(),
            format!("xoxe-{tail}"),
            format!("gsk_{tail}{tail}"),
            "-----BEGIN PGP PRIVATE KEY BLOCK-----\nabc".to_owned(),
            format!("Bearer {tail}"),
            format!("-H authorization:bearer  {tail}"),
            "https://example.com/hook?api_key=hunter2".to_owned(),
            "https://example.com/?a=1&access_token=hunter2#x".to_owned(),
            "wss://example.com/?key=hunter2".to_owned(),
            "--api-key=hunter2".to_owned(),
            "https://example.com/?access_token=abc".to_owned(),
        ];
        for text in cases {
            assert!(has_shape(&text), "{text}");
            assert_eq!(found(&json!({"a": [{"b": text}]})), ["a.0.b"]);
        }
    }

    #[test]
    fn lets_texts_without_credentials_pass() {
        let cases = [
            "anthropic/claude-sonnet-4-5",
            "openrouter/xai/grok-4-fast-reasoning-2026",
            "ghcr.io/a/b:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
            "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
            "/home/node/.openclaw/credentials/whatsapp/default/creds-20261124.json",
            "Bearer",
            "Bearer ",
            "Bearer ${TOKEN}",
            "Authorization: Bearer YOUR_TOKEN",
            "the bearer of this letter may enter",
            "a bearer\nauthentication-requirement",
            "https://example.com/v1/chat?model=gpt-5&stream=true#top",
            "https://example.com/?token=${TOKEN}&api_key={key}",
            "https://example.com/?sessionKey=agent-main-1&nextPage=abcdef",
            "https://user@example.com/?tokens=100000",
            "--token-file=/run/secrets/token",
            "--max-tokens=100000",
            "token=is-not-an-argument",
            "npm_config_node_gyp_build_from_source",
            "npm_package_1",
            "sk-short",
            "glpat-your-token-goes-here",
            "AKIAwithwordsbehindit",
            "https://example.com/?access_token=",
            "https://example.com/?key=abc",
            "-----BEGIN CERTIFICATE-----\nMIIB",
            "-----BEGIN PUBLIC KEY-----\nMIIB",
            "eyJhbGciOiJI",
        ];
        for text in cases {
            assert!(!has_shape(text), "{text}");
        }
    }

    #[test]
    fn long_texts_take_linear_time() {
        let parts = [
            "sk-",
            "eyJ.",
            "1:",
            "://",
            "-----BEGIN ",
            "${A",
            "AKIA",
            "eyJa",
            "x@:",
            "a://b:${",
            "-----BEGIN",
            "Bearer ",
            "?token=",
            "--x=",
        ];
        for part in parts {
            let text = part.repeat((1 << 20) / part.len());
            let start = std::time::Instant::now();
            assert!(!has_shape(&text), "{part}");
            assert!(start.elapsed().as_secs() < 10, "{part}");
        }
    }
}
