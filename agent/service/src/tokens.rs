//! Bearer tokens from files, compared so that time tells nothing.

use std::{
    fmt, io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use sha2::Sha256;
use subtle::{Choice, ConstantTimeEq};

use crate::stamp::{Stamp, read_secret};

/// What a caller may do. `Operate` may do all that `Read` may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// May look.
    Read,
    /// May look and change.
    Operate,
}

impl Role {
    /// The role's word in tokens' scopes and actors' names.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Operate => "operate",
        }
    }
}

/// Where the tokens are: one on each line, so that old and new can overlap.
///
/// Empty lines and lines that begin with `#` are skipped. With no file, or none readable, every
/// request is refused.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TokenFiles {
    /// Tokens with the role `read`.
    pub read: Option<PathBuf>,
    /// Tokens with the role `operate`.
    pub operate: Option<PathBuf>,
}

/// The digests of all tokens in force; read anew when a file changes.
#[derive(Debug)]
pub(crate) struct Tokens {
    files: Vec<TokenFile>,
}

#[derive(Debug)]
struct TokenFile {
    role: Role,
    path: PathBuf,
    seen: Option<Seen>,
    digests: Vec<Digest>,
}

/// What is kept of a token: all of one length, so comparing them tells nothing of the token's.
#[derive(PartialEq)]
struct Digest([u8; 32]);

#[derive(Debug)]
struct Seen {
    stamp: Option<Stamp>,
    at: SystemTime,
}

impl Tokens {
    pub(crate) fn new(files: TokenFiles) -> Self {
        let roles = [(Role::Read, files.read), (Role::Operate, files.operate)];
        let file =
            |(role, path): (Role, Option<PathBuf>)| path.map(|path| TokenFile::new(role, path));
        Self {
            files: roles.into_iter().filter_map(file).collect(),
        }
    }

    /// The highest role of `token`; `None` when no file has it. Looks at every digest of every file.
    pub(crate) fn role(&mut self, token: &str, now: SystemTime) -> Option<Role> {
        let digest = Digest::of(token.as_bytes());
        let mut highest = None;
        for file in &mut self.files {
            file.refresh(now);
            let found = file.contains(&digest);
            if bool::from(found) {
                highest = highest.max(Some(file.role));
            }
        }
        highest
    }
}

impl TokenFile {
    fn new(role: Role, path: PathBuf) -> Self {
        Self {
            role,
            path,
            seen: None,
            digests: Vec::new(),
        }
    }

    /// No early exit: the time depends on how many tokens there are, not on which one fits.
    fn contains(&self, digest: &Digest) -> Choice {
        let none = Choice::from(0);
        let digests = self.digests.iter();
        digests.fold(none, |found, known| found | known.0.ct_eq(&digest.0))
    }

    /// The stamp is taken before the reading, so a swap in between shows at the next request.
    fn refresh(&mut self, now: SystemTime) {
        let stamp = Stamp::of(&self.path);
        if self.seen.as_ref().is_some_and(|seen| seen.is(stamp)) {
            return;
        }
        let first_look = self.seen.as_ref().is_none_or(|seen| seen.stamp != stamp);
        self.seen = Some(Seen { stamp, at: now });
        let digests = read(&self.path).unwrap_or_else(|error| {
            if first_look {
                let (role, path) = (self.role.as_str(), self.path.display());
                tracing::warn!(role, %path, %error, "no tokens: every request of this role is refused");
            }
            Vec::new()
        });
        if digests != self.digests {
            tracing::info!(
                role = self.role.as_str(),
                count = digests.len(),
                "tokens read"
            );
            self.digests = digests;
        }
    }
}

impl Seen {
    fn is(&self, stamp: Option<Stamp>) -> bool {
        self.stamp == stamp && stamp.is_none_or(|stamp| stamp.is_settled(self.at))
    }
}

