//! The agent's own directory: who owns it, the ledger, and the bytes of the layers.
//!
//! In: entries and layer contents. Out: the folded ledger, and a layer set read back as parsed
//! layers. Nothing here decides anything. Everything is on disk when a call returns.

use std::collections::{BTreeMap, HashSet};
use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use config_merge::{Layer, LayerName, Rules, Source};
use durable::{Blobs, Digest, Owner, Records};

use super::Error;
use super::ledger::{Entry, LayerFile, LayerFiles, LayerSet, Ledger};

/// The ledger is compacted when it has grown past this.
const COMPACT_ABOVE_BYTES: u64 = 1 << 20;
/// A ledger larger than this is damaged.
const MAX_LEDGER_BYTES: u64 = 16 << 20;
/// A blob is one file of a layer.
const MAX_BLOB_BYTES: u64 = 2 << 20;

/// The open state directory.
#[derive(Debug)]
pub struct Store {
    _owner: Owner,
    records: Records<Entry>,
    blobs: Blobs,
    ledger: Ledger,
}

/// Layers and rules that were parsed a moment ago, so that they are not read back and parsed again.
#[derive(Clone, Default)]
pub struct Parsed {
    layers: BTreeMap<LayerName, (LayerFiles, Layer)>,
    rules: Option<(LayerFile, Rules)>,
}

impl std::fmt::Debug for Parsed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Parsed").finish_non_exhaustive()
    }
}

impl Parsed {
    /// Adds a layer that was made of these files.
    pub fn layer(&mut self, name: LayerName, files: LayerFiles, layer: Layer) {
        self.layers.insert(name, (files, layer));
    }

    /// Adds the rules that this file holds.
    pub fn rules(&mut self, file: LayerFile, rules: Rules) {
        self.rules = Some((file, rules));
    }

    /// Whether the layer was parsed from these files.
    pub fn has(&self, name: LayerName, files: &LayerFiles) -> bool {
        self.layers.get(&name).is_some_and(|(of, _)| of == files)
    }

    fn take_layer(&mut self, name: LayerName, files: &LayerFiles) -> Option<Layer> {
        let (of, layer) = self.layers.remove(&name)?;
        (of == *files).then_some(layer)
    }

    fn take_rules(&mut self, file: &LayerFile) -> Option<Rules> {
        let (of, rules) = self.rules.take()?;
        (of == *file).then_some(rules)
    }
}

impl Store {
    /// Opens the directory, makes it when it is missing, and becomes its only owner.
    pub fn open(dir: &Path) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| Error::MakeState {
                path: dir.to_path_buf(),
                source,
            })?;
        let owner = Owner::claim(dir)?;
        let (records, entries) = Records::open(&dir.join("ledger"), MAX_LEDGER_BYTES)?;
        if records.cut_bytes() > 0 {
            tracing::warn!(
                bytes = records.cut_bytes(),
                "the ledger is damaged: everything from the first broken entry on was cut off and lies in ledger.damaged"
            );
        }
        let mut store = Self {
            _owner: owner,
            records,
            blobs: Blobs::open(&dir.join("blobs"))?,
            ledger: Ledger::fold(entries),
        };
        match store.compact() {
            Err(Error::Files(error)) if error.is_disk_full() => {
                tracing::error!(%error, "the state directory is full: the ledger stays as it is");
            }
            compacted => compacted?,
        }
        Ok(store)
    }

    /// What the entries fold into.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Records an entry, then takes it in.
    pub fn append(&mut self, entry: Entry) -> Result<(), Error> {
        self.records.append(&entry)?;
        self.ledger.apply(entry);
        Ok(())
    }

    /// Drops what nobody asks for any more, once much has gathered. Only while no change is on its
    /// way: its bytes would go too.
    pub fn tidy(&mut self) -> Result<(), Error> {
        if self.records.len_bytes() > COMPACT_ABOVE_BYTES {
            self.compact()?;
        }
        Ok(())
    }

    fn compact(&mut self) -> Result<(), Error> {
        self.records.rewrite(&self.ledger.compact())?;
        let keep: HashSet<Digest> = self.ledger.digests().collect();
        self.blobs.retain(&keep)?;
        Ok(())
    }

    /// Keeps the bytes of a layer's files.
    pub fn keep(&self, sources: &[Source]) -> Result<LayerFiles, Error> {
        for source in sources {
            self.blobs.put(&source.bytes)?;
        }
        Ok(files_of(sources))
    }

    /// Reads a layer's files back.
    pub fn sources(&self, files: &[LayerFile]) -> Result<Vec<Source>, Error> {
        let read = |file: &LayerFile| {
            let bytes = self.blobs.get(&file.digest, MAX_BLOB_BYTES)?;
            Ok(Source {
                file: file.name.clone(),
                bytes,
            })
        };
        files.iter().map(read).collect()
    }

    /// Reads one layer back, parsed.
    pub fn layer(&self, name: LayerName, files: &[LayerFile]) -> Result<Layer, Error> {
        Layer::parse(name, &self.sources(files)?).map_err(Error::Layers)
    }

    /// Reads a whole set back, parsed, lowest layer first.
    pub fn layers(&self, set: &LayerSet) -> Result<(Vec<Layer>, Rules), Error> {
        self.layers_from(set, &mut Parsed::default())
    }

    /// The same, taking out of `parsed` what is there.
    pub fn layers_from(
        &self,
        set: &LayerSet,
        parsed: &mut Parsed,
    ) -> Result<(Vec<Layer>, Rules), Error> {
        let layers = set
            .layers
            .iter()
            .map(|(name, files)| match parsed.take_layer(*name, files) {
                Some(layer) => Ok(layer),
                None => self.layer(*name, files),
            })
            .collect::<Result<_, _>>()?;
        let rules = match &set.locks {
            None => Rules::none(),
            Some(file) => match parsed.take_rules(file) {
                Some(rules) => rules,
                None => self.rules(file)?,
            },
        };
        Ok((layers, rules))
    }

    /// Reads a locks file back, parsed.
    pub fn rules(&self, file: &LayerFile) -> Result<Rules, Error> {
        let source = Source {
            file: file.name.clone(),
            bytes: self.blobs.get(&file.digest, MAX_BLOB_BYTES)?,
        };
        Rules::parse(&source).map_err(Error::Layers)
    }
}

/// Names and digests of files, without keeping them.
pub fn files_of(sources: &[Source]) -> LayerFiles {
    let file = |source: &Source| LayerFile {
        name: source.file.clone(),
        digest: Digest::of(&source.bytes),
    };
    sources.iter().map(file).collect()
}
