//! The page that Prometheus reads.

use std::io::{self, Write};
use std::sync::Arc;

use axum::{
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use prometheus::Registry;
use prometheus::core::Collector;
use prometheus::proto::{LabelPair, Metric, MetricFamily, MetricType};

/// A page with more than this was never written; it saves growing.
const USUAL_BYTES: usize = 32 << 10;

/// Below it a float holds every whole number.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// All metrics of a registry, and the names of those of which nothing is known yet.
///
/// A registry leaves out a family without samples. Whoever looks at a page, or writes a query,
/// then cannot tell a family that is silent from one that does not exist.
#[derive(Clone)]
pub struct Page {
    registry: Registry,
    declared: Arc<[MetricFamily]>,
}

impl Page {
    /// A page of `registry` that always names what `declared` describe.
    pub fn new(registry: Registry, declared: &[&dyn Collector]) -> Self {
        let families = declared
            .iter()
            .flat_map(|collector| collector.collect())
            .map(|mut family| {
                family.set_metric(Vec::new());
                family
            });
        Self {
            registry,
            declared: families.collect(),
        }
    }

    /// The page in text format 0.0.4.
    pub fn text(&self) -> io::Result<Vec<u8>> {
        let mut families = self.registry.gather();
        let there = families.len();
        for family in self.declared.iter() {
            let known = families[..there]
                .binary_search_by(|known| known.name().cmp(family.name()))
                .is_ok();
            if !known {
                families.push(family.clone());
            }
        }
        families.sort_by(|one, other| one.name().cmp(other.name()));
        let mut page = Vec::with_capacity(USUAL_BYTES);
        for family in &families {
            write_family(&mut page, family)?;
        }
        Ok(page)
    }
}

/// The answer to whoever scrapes.
pub fn metrics_page(page: &Page) -> Response {
    match page.text() {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "cannot write the metrics page");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

fn write_family(page: &mut Vec<u8>, family: &MetricFamily) -> io::Result<()> {
    let name = family.name();
    write_texts(page, &["# HELP ", name, " "]);
    write_escaped(page, family.help(), false);
    let kind = word(family.get_field_type());
    write_texts(page, &["\n# TYPE ", name, " ", kind, "\n"]);
    for metric in family.get_metric() {
        match family.get_field_type() {
            MetricType::COUNTER => {
                write_sample(page, name, "", metric, metric.get_counter().get_value())?;
            }
            MetricType::HISTOGRAM => write_histogram(page, name, metric)?,
            // Nobody here makes a summary or something untyped.
            _ => write_sample(page, name, "", metric, metric.get_gauge().get_value())?,
        }
    }
    Ok(())
}

fn word(kind: MetricType) -> &'static str {
    match kind {
        MetricType::COUNTER => "counter",
        MetricType::HISTOGRAM => "histogram",
        MetricType::SUMMARY => "summary",
        MetricType::GAUGE => "gauge",
        MetricType::UNTYPED => "untyped",
    }
}

fn write_histogram(page: &mut Vec<u8>, name: &str, metric: &Metric) -> io::Result<()> {
    let histogram = metric.get_histogram();
    let count = histogram.get_sample_count();
    for bucket in histogram.get_bucket() {
        write_bucket(
            page,
            name,
            metric,
            Some(bucket.upper_bound()),
            bucket.cumulative_count(),
        )?;
    }
    write_bucket(page, name, metric, None, count)?;
    write_sample(page, name, "_sum", metric, histogram.get_sample_sum())?;
    write_sample(page, name, "_count", metric, count as f64)
}

/// One bucket; the last has no bound.
fn write_bucket(
    page: &mut Vec<u8>,
    name: &str,
    metric: &Metric,
    bound: Option<f64>,
    count: u64,
) -> io::Result<()> {
    write_texts(page, &[name, "_bucket{"]);
    write_labels(page, metric.get_label());
    if !metric.get_label().is_empty() {
        page.push(b',');
    }
    page.extend_from_slice(b"le=\"");
    match bound {
        Some(bound) => write_number(page, bound)?,
        None => page.extend_from_slice(b"+Inf"),
    }
    page.extend_from_slice(b"\"} ");
    write_whole(page, count);
    page.push(b'\n');
    Ok(())
}

fn write_sample(
    page: &mut Vec<u8>,
    name: &str,
    end: &str,
    metric: &Metric,
    value: f64,
) -> io::Result<()> {
    write_texts(page, &[name, end]);
    if !metric.get_label().is_empty() {
        page.push(b'{');
        write_labels(page, metric.get_label());
        page.push(b'}');
    }
    page.push(b' ');
    write_number(page, value)?;
    page.push(b'\n');
    Ok(())
}

fn write_labels(page: &mut Vec<u8>, labels: &[LabelPair]) {
    for (place, label) in labels.iter().enumerate() {
        if place > 0 {
            page.push(b',');
        }
        write_texts(page, &[label.name(), "=\""]);
        write_escaped(page, label.value(), true);
        page.push(b'"');
    }
}

/// Whole numbers, as most are, without the detour over a float's digits.
fn write_number(page: &mut Vec<u8>, value: f64) -> io::Result<()> {
    if (0.0..EXACT).contains(&value) && value.fract() == 0.0 {
        write_whole(page, value as u64);
        return Ok(());
    }
    if value.is_infinite() {
        page.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
        return Ok(());
    }
    write!(page, "{value}")
}

fn write_whole(page: &mut Vec<u8>, mut number: u64) {
    let mut digits = [b'0'; 20];
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return page.extend_from_slice(&digits[first..]);
        }
    }
}

