//! How large the binary is.

use std::fs;

use support::agent_binary;

use crate::figure::Figure;
use crate::rounds::Rounds;

/// Measures the row.
pub fn measure(_: Rounds) -> Vec<Figure> {
    let bytes = fs::metadata(agent_binary()).unwrap().len();
    vec![Figure::new("static stripped release binary", bytes as f64 / 1e6, "MB").at_most(8.0)]
}
