//! A stand-in for Telegram's Bot API: it answers, is slow, does not take the token, or is gone.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::any;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::sync::oneshot;

/// How long a question for news is held back where there are none: less than the real one's, so that an end is quick.
const HELD: Duration = Duration::from_secs(2);

/// How it treats who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    /// As it should.
    Well,
    /// Every answer comes so much later.
    Slow(Duration),
    /// It does not take the token.
    Refuses,
}

#[derive(Debug)]
struct Desk {
    mood: Mood,
    news: Vec<Value>,
    asked: Vec<String>,
}

type Shared = Arc<Mutex<Desk>>;

/// A Bot API. Dropped, it ends.
pub struct Telegram {
    port: u16,
    desk: Shared,
    open: Option<Open>,
}

struct Open {
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Telegram {
    /// Serves on a free port of loopback.
    #[must_use]
    pub fn start() -> Self {
        let desk = Desk {
            mood: Mood::Well,
            news: Vec::new(),
            asked: Vec::new(),
        };
        let mut telegram = Self {
            port: crate::ports::free(),
            desk: Arc::new(Mutex::new(desk)),
            open: None,
        };
        telegram.open();
        telegram
    }

    /// Where it is, for a channel's `apiRoot`.
    #[must_use]
    pub fn root(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Changes how it treats who calls.
    pub fn set(&self, mood: Mood) {
        self.desk.lock().unwrap().mood = mood;
    }

    /// A person writes to the bot.
    pub fn write(&self, text: &str) {
        let mut desk = self.desk.lock().unwrap();
        let id = 1000 + desk.asked.len();
        let from = json!({ "id": 555, "is_bot": false, "first_name": "P", "username": "person" });
        let chat = json!({ "id": 555, "type": "private", "first_name": "P" });
        let message =
            json!({ "message_id": id, "date": 1, "from": from, "chat": chat, "text": text });
        desk.news
            .push(json!({ "update_id": id, "message": message }));
    }

    /// How often this method was called.
    #[must_use]
    pub fn asked(&self, method: &str) -> usize {
        let desk = self.desk.lock().unwrap();
        desk.asked.iter().filter(|asked| *asked == method).count()
    }

    /// Closes its port and every connection.
    pub fn close(&mut self) {
        if let Some(open) = self.open.take() {
            let _ = open.stop.send(());
            let _ = open.thread.join();
        }
    }

    /// Opens its port again.
    ///
    /// # Panics
    /// When somebody else has taken it.
    pub fn open(&mut self) {
        self.close();
        let (stop, stopped) = oneshot::channel();
        let (desk, port) = (Arc::clone(&self.desk), self.port);
        let thread = std::thread::spawn(move || serve(port, desk, stopped));
        self.open = Some(Open { stop, thread });
        crate::until("the Bot API listens", Duration::from_secs(10), || {
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_err()
        });
    }
}

impl Drop for Telegram {
    fn drop(&mut self) {
        self.close();
    }
}

fn serve(port: u16, desk: Shared, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind((Ipv4Addr::LOCALHOST, port).into()).unwrap();
        let listener = socket.listen(64).unwrap();
        let router = Router::new()
            .route("/{bot}/{method}", any(answer))
            .with_state(desk);
        tokio::select! {
            ended = std::future::IntoFuture::into_future(axum::serve(listener, router)) => ended.unwrap(),
            _ = stopped => {}
        }
    });
    // The connections end with the runtime.
    runtime.shutdown_background();
}

async fn answer(State(desk): State<Shared>, Path((_, method)): Path<(String, String)>) -> Response {
    let (mood, news) = {
        let mut desk = desk.lock().unwrap();
        let news = match method == "getUpdates" && desk.mood != Mood::Refuses {
            true => std::mem::take(&mut desk.news),
            false => Vec::new(),
        };
        desk.asked.push(method.clone());
        (desk.mood, news)
    };
    match mood {
        Mood::Refuses => {
            let body = json!({ "ok": false, "error_code": 401, "description": "Unauthorized" });
            return (StatusCode::UNAUTHORIZED, Json(body)).into_response();
        }
        Mood::Slow(by) => tokio::time::sleep(by).await,
        Mood::Well => {}
    }
    if method == "getUpdates" && news.is_empty() {
        tokio::time::sleep(HELD).await;
    }
    Json(json!({ "ok": true, "result": result(&method, news) })).into_response()
}

fn result(method: &str, news: Vec<Value>) -> Value {
    match method {
        "getMe" => {
            json!({ "id": 123, "is_bot": true, "first_name": "b", "username": "mock_bot", "can_join_groups": true,
            "can_read_all_group_messages": false, "supports_inline_queries": false })
        }
        "getUpdates" => json!(news),
        "getWebhookInfo" => {
            json!({ "url": "", "has_custom_certificate": false, "pending_update_count": 0 })
        }
        "sendMessage" => {
            json!({ "message_id": 7, "date": 1, "chat": { "id": 555, "type": "private" }, "text": "x" })
        }
        _ => json!(true),
    }
}