fn write_texts(page: &mut Vec<u8>, texts: &[&str]) {
    for text in texts {
        page.extend_from_slice(text.as_bytes());
    }
}

fn write_escaped(page: &mut Vec<u8>, text: &str, quotes: bool) {
    let plain = |byte: u8| byte != b'\n' && byte != b'\\' && byte != b'"';
    if text.bytes().all(plain) {
        return page.extend_from_slice(text.as_bytes());
    }
    for byte in text.bytes() {
        match byte {
            b'\n' => page.extend_from_slice(b"\\n"),
            b'\\' => page.extend_from_slice(b"\\\\"),
            b'"' if quotes => page.extend_from_slice(b"\\\""),
            _ => page.push(byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use prometheus::{CounterVec, GaugeVec, HistogramOpts, HistogramVec, Opts, TextEncoder};

    use super::*;

    fn gauge(name: &str, labels: &[&str]) -> GaugeVec {
        GaugeVec::new(Opts::new(name, "Some \"help\" with a \\ in it."), labels).unwrap()
    }

    fn text(page: &Page) -> String {
        String::from_utf8(page.text().unwrap()).unwrap()
    }

    #[test]
    fn it_writes_what_the_library_writes() {
        let registry = Registry::new();
        let counters = CounterVec::new(Opts::new("c_total", "C.\nMore."), &["b", "a"]).unwrap();
        counters
            .with_label_values(&["x\"y", "new\nline\\"])
            .inc_by(2.0);
        counters.with_label_values(&["", "ü"]).inc_by(0.000_002_5);
        let gauges = gauge("g", &[]);
        gauges.with_label_values(&[] as &[&str]).set(-1.5e20);
        let histograms = HistogramVec::new(
            HistogramOpts::new("h", "H").buckets(vec![0.05, 1.0, 2.5]),
            &["p"],
        )
        .unwrap();
        for value in [0.05, 0.7, 9.0] {
            histograms.with_label_values(&["p"]).observe(value);
        }
        registry.register(Box::new(counters)).unwrap();
        registry.register(Box::new(gauges)).unwrap();
        registry.register(Box::new(histograms)).unwrap();
        let theirs = TextEncoder::new()
            .encode_to_string(&registry.gather())
            .unwrap();
        assert_eq!(text(&Page::new(registry, &[])), theirs);
    }

    #[test]
    fn numbers_are_those_that_prometheus_reads() {
        for (value, want) in [
            (0.0, "0"),
            (-3.0, "-3"),
            (1_795_547_616_870.0, "1795547616870"),
            (0.1, "0.1"),
            (1e16, "10000000000000000"),
            (f64::INFINITY, "+Inf"),
            (f64::NEG_INFINITY, "-Inf"),
            (f64::NAN, "NaN"),
        ] {
            let mut page = Vec::new();
            write_number(&mut page, value).unwrap();
            assert_eq!(String::from_utf8(page).unwrap(), want);
        }
    }

    #[test]
    fn a_declared_family_is_named_in_its_place_and_once() {
        let registry = Registry::new();
        let (empty, other, full) = (gauge("b", &["l"]), gauge("d", &[]), gauge("c", &[]));
        for family in [&empty, &other, &full] {
            registry.register(Box::new(family.clone())).unwrap();
        }
        full.with_label_values(&[] as &[&str]).set(7.0);
        let page = Page::new(registry, &[&other, &empty, &full]);
        let lines: Vec<String> = text(&page)
            .lines()
            .filter(|line| !line.starts_with("# HELP"))
            .map(ToOwned::to_owned)
            .collect();
        let want = ["# TYPE b gauge", "# TYPE c gauge", "c 7", "# TYPE d gauge"];
        assert_eq!(lines, want);
        empty.with_label_values(&["x"]).set(1.0);
        assert!(text(&page).contains("# TYPE b gauge\nb{l=\"x\"} 1\n# HELP c"));
    }
}
