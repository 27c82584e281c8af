//! What answers on the gateway's port, and what does not.

use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use serde_json::json;
use support::{Knobs, live_account, until};

use crate::scene::{LONG, beside, death, health, ready, sample, told, verdict, word};

/// A server that has a page for people, whatever it is asked.
struct Pages {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Pages {
    fn start(port: u16) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                match listener.accept() {
                    Ok((stream, _)) => page(stream),
                    Err(_) => std::thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Self {
            stop,
            thread: Some(thread),
        }
    }
}

fn page(mut stream: std::net::TcpStream) {
    let body = "<!doctype html><html><head><title>Somebody else</title></head></html>";
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(Some(Duration::from_secs(1)));
    let _ = stream.read(&mut [0; 4096]);
    let _ = stream.write_all((head + body).as_bytes());
}

impl Drop for Pages {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

#[test]
fn a_page_of_html_is_no_gateway() {
    let (instance, fake) = beside(Knobs::default(), &[]);
    verdict(&instance, "healthy");
    fake.kill();
    until("the port is closed", LONG, || {
        TcpListener::bind((Ipv4Addr::LOCALHOST, instance.pod.ports.gateway)).is_ok()
    });
    let pages = Pages::start(instance.pod.ports.gateway);
    let cause = told(&instance, "gateway", "HTML");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!(
        (word(&instance).as_str(), ready(&instance)),
        ("failing", 503)
    );
    assert_eq!(sample(&instance, "pilotfish_gateway_up"), Some(0.0));
    assert_eq!(
        health(&instance)["cures"]["recent"],
        json!([]),
        "nobody is cured of a stranger"
    );
    drop(pages);
    fake.revive();
    verdict(&instance, "healthy");
    assert_eq!(ready(&instance), 200);
}

#[test]
fn a_refused_token_is_named_until_it_is_taken() {
    let (instance, fake) = beside(Knobs::default(), &[]);
    fake.rotate_token("another one");
    let cause = told(&instance, "gateway", "refuses the agent");
    assert_eq!(cause["severity"], "failing", "{cause}");
    assert_eq!(
        (word(&instance).as_str(), ready(&instance)),
        ("failing", 503)
    );
    let ours = instance.pod.gateway_token();
    assert!(!cause.to_string().contains(&ours), "{cause}");
    fake.set(|knobs| knobs.token = ours);
    verdict(&instance, "healthy");
}

/// A release that knows little: what it does not tell is neither good nor bad, and the verdict still follows what is seen.
#[test]
fn with_half_of_the_methods_nothing_is_invented() {
    let gone = [
        "channels.status",
        "channels.start",
        "channels.stop",
        "cron.status",
        "cron.list",
        "diagnostics.stability",
        "gateway.restart.preflight",
        "gateway.restart.request",
        "gateway.suspend.prepare",
        "gateway.suspend.status",
        "health",
        "system.info",
        "status",
    ];
    let knobs = Knobs {
        absent: gone.map(str::to_owned).into_iter().collect::<BTreeSet<_>>(),
        channels: [("telegram".to_owned(), vec![live_account("default")])].into(),
        ..Knobs::default()
    };
    let (instance, fake) = beside(knobs, &["--memory-limit", "1Gi"]);
    let said = verdict(&instance, "healthy");
    assert_eq!(said["causes"], json!([]), "{said}");
    assert_eq!(said["channels"], json!([]), "{said}");
    assert!(said["resources"].get("memory_bytes").is_none(), "{said}");
    assert_eq!(ready(&instance), 200);
    assert_eq!(
        sample(&instance, "openclaw_channel_up{channel=\"telegram\"}"),
        None
    );
    fake.kill();
    told(&instance, "gateway", "nobody listens");
    assert_eq!(
        (word(&instance).as_str(), ready(&instance)),
        ("failing", 503)
    );
    fake.revive();
    verdict(&instance, "healthy");
    let death = death(&instance, 1);
    assert_eq!(
        (&death["cause"], &death["inferred"]),
        (&json!("crashed"), &json!(true)),
        "{death}"
    );
}
