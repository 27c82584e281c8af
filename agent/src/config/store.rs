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

use super::error::{Error, chain};
use super::ledger::{Entry, LayerFile, LayerFiles, LayerSet, Ledger};

/// How far the ledger may grow.
#[derive(Clone, Copy, Debug)]
struct Limits {
    /// It is compacted when it has grown past this.
    compact_above: u64,
    /// A larger one is damaged.
    max: u64,
}

const LIMITS: Limits = Limits {
    compact_above: 1 << 20,
    max: 16 << 20,
};
/// A blob is one file of a layer.
const MAX_BLOB_BYTES: u64 = 2 << 20;

/// The open state directory.
#[derive(Debug)]
pub struct Store {
    _owner: Owner,
    records: Records<Entry>,
    blobs: Blobs,
    ledger: Ledger,
    limits: Limits,
    /// The length at which it is compacted next.
    compact_at: u64,
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
        Self::open_within(dir, LIMITS)
    }

    fn open_within(dir: &Path, limits: Limits) -> Result<Self, Error> {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(dir)
            .map_err(|source| Error::MakeState {
                path: dir.to_path_buf(),
                source,
            })?;
        let owner = Owner::claim(dir)?;
        let (records, entries) = Records::open(&dir.join("ledger"), limits.max)?;
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
            limits,
            compact_at: limits.compact_above,
        };
        match store.compact(None) {
            Err(Error::Files(error)) if error.is_disk_full() => {
                tracing::error!(%error, "the state directory is full: the ledger stays as it is");
            }
            compacted => compacted?,
        }
        Ok(store)
    }

    /// How much of the ledger was damaged, and cut off when it was opened.
    pub fn cut_bytes(&self) -> u64 {
        self.records.cut_bytes()
    }

    /// What the entries fold into.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Records an entry, then takes it in. A ledger that is at its limit is compacted first; the
    /// bytes of layers stay then, since a change may be on its way.
    pub fn append(&mut self, entry: Entry) -> Result<(), Error> {
        match self.records.append(&entry) {
            Err(durable::Error::TooLarge { .. }) => {
                self.records.rewrite(&self.ledger.compact())?;
                self.records.append(&entry)?;
            }
            appended => appended?,
        }
        self.ledger.apply(entry);
        Ok(())
    }

    /// Drops what nobody asks for any more, once much has gathered. Only while no change is on its
    /// way: its bytes would go too. What is in force stays, whether or not the ledger names it.
    pub fn tidy(&mut self, in_force: Option<&LayerSet>) {
        if self.records.len_bytes() <= self.compact_at {
            return;
        }
        if let Err(error) = self.compact(in_force) {
            let reason = chain(&error);
            tracing::error!(reason, "the ledger cannot be compacted: it grows on");
        }
        // What cannot be made smaller, or not now, is not tried again at every turn.
        self.compact_at = self.limits.compact_above.max(2 * self.records.len_bytes());
    }

    fn compact(&mut self, in_force: Option<&LayerSet>) -> Result<(), Error> {
        self.records.rewrite(&self.ledger.compact())?;
        let in_force = in_force.iter().flat_map(|set| set.files());
        let keep: HashSet<Digest> = self
            .ledger
            .digests()
            .chain(in_force.map(|file| file.digest))
            .collect();
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::ledger::UserLayer;

    const SMALL: Limits = Limits {
        compact_above: 2048,
        max: 4096,
    };

    fn edit(store: &mut Store, revision: u64) {
        let source = Source {
            file: "user.json5".to_owned(),
            bytes: format!("{{ a: {revision} }}").into_bytes(),
        };
        let files = store.keep(&[source]).unwrap();
        let user = UserLayer {
            revision,
            files,
            ..UserLayer::default()
        };
        store.append(Entry::User(user)).unwrap();
    }

    fn blobs(dir: &Path) -> usize {
        std::fs::read_dir(dir.join("blobs")).unwrap().count()
    }

    #[test]
    fn edits_without_end_never_reach_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open_within(dir.path(), SMALL).unwrap();
        for revision in 1..=200 {
            edit(&mut store, revision);
        }
        assert!(store.records.len_bytes() <= SMALL.max);
        assert_eq!(blobs(dir.path()), 200, "a change may be on its way");
        drop(store);
        let store = Store::open_within(dir.path(), SMALL).unwrap();
        assert_eq!(store.ledger().user.revision, 200);
    }

    #[test]
    fn between_changes_the_ledger_stays_small_and_what_is_in_force_stays_whole() {
        let dir = tempfile::tempdir().unwrap();
        let mut store = Store::open_within(dir.path(), SMALL).unwrap();
        let base = Source {
            file: "base.json5".to_owned(),
            bytes: b"{ b: 1 }".to_vec(),
        };
        let in_force = LayerSet {
            layers: BTreeMap::from([(LayerName::Base, store.keep(&[base]).unwrap())]),
            locks: None,
        };
        for revision in 1..=200 {
            edit(&mut store, revision);
            store.tidy(Some(&in_force));
            assert!(store.records.len_bytes() <= SMALL.compact_above + 512);
        }
        assert!(blobs(dir.path()) < 20, "{}", blobs(dir.path()));
        assert!(store.layers(&in_force).is_ok());
        assert_eq!(store.ledger().user.revision, 200);
    }
}
