//! A daemon that does what no real one can be made to do, and remembers every word that it heard.

use std::{
    io::{self, Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use guard::Settings;

use super::Front;

/// The full id of the one sandbox, and of the one exec in it.
pub const ID: &str = "00000000000000000000000000000000000000000000000000000000000000ab";
/// An exec that is over.
pub const OVER: &str = r#""Running":false,"ExitCode":0"#;

/// What it does with a request.
pub enum Act {
    /// A whole answer: status and body.
    Answer(u16, String),
    /// These bytes, and then silence for as long as the other side waits.
    Hang(&'static str),
    /// These bytes, and then its end.
    Die(&'static str),
}

/// A listening socket in a folder of its own.
pub struct Fake {
    heard: Arc<Mutex<Vec<String>>>,
    open: Arc<AtomicUsize>,
    folder: tempfile::TempDir,
}

impl Fake {
    /// Answers each request, head and body, on a connection of its own.
    pub fn start(act: impl Fn(&str) -> Act + Send + Sync + 'static) -> Self {
        let folder = tempfile::Builder::new().prefix("guard-").tempdir().unwrap();
        let listener = UnixListener::bind(folder.path().join("docker.sock")).unwrap();
        let fake = Self {
            heard: Arc::default(),
            open: Arc::default(),
            folder,
        };
        let (heard, open, act) = (fake.heard.clone(), fake.open.clone(), Arc::new(act));
        thread::spawn(move || {
            // It ends with the process: a thread that accepts cannot be called back.
            for stream in listener.incoming().map_while(Result::ok) {
                let (heard, open, act) = (heard.clone(), open.clone(), act.clone());
                open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    converse(stream, &heard, &*act);
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        fake
    }

    /// A guard before it that waits so long for what the daemon knows.
    pub fn front(&self, patience: Duration, change: impl FnOnce(&mut Settings)) -> Front {
        let mut settings = Settings {
            listen: self.folder().join("guard.sock"),
            daemon: self.folder().join("docker.sock"),
            patience,
            ..Settings::default()
        };
        change(&mut settings);
        Front::open(settings, Duration::from_secs(1))
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub fn socket(&self) -> PathBuf {
        self.folder().join("docker.sock")
    }

    /// Every request since the last call, head and body.
    pub fn heard(&self) -> Vec<String> {
        std::mem::take(&mut self.heard.lock().unwrap())
    }

    /// The first lines of every request since the last call.
    pub fn lines(&self) -> Vec<String> {
        let line = |request: &String| request.lines().next().unwrap_or_default().to_owned();
        self.heard().iter().map(line).collect()
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }
}

/// What a sane daemon knows: one sandbox, and one exec in it that is like this.
pub fn known(request: &str, exec: &str) -> Option<Act> {
    let answer = |body: String| Some(Act::Answer(200, body));
    if request.starts_with(&format!("GET /v1.41/containers/{ID}/json ")) {
        let config = r#""Config":{"Labels":{"openclaw.sandbox":"1"}}"#;
        return answer(format!(r#"{{"Id":"{ID}",{config},"HostConfig":{{}}}}"#));
    }
    if request.starts_with(&format!("GET /v1.41/exec/{ID}/json ")) {
        return answer(format!(r#"{{"ContainerID":"{ID}",{exec}}}"#));
    }
    None
}

fn converse(mut stream: UnixStream, heard: &Mutex<Vec<String>>, act: &dyn Fn(&str) -> Act) {
    let Some(request) = hear(&mut stream) else {
        return;
    };
    heard.lock().unwrap().push(request.clone());
    match act(&request) {
        Act::Answer(status, body) => {
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 {status} Said\r\nApi-Version: 1.41\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
            );
            let _ = stream.write_all(answer.as_bytes());
        }
        Act::Hang(bytes) => {
            let _ = stream.write_all(bytes.as_bytes());
            let _ = io::copy(&mut stream, &mut io::sink());
        }
        Act::Die(bytes) => {
            let _ = stream.write_all(bytes.as_bytes());
        }
    }
}

/// A head, and a body as long as it says.
fn hear(stream: &mut UnixStream) -> Option<String> {
    let mut heard = Vec::new();
    let mut byte = [0];
    while !heard.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        heard.extend(byte);
    }
    let head = String::from_utf8_lossy(&heard).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).ok()?;
    heard.extend(body);
    Some(String::from_utf8_lossy(&heard).into_owned())
}
