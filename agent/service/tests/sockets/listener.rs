//! Slow, silent and many peers, and the goodbye to them.

use std::{io, time::Duration};

use axum::{Router, routing::get};
use prometheus::Registry;
use service::{Drain, Listener, ListenerSettings, Page, ProcessMetrics, metrics_page};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::sleep,
};

use crate::peer::{Served, read_all, request, write};

/// Far above what these settings ask for, far below what the defaults would give.
const SOON: Duration = Duration::from_secs(4);

fn milliseconds(count: u64) -> Duration {
    Duration::from_millis(count)
}

fn router() -> Router {
    let slow = || async {
        sleep(milliseconds(400)).await;
        "slow"
    };
    Router::new()
        .route("/", get(|| async { "hello" }))
        .route("/slow", get(slow))
        .route("/never", get(std::future::pending::<String>))
}

async fn serve(settings: ListenerSettings) -> Served {
    Served::start(router(), settings, None).await
}

fn impatient() -> ListenerSettings {
    ListenerSettings {
        header_timeout: milliseconds(300),
        drain_timeout: milliseconds(300),
        ..ListenerSettings::default()
    }
}

#[tokio::test]
async fn a_taken_port_is_an_error_that_names_it() {
    let served = serve(ListenerSettings::default()).await;
    let error = Listener::bind(served.address, ListenerSettings::default())
        .await
        .unwrap_err();
    assert_eq!(error.reason(), "bind");
    assert_eq!(
        error.to_string(),
        format!("cannot listen on {}", served.address)
    );
    let source = std::error::Error::source(&error).unwrap();
    let source = source.downcast_ref::<io::Error>().unwrap();
    assert_eq!(source.kind(), io::ErrorKind::AddrInUse);
}

#[tokio::test]
async fn a_dribbled_request_is_cut_off_while_others_are_served() {
    let served = serve(impatient()).await;
    let (reader, mut writer) = served.connect().await.into_split();
    let dribble = tokio::spawn(async move {
        for byte in request("GET /", &["x-filler: aaaaaaaaaaaaaaaaaaaaaaaaaaa"]).bytes() {
            if writer.write_all(&[byte]).await.is_err() {
                return;
            }
            sleep(milliseconds(50)).await;
        }
    });
    assert_eq!(served.ask("GET /", &[]).await.body(), "hello");
    let cut = read_all(reader).await;
    assert!(cut.after < SOON, "{cut:?}");
    assert!(!cut.text.contains("200 OK"), "{cut:?}");
    dribble.abort();
}

