//! A language model that does as it is told: it speaks OpenAI's chat completions, streamed and whole, and has the
//! gateway run commands.
//!
//! A message `RUN <command> END` makes it call the tool `exec`; `RUN a THEN b END` makes two calls, the second after the
//! first one's result is there; a step `PAUSE <seconds>` makes it think before the next: `RUN a THEN PAUSE 5 THEN b END`;
//! `LEAVE <command>` does not wait for the command's end: `RUN LEAVE a THEN b END`.
//! A message with `FAIL` is answered with 500.
//! When all is done it answers `done: ` and the last tool's result, and to every other message `nothing to run`.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio::sync::oneshot;

/// The name of the only model.
const NAME: &str = "m1";

/// How long a tool may take before its result is that it still runs; the gateway's own default is ten seconds.
const YIELD_MS: u32 = 120_000;

/// The name of the secret that a gateway shows it.
pub(crate) const KEY: &str = "model-key";

type Asked = Arc<Mutex<Vec<Value>>>;

/// A running model server. Dropped, it ends.
pub struct Model {
    address: SocketAddr,
    asked: Asked,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Model {
    /// Serves on a free port of loopback.
    #[must_use]
    pub fn start() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Asked::default();
        let (stop, stopped) = oneshot::channel();
        let router = router(Arc::clone(&asked));
        let thread = std::thread::spawn(move || serve(listener, router, stopped));
        Self {
            address,
            asked,
            stop: Some(stop),
            thread: Some(thread),
        }
    }

    /// What makes a gateway use it: a layer, or a part of one. It refers to a secret, as the shipped rules demand.
    #[must_use]
    pub fn layer(&self) -> Value {
        let provider = json!({
            "baseUrl": format!("http://{}/v1", self.address),
            "apiKey": { "source": "file", "provider": "pilotfish", "id": format!("/{KEY}") },
            "api": "openai-completions",
            "models": [{
                "id": NAME, "name": NAME, "contextWindow": 128_000, "maxTokens": 4096,
                "cost": { "input": 3, "output": 15, "cacheRead": 0.3, "cacheWrite": 3.75 },
            }],
        });
        json!({
            "models": { "mode": "merge", "providers": { "mock": provider } },
            "agents": { "defaults": { "model": { "primary": format!("mock/{NAME}") } } },
        })
    }

    /// The requests so far, oldest first.
    #[must_use]
    pub fn asked(&self) -> Vec<Value> {
        self.asked.lock().unwrap().clone()
    }

    /// The results of tools that it was told so far, each once, oldest first.
    #[must_use]
    pub fn results(&self) -> Vec<String> {
        let mut seen = std::collections::HashSet::new();
        let asked = self.asked();
        let messages = asked
            .iter()
            .filter_map(|request| request["messages"].as_array());
        messages
            .flatten()
            .filter(|message| message["role"] == "tool")
            .filter(|message| seen.insert(message["tool_call_id"].to_string()))
            .map(|message| words(&message["content"]))
            .collect()
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn serve(listener: TcpListener, router: Router, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::from_std(listener).unwrap();
        tokio::select! {
            ended = std::future::IntoFuture::into_future(axum::serve(listener, router)) => ended.unwrap(),
            _ = stopped => {}
        }
    });
}

fn router(asked: Asked) -> Router {
    let models = json!({ "object": "list", "data": [{ "id": NAME, "object": "model" }] });
    Router::new()
        .route("/v1/models", get(async move || Json(models)))
        .route("/v1/chat/completions", post(complete))
        .layer(axum::extract::DefaultBodyLimit::max(32 << 20))
        .with_state(asked)
}

async fn complete(State(asked): State<Asked>, Json(request): Json<Value>) -> Response {
    let turn = Turn::next(&request);
    let call = asked.lock().unwrap().len();
    let streamed = request["stream"] == true;
    let fails = request["messages"].to_string().contains("FAIL");
    asked.lock().unwrap().push(request);
    tokio::time::sleep(turn.pause).await;
    if fails {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    }
    if streamed {
        let chunks = turn.chunks(call);
        let events: String = chunks
            .iter()
            .map(|chunk| format!("data: {chunk}\n\n"))
            .collect();
        let body = events + "data: [DONE]\n\n";
        ([(CONTENT_TYPE, "text/event-stream")], body).into_response()
    } else {
        Json(turn.whole(call)).into_response()
    }
}

