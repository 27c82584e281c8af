//! Layers and rules of a line of text.

use config_merge::{Layer, LayerName, Rules, Source};

/// A file of this name that says this.
pub fn source(file: &str, text: &str) -> Source {
    Source {
        file: file.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

/// A layer of one file.
pub fn layer(name: LayerName, file: &str, text: &str) -> Layer {
    Layer::parse(name, &[source(file, text)]).unwrap()
}

/// The rules of a file.
pub fn rules(text: &str) -> Rules {
    Rules::parse(&source("locks.json5", text)).unwrap()
}
