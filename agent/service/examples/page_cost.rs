//! What a scrape of a full page costs: 300 series, and the process's own figures.
//!
//! `cargo run --release -p service --example page_cost`

use std::error::Error;

use prometheus::{
    Encoder, HistogramOpts, HistogramVec, IntCounterVec, Opts, Registry, TextEncoder,
};
use service::{Page, ProcessMetrics};

const ROUNDS: u32 = 5_000;

fn main() -> Result<(), Box<dyn Error>> {
    let registry = Registry::new();
    let bare = fill(&registry)?;
    ProcessMetrics::register(&registry)?;
    let page = Page::new(registry.clone(), &[]);
    let text = String::from_utf8(page.text()?)?;
    let series = text.lines().filter(|line| !line.starts_with('#')).count();
    println!("{series} series, {} bytes", text.len());
    cost("gather", || Ok(drop(registry.gather())))?;
    cost("gather without the process", || Ok(drop(bare.gather())))?;
    cost("the library's encoder", || {
        let mut page = Vec::new();
        Ok(TextEncoder::new().encode(&registry.gather(), &mut page)?)
    })?;
    cost("the page", || Ok(drop(page.text()?)))
}

/// Families as an agent has them; a second registry has the same.
fn fill(registry: &Registry) -> Result<Registry, Box<dyn Error>> {
    let bare = Registry::new();
    for family in 0..14 {
        let opts = Opts::new(
            format!("example_family_{family}_total"),
            "A family of counters.",
        );
        let counters = IntCounterVec::new(opts, &["provider", "status"])?;
        for label in 0..12 {
            let provider = format!("provider-{label}");
            counters
                .with_label_values(&[&provider, "ok"])
                .inc_by(label * 12345);
        }
        registry.register(Box::new(counters.clone()))?;
        bare.register(Box::new(counters))?;
    }
    let buckets = vec![0.1, 0.5, 2.0, 5.0, 15.0, 60.0, 120.0];
    let opts = HistogramOpts::new("example_latency_seconds", "A histogram.").buckets(buckets);
    let histograms = HistogramVec::new(opts, &["provider"])?;
    for label in 0..13 {
        histograms
            .with_label_values(&[&format!("provider-{label}")])
            .observe(0.337);
    }
    registry.register(Box::new(histograms.clone()))?;
    bare.register(Box::new(histograms))?;
    Ok(bare)
}

fn cost(
    what: &str,
    mut work: impl FnMut() -> Result<(), Box<dyn Error>>,
) -> Result<(), Box<dyn Error>> {
    let start = cpu_nanoseconds()?;
    for _ in 0..ROUNDS {
        work()?;
    }
    let each = (cpu_nanoseconds()? - start) / f64::from(ROUNDS);
    println!("{what}: {:.1} us of CPU", each / 1e3);
    Ok(())
}

fn cpu_nanoseconds() -> Result<f64, Box<dyn Error>> {
    let text = std::fs::read_to_string("/proc/self/schedstat")?;
    Ok(text.split(' ').next().unwrap_or_default().parse()?)
}