/// What the model does next.
#[derive(Debug, PartialEq, Eq)]
struct Turn {
    /// How long it thinks first.
    pause: Duration,
    said: Said,
}

#[derive(Debug, PartialEq, Eq)]
enum Said {
    Run(String),
    Leave(String),
    Text(String),
}

impl Turn {
    fn next(request: &Value) -> Self {
        let no_messages = Vec::new();
        let messages = request["messages"].as_array().unwrap_or(&no_messages);
        let answered = messages
            .iter()
            .rposition(|message| message["role"] == "assistant" && calls(message).is_empty());
        let open = &messages[answered.map_or(0, |at| at + 1)..];
        let of = |role: &str| -> Vec<String> {
            let messages = open.iter().filter(|message| message["role"] == role);
            messages.map(|message| words(&message["content"])).collect()
        };
        let (asked, results) = (of("user"), of("tool"));
        let can_run = request["tools"]
            .as_array()
            .is_some_and(|tools| tools.iter().any(|tool| tool["function"]["name"] == "exec"));
        match script(&asked.join("\n")) {
            Some(script) if can_run => Self::of_script(script, &results),
            _ => Self::text("nothing to run"),
        }
    }

    /// The step after as many commands as there are results.
    fn of_script(script: &str, results: &[String]) -> Self {
        let (mut pause, mut run) = (Duration::ZERO, 0);
        for step in script.split(" THEN ").map(str::trim) {
            let seconds = step
                .strip_prefix("PAUSE ")
                .and_then(|text| text.trim().parse().ok());
            if let Some(seconds) = seconds {
                pause = Duration::from_secs(seconds);
            } else if run < results.len() {
                run += 1;
                pause = Duration::ZERO;
            } else {
                let said = match step.strip_prefix("LEAVE ") {
                    Some(command) => Said::Leave(command.to_owned()),
                    None => Said::Run(step.to_owned()),
                };
                return Self { pause, said };
            }
        }
        let last = results.last().map_or("", |result| result.trim());
        Self {
            pause,
            ..Self::text(&format!("done: {last}"))
        }
    }

    fn text(text: &str) -> Self {
        Self {
            pause: Duration::ZERO,
            said: Said::Text(text.to_owned()),
        }
    }

    fn message(&self, call: usize) -> Value {
        let arguments = match &self.said {
            Said::Text(text) => return json!({ "role": "assistant", "content": text }),
            Said::Run(command) => json!({ "command": command, "yieldMs": YIELD_MS }),
            Said::Leave(command) => json!({ "command": command, "background": true }),
        };
        let function = json!({ "name": "exec", "arguments": arguments.to_string() });
        let call = json!({ "index": 0, "id": format!("call_{call}"), "type": "function", "function": function });
        json!({ "role": "assistant", "content": null, "tool_calls": [call] })
    }

    fn finish(&self) -> &'static str {
        match self.said {
            Said::Text(_) => "stop",
            Said::Run(_) | Said::Leave(_) => "tool_calls",
        }
    }

    fn chunks(&self, call: usize) -> [Value; 3] {
        let chunk = |choices: Value| json!({ "id": format!("c{call}"), "object": "chat.completion.chunk", "created": 0, "model": NAME, "choices": choices });
        let delta = json!([{ "index": 0, "delta": self.message(call), "finish_reason": null }]);
        let end = json!([{ "index": 0, "delta": {}, "finish_reason": self.finish() }]);
        let mut usage = chunk(json!([]));
        usage["usage"] = usage_of_a_turn();
        [chunk(delta), chunk(end), usage]
    }

    fn whole(&self, call: usize) -> Value {
        let choice =
            json!({ "index": 0, "message": self.message(call), "finish_reason": self.finish() });
        json!({
            "id": format!("c{call}"), "object": "chat.completion", "created": 0, "model": NAME,
            "choices": [choice], "usage": usage_of_a_turn(),
        })
    }
}