#[tokio::test]
async fn silent_and_idle_connections_are_closed() {
    let served = serve(impatient()).await;
    let silent = read_all(served.connect().await).await;
    assert!(silent.after < SOON && silent.text.is_empty(), "{silent:?}");

    let mut idle = served.connect().await;
    write(&mut idle, "GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let idle = read_all(idle).await;
    assert!(idle.after < SOON, "{idle:?}");
    assert_eq!(idle.status(), 200);
}

#[tokio::test]
async fn connections_are_bounded_and_the_rest_waits() {
    let settings = ListenerSettings {
        max_connections: 2,
        ..impatient()
    };
    let served = serve(settings).await;
    let _silent = (served.connect().await, served.connect().await);
    sleep(milliseconds(50)).await;
    let third = served.ask("GET /", &[]).await;
    assert_eq!(third.status(), 200);
    assert!(third.after > milliseconds(150), "{third:?}");
}

#[tokio::test]
async fn one_peer_cannot_take_all_connections() {
    let settings = ListenerSettings {
        max_connections_per_peer: 3,
        header_timeout: Duration::from_secs(60),
        ..ListenerSettings::default()
    };
    let served = serve(settings).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(served.connect().await);
    }
    sleep(milliseconds(50)).await;
    let turned_away = read_all(served.connect().await).await;
    assert!(turned_away.after < SOON && turned_away.text.is_empty());
    held.pop();
    sleep(milliseconds(50)).await;
    assert_eq!(served.ask("GET /", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_huge_head_is_refused() {
    let served = serve(ListenerSettings::default()).await;
    let filler = |bytes| format!("x-filler: {}", "a".repeat(bytes));
    assert_eq!(
        served.ask("GET /", &[&filler(16 * 1024)]).await.status(),
        200
    );
    let mut stream = served.connect().await;
    let request = request("GET /", &[&filler(256 * 1024)]);
    let _ = stream.write_all(request.as_bytes()).await;
    let refused = read_all(stream).await;
    assert!([0, 431].contains(&refused.status()), "{refused:?}");
    assert_eq!(served.ask("GET /", &[]).await.status(), 200);
}

#[tokio::test]
async fn a_running_request_ends_well_and_nobody_new_comes_in() {
    let served = serve(ListenerSettings::default()).await;
    let mut idle = served.connect().await;
    write(&mut idle, "GET / HTTP/1.1\r\nhost: test\r\n\r\n").await;
    let mut running = served.connect().await;
    write(&mut running, "GET /slow HTTP/1.1\r\nhost: test\r\n\r\n").await;
    sleep(milliseconds(100)).await;

    served.drain.start();
    let idle = read_all(idle).await;
    assert!(idle.after < SOON, "{idle:?}");
    let address = served.address;
    let running = read_all(running).await;
    assert_eq!(running.body(), "slow");
    assert!(served.ended().await < SOON);
    let refused = TcpStream::connect(address).await.unwrap_err();
    assert_eq!(refused.kind(), io::ErrorKind::ConnectionRefused);
}

#[tokio::test]
async fn a_half_sent_request_cannot_hold_the_drain_up() {
    let settings = ListenerSettings {
        header_timeout: Duration::from_secs(60),
        ..impatient()
    };
    let served = serve(settings).await;
    let mut half = served.connect().await;
    write(&mut half, "GET / HTTP/1.1\r\nhost: te").await;
    let mut body = served.connect().await;
    write(
        &mut body,
        "POST / HTTP/1.1\r\nhost: test\r\ncontent-length: 9\r\n\r\nhalf",
    )
    .await;
    let mut stuck = served.connect().await;
    write(&mut stuck, &request("GET /never", &[])).await;
    sleep(milliseconds(50)).await;

    served.drain.start();
    let lasted = served.ended().await;
    assert!((milliseconds(250)..SOON).contains(&lasted), "{lasted:?}");
    let mut left = [0; 1];
    assert_eq!(stuck.read(&mut left).await.unwrap_or(0), 0);
}

#[tokio::test]
async fn the_drain_itself_bounds_the_goodbye() {
    let any = "127.0.0.1:0".parse().unwrap();
    let listener = Listener::bind(any, ListenerSettings::default())
        .await
        .unwrap();
    let address = listener.local_addr();
    let drain = Drain::new(milliseconds(200));
    let serving = tokio::spawn(listener.serve(router(), drain.clone()));
    let mut stuck = TcpStream::connect(address).await.unwrap();
    write(&mut stuck, &request("GET /never", &[])).await;
    sleep(milliseconds(50)).await;
    drain.start();
    tokio::time::timeout(SOON, serving).await.unwrap().unwrap();
}

#[tokio::test]
async fn the_metrics_page_is_text_0_0_4() {
    let registry = Registry::new();
    ProcessMetrics::register(&registry).unwrap();
    let page = Page::new(registry, &[]);
    let page = get(move || async move { metrics_page(&page) });
    let router = Router::new().route("/metrics", page);
    let served = Served::start(router, ListenerSettings::default(), None).await;
    let answer = served.ask("GET /metrics", &[]).await;
    let kind = answer.header("content-type").unwrap();
    assert!(kind.starts_with("text/plain; version=0.0.4"), "{kind}");
    for line in [
        "# TYPE process_resident_memory_bytes gauge",
        "# TYPE process_cpu_seconds_total counter",
        "# TYPE process_open_fds gauge",
        "# TYPE process_start_time_seconds gauge",
    ] {
        assert!(answer.body().contains(line), "{line}");
    }
}