fn read(path: &Path) -> io::Result<Vec<Digest>> {
    let bytes = read_secret(path)?;
    let lines = bytes.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii);
    let tokens = lines.filter(|line| !line.is_empty() && !line.starts_with(b"#"));
    Ok(tokens.map(Digest::of).collect())
}

impl Digest {
    fn of(token: &[u8]) -> Self {
        Self(<Sha256 as sha2::Digest>::digest(token).into())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, time::Duration};

    use proptest::prelude::*;

    use super::*;

    const ALICE: &str = "alice-reads-0123456789";
    const BOB: &str = "bob-operates-0123456789";

    fn write(directory: &Path, name: &str, text: &str) -> Option<PathBuf> {
        let path = directory.join(name);
        fs::write(&path, text).unwrap();
        Some(path)
    }

    fn later() -> SystemTime {
        SystemTime::now() + Duration::from_secs(60)
    }

    #[test]
    fn a_token_has_the_highest_role_of_its_files() {
        let directory = tempfile::tempdir().unwrap();
        let read = format!("# readers\n\n{ALICE}\r\n  both  \n");
        let mut tokens = Tokens::new(TokenFiles {
            read: write(directory.path(), "read", &read),
            operate: write(directory.path(), "operate", &format!("{BOB}\nboth")),
        });
        let cases = [
            (ALICE, Some(Role::Read)),
            (BOB, Some(Role::Operate)),
            ("both", Some(Role::Operate)),
            ("", None),
            ("#", None),
            ("# readers", None),
            ("readers", None),
            (&ALICE[1..], None),
            (&ALICE[..ALICE.len() - 1], None),
            ("alice-reads-0123456788", None),
        ];
        for (token, role) in cases {
            assert_eq!(tokens.role(token, later()), role, "{token:?}");
        }
    }

    #[test]
    fn nothing_configured_lets_nobody_in() {
        let directory = tempfile::tempdir().unwrap();
        let missing = Some(directory.path().join("missing"));
        let empty = write(directory.path(), "empty", "\n \n# none\n");
        for files in [
            TokenFiles::default(),
            TokenFiles {
                read: missing.clone(),
                operate: missing,
            },
            TokenFiles {
                read: empty.clone(),
                operate: empty,
            },
            TokenFiles {
                read: Some(directory.path().to_owned()),
                operate: None,
            },
        ] {
            let mut tokens = Tokens::new(files.clone());
            for token in ["", " ", "#", "# none", "x"] {
                assert_eq!(tokens.role(token, later()), None, "{files:?} {token:?}");
            }
        }
    }

    #[test]
    fn a_change_is_seen_at_the_next_request() {
        let directory = tempfile::tempdir().unwrap();
        let path = write(directory.path(), "operate", "one");
        let mut tokens = Tokens::new(TokenFiles {
            read: None,
            operate: path.clone(),
        });
        let path = path.unwrap();
        for round in 0..200 {
            let (old, new) = (["one", "two"][round % 2], ["two", "one"][round % 2]);
            assert_eq!(tokens.role(old, SystemTime::now()), Some(Role::Operate));
            // Same length, within one tick of the file system's clock.
            fs::write(&path, new).unwrap();
            assert_eq!(tokens.role(old, SystemTime::now()), None, "{round}");
            assert_eq!(tokens.role(new, SystemTime::now()), Some(Role::Operate));
        }
        fs::remove_file(&path).unwrap();
        assert_eq!(tokens.role("one", SystemTime::now()), None);
    }

    proptest! {
        #[test]
        fn only_a_whole_line_is_a_token(text in "[a-c#= \\r\\n]{0,24}", token in "[a-c#=]{0,4}") {
            let directory = tempfile::tempdir().unwrap();
            let read = write(directory.path(), "read", &text);
            let mut tokens = Tokens::new(TokenFiles { read, operate: None });
            let known = text.split('\n').map(str::trim).any(|line| line == token);
            let expected = known && !token.is_empty() && !token.starts_with('#');
            prop_assert_eq!(tokens.role(&token, later()).is_some(), expected);
        }
    }
}