fn usage_of_a_turn() -> Value {
    json!({ "prompt_tokens": 1234, "completion_tokens": 56, "total_tokens": 1290 })
}

fn calls(message: &Value) -> &[Value] {
    message["tool_calls"].as_array().map_or(&[], Vec::as_slice)
}

/// What is between RUN and END.
fn script(text: &str) -> Option<&str> {
    let (_, rest) = text.split_once("RUN ")?;
    Some(rest.split_once(" END")?.0)
}

/// The text of a message's content, which is a text or a list of parts.
fn words(content: &Value) -> String {
    match content {
        Value::Array(parts) => parts
            .iter()
            .filter_map(|part| part["text"].as_str())
            .collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Client;

    fn request(messages: &[Value]) -> Value {
        json!({ "tools": [{ "function": { "name": "exec" } }], "messages": messages })
    }

    #[test]
    fn takes_one_step_after_each_result_and_thinks_where_it_was_told_to() {
        let user = json!({ "role": "user", "content": [{ "type": "text", "text": "RUN a b THEN PAUSE 5 THEN c END" }] });
        let called = json!({ "role": "assistant", "tool_calls": [{ "id": "1" }] });
        let result = |text: &str| json!({ "role": "tool", "content": text });
        let run = |command: &str, seconds| Turn {
            pause: Duration::from_secs(seconds),
            said: Said::Run(command.to_owned()),
        };
        let mut messages = vec![user];
        assert_eq!(Turn::next(&request(&messages)), run("a b", 0));
        messages.extend([called.clone(), result("1st")]);
        assert_eq!(Turn::next(&request(&messages)), run("c", 5));
        messages.extend([called, result("2nd\n")]);
        assert_eq!(Turn::next(&request(&messages)), Turn::text("done: 2nd"));
        messages.push(json!({ "role": "assistant", "content": "done: 2nd" }));
        messages.push(json!({ "role": "user", "content": "thanks" }));
        assert_eq!(
            Turn::next(&request(&messages)),
            Turn::text("nothing to run")
        );
    }

    #[test]
    fn leaves_a_command_running_where_it_was_told_to() {
        let user = json!({ "role": "user", "content": "RUN LEAVE a b END" });
        let call = Turn::next(&request(&[user])).message(0)["tool_calls"][0].take();
        let arguments = call["function"]["arguments"].as_str().unwrap();
        let arguments: Value = serde_json::from_str(arguments).unwrap();
        assert_eq!(arguments, json!({ "command": "a b", "background": true }));
    }

    #[test]
    fn answers_streamed_and_whole() {
        let model = Model::start();
        let client = Client::new(model.address.port());
        let mut asked = request(&[json!({ "role": "user", "content": "RUN ls END" })]);
        let ask = |body: &Value| {
            let headers = [("content-type", "application/json")];
            let body = body.to_string();
            client
                .send("POST", "/v1/chat/completions", &headers, body.as_bytes())
                .unwrap()
        };
        let whole = ask(&asked).json();
        let function = &whole["choices"][0]["message"]["tool_calls"][0]["function"];
        assert_eq!(
            function["arguments"],
            r#"{"command":"ls","yieldMs":120000}"#
        );
        asked["stream"] = true.into();
        let streamed = ask(&asked).body;
        let lines: Vec<_> = streamed.lines().filter(|line| !line.is_empty()).collect();
        assert_eq!(lines.last(), Some(&"data: [DONE]"));
        assert!(
            lines[0].contains(r#""tool_calls":[{"index":0"#),
            "{streamed}"
        );
        assert!(
            lines[1].contains(r#""finish_reason":"tool_calls""#),
            "{streamed}"
        );
        assert_eq!(model.asked().len(), 2);
    }
}
