//! Others that are scraped: prom-client on Node with the same series, and node_exporter.

use std::fs;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use support::{Client, Pod, node, node_exporter, prom_client, until};

/// Each sample of a page becomes a gauge of prom-client's; the server is Node's own.
const SERVER: &str = r#"
const [, , library, page, port] = process.argv;
const client = require(library);
const gauges = new Map();
for (const line of require("node:fs").readFileSync(page, "utf8").split("\n")) {
  const [, name, labels, value] = /^([a-z_:]\w*)(?:\{(.*)\})? (\S+)$/i.exec(line) ?? [];
  if (!name) continue;
  const told = [...(labels ?? "").matchAll(/(\w+)="((?:[^"\\]|\\.)*)"/g)].map(([, key, text]) => [key, text]);
  const labelNames = told.map(([key]) => key);
  if (!gauges.has(name)) gauges.set(name, new client.Gauge({ name, help: "What it is.", labelNames }));
  gauges.get(name).set(Object.fromEntries(told), value === "+Inf" ? Infinity : Number(value));
}
const { register } = client;
require("node:http").createServer(async (_, answer) => {
  const text = await register.metrics();
  answer.writeHead(200, { "content-type": register.contentType, "content-length": Buffer.byteLength(text) });
  answer.end(text);
}).listen(Number(port), "127.0.0.1");
"#;

/// A process that serves a page. Dropped, it is killed.
pub struct Exporter {
    child: Child,
    port: u16,
}

impl Exporter {
    /// prom-client with the series of `page`; it lies in `pod`.
    pub fn prom_client(pod: &Pod, page: &str) -> Self {
        let (script, text) = (pod.path("server.cjs"), pod.path("page.txt"));
        fs::write(&script, SERVER).unwrap();
        fs::write(&text, page).unwrap();
        let port = pod.ports.gateway;
        let mut command = Command::new(node());
        command.arg(script).arg(prom_client()).arg(text);
        Self::start(command.arg(port.to_string()), port)
    }

    /// node_exporter, as it is by default.
    pub fn node_exporter(pod: &Pod) -> Self {
        let port = pod.ports.probe;
        let mut command = Command::new(node_exporter());
        Self::start(
            command.arg(format!("--web.listen-address=127.0.0.1:{port}")),
            port,
        )
    }

    fn start(command: &mut Command, port: u16) -> Self {
        let command = command.stdin(Stdio::null()).stdout(Stdio::null());
        let child = command.stderr(Stdio::null()).spawn().unwrap();
        let exporter = Self { child, port };
        until("a page is served", Duration::from_secs(30), || {
            let answer = Client::new(port).try_get("/metrics");
            answer.is_ok_and(|answer| answer.status == 200)
        });
        exporter
    }

    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.port
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Reads the page of a port many times over one connection, as Prometheus does.
pub struct Scraper {
    stream: TcpStream,
    /// What was read beyond the last answer.
    read: Vec<u8>,
}

impl Scraper {
    pub fn of(port: u16) -> Self {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// One page.
    pub fn page(&mut self) -> String {
        let request = b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n";
        self.stream.write_all(request).unwrap();
        let head = self.until(b"\r\n\r\n");
        let head = String::from_utf8(head).unwrap().to_ascii_lowercase();
        assert!(head.starts_with("http/1.1 200"), "{head}");
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "));
        let body = match length {
            Some(length) => self.take(length.parse().unwrap()),
            None => self.chunks(),
        };
        String::from_utf8(body).unwrap()
    }

    fn chunks(&mut self) -> Vec<u8> {
        let mut body = Vec::new();
        loop {
            let line = String::from_utf8(self.until(b"\r\n")).unwrap();
            let length = usize::from_str_radix(line.trim(), 16).unwrap();
            let chunk = self.take(length + 2);
            if length == 0 {
                return body;
            }
            body.extend_from_slice(&chunk[..length]);
        }
    }

    fn until(&mut self, end: &[u8]) -> Vec<u8> {
        loop {
            let place = self.read.windows(end.len()).position(|part| part == end);
            if let Some(place) = place {
                return self.take(place + end.len());
            }
            self.more();
        }
    }

    fn take(&mut self, length: usize) -> Vec<u8> {
        while self.read.len() < length {
            self.more();
        }
        self.read.drain(..length).collect()
    }

    fn more(&mut self) {
        let mut bytes = [0; 64 << 10];
        let length = self.stream.read(&mut bytes).unwrap();
        assert!(length > 0, "the connection ended");
        self.read.extend_from_slice(&bytes[..length]);
    }
}
