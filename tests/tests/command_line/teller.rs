//! An agent that tells what it was told to tell: answers of the wire by path, and what it was asked.

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use crate::desk::{Desk, Ended};

/// Answers by `METHOD path`: each once, the last for ever.
type Answers = BTreeMap<String, VecDeque<(u16, String)>>;

/// A listener that answers. It ends with the process.
pub(crate) struct Teller {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Teller {
    /// Answers each `METHOD path` with these, one after the other; everything else as an agent that knows no such path.
    pub(crate) fn new(answers: &[(&str, &[(u16, &str)])]) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let mut known: Answers = answers
            .iter()
            .map(|(call, all)| {
                let all = all.iter().map(|(code, body)| (*code, (*body).to_owned()));
                ((*call).to_owned(), all.collect())
            })
            .collect();
        let log = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                answer(stream.unwrap(), &mut known, &log);
            }
        });
        Self { address, asked }
    }

    /// What it was asked, each as `METHOD path body`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }

    /// The words that lead a command here.
    pub(crate) fn words(&self, desk: &Desk) -> Vec<String> {
        desk.write("token", "a-token-of-some-length\n");
        let url = format!("http://{}", self.address);
        ["--agent", &url, "--token-file", "token"]
            .map(ToOwned::to_owned)
            .to_vec()
    }

    /// How a command ends that asks here.
    pub(crate) fn run(&self, words: &[&str]) -> Ended {
        let desk = Desk::new();
        let here = self.words(&desk);
        let mut command = desk.command(words);
        Ended::of(&command.args(here).output().unwrap())
    }
}

fn answer(stream: TcpStream, known: &mut Answers, log: &Mutex<Vec<String>>) {
    let mut reader = BufReader::new(&stream);
    let mut head = String::new();
    reader.read_line(&mut head).unwrap();
    let mut words = head.split(' ');
    let (method, target) = (words.next().unwrap(), words.next().unwrap_or_default());
    let body = body(&mut reader);
    log.lock()
        .unwrap()
        .push(format!("{method} {target} {body}").trim().to_owned());
    let path = target.split('?').next().unwrap();
    let (code, text) = match known.get_mut(&format!("{method} {path}")) {
        Some(all) if all.len() > 1 => all.pop_front().unwrap(),
        Some(all) => all[0].clone(),
        None => (404, problem(404, "not_found", "there is no such path")),
    };
    let length = text.len();
    let _ = write!(
        &stream,
        "HTTP/1.1 {code} X\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{text}"
    );
}

fn body(reader: &mut BufReader<&TcpStream>) -> String {
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap();
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    String::from_utf8(body).unwrap()
}

/// The body of an error.
pub(crate) fn problem(status: u16, code: &str, detail: &str) -> String {
    let body = json!({"type": "about:blank", "title": "no", "status": status, "code": code, "detail": detail, "problems": []});
    body.to_string()
}

/// A sample of the wire.
pub(crate) fn sample(name: &str) -> String {
    let file = support::repository().join(format!("agent/api/samples/{name}.json"));
    std::fs::read_to_string(file).unwrap()
}

/// A sample with this in its place.
pub(crate) fn changed(name: &str, pointer: &str, value: Value) -> String {
    let mut sample: Value = serde_json::from_str(&sample(name)).unwrap();
    *sample.pointer_mut(pointer).unwrap() = value;
    sample.to_string()
}
