//! Measures a merge with full provenance against the plain merge of the json-patch crate, and the
//! whole way of an ordinary document: three layers of 16 KB, locks, bytes.
//!
//! Prints one line for each figure: name, ours, unit, the other's, ratio.
#![allow(clippy::print_stdout, reason = "a measuring program speaks on stdout")]

use std::fmt::Write;
use std::hint::black_box;
use std::time::Instant;

use config_merge::{Layer, LayerName, Problem, Rules, Source, merge, render};
use serde_json::Value;

const ROUNDS: usize = 41;

fn main() -> Result<(), Vec<Problem>> {
    large_merge()?;
    whole_way()
}

/// The median of some rounds, in microseconds.
fn measure(mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[ROUNDS / 2]
}

/// Two layers of 20,000 keys and 1 MB; the second sets half of the first's keys anew.
fn large_merge() -> Result<(), Vec<Problem>> {
    let texts = [document(0, 20_000, 42), document(10_000, 20_000, 42)];
    let layers = [
        parse(LayerName::Base, &texts[0])?,
        parse(LayerName::User, &texts[1])?,
    ];
    let values: Vec<Value> = texts
        .iter()
        .filter_map(|text| serde_json::from_str(text).ok())
        .collect();
    let rules = Rules::none();
    let plain = measure(|| {
        let mut document = Value::Object(serde_json::Map::new());
        for value in &values {
            json_patch::merge(&mut document, value);
        }
        black_box(document);
    });
    let ours = measure(|| {
        black_box(merge(&layers, &rules)).ok();
    });
    let size = texts[0].len();
    println!(
        "merge of {size} bytes, 20000 keys, with provenance: {ours:.0} us, json-patch {plain:.0} us, ratio {:.2}",
        ours / plain
    );
    Ok(())
}

/// Three layers of 16 KB: parse, merge under locks, write.
fn whole_way() -> Result<(), Vec<Problem>> {
    let names = [LayerName::Base, LayerName::User, LayerName::Policy];
    let texts = [
        document(0, 320, 38),
        document(100, 320, 38),
        document(200, 320, 38),
    ];
    let rules = Rules::parse(&Source {
        file: "locks.json5".to_owned(),
        bytes: b"{ locks: ['gateway.*', 'secrets', 'agents.entries.*.sandbox'], bounds: { 'tools.exec.mode': { oneOf: ['ask'] } } }".to_vec(),
    })?;
    let read = || -> Result<Vec<Layer>, Vec<Problem>> {
        names
            .iter()
            .zip(&texts)
            .map(|(name, text)| parse(*name, text))
            .collect()
    };
    let layers = read()?;
    let parsing = measure(|| {
        black_box(read()).ok();
    });
    let merging = measure(|| {
        let merged = merge(&layers, &rules);
        black_box(merged.map(|merged| render(&merged.document))).ok();
    });
    println!("parse of 3 x {} bytes: {parsing:.0} us", texts[0].len());
    println!("merge under locks and render of the same: {merging:.0} us");
    Ok(())
}

fn parse(name: LayerName, text: &str) -> Result<Layer, Vec<Problem>> {
    let source = Source {
        file: format!("{name}.json5"),
        bytes: text.as_bytes().to_vec(),
    };
    Layer::parse(name, &[source])
}

/// A document of many groups of 20 keys, from one number on.
fn document(from: usize, keys: usize, length: usize) -> String {
    let mut text = String::from("{\n");
    for group in from / 20..(from + keys) / 20 {
        let comma = if group > from / 20 { ",\n" } else { "" };
        let _ = write!(text, "{comma} \"group{group}\": {{");
        for key in 0..20 {
            let comma = if key > 0 { "," } else { "" };
            let value = "v".repeat(length - key % 10);
            let _ = write!(text, "{comma}\n\"key{key}\": \"{value}\"");
        }
        text.push('}');
    }
    text.push_str("\n}");
    text
}
