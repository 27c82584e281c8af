//! The merge: layers in their order, bound by the rules.

use std::fmt;

use serde_json::Value;

use crate::breach::{Breach, Watch};
use crate::culprit;
use crate::layer::{Body, File, Layer};
use crate::layer_name::LayerName;
use crate::path::KeyPath;
use crate::problem::{Problem, ProblemKind, START};
use crate::provenance::Provenance;
use crate::record;
use crate::rules::Rules;
use crate::tree::{Mark, Node, Step};

/// A merged document. Debug shows no content.
#[derive(Clone)]
pub struct Merged {
    /// The document.
    pub document: Value,
    /// Who set every key of it.
    pub provenance: Provenance,
    /// What was left out of the bound layers, and why.
    pub left_out: Vec<Problem>,
}

impl fmt::Debug for Merged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Merged")
            .field("provenance", &self.provenance)
            .field("left_out", &self.left_out)
            .finish_non_exhaustive()
    }
}

/// Merges the layers in the order of their names. Anything that breaks a rule refuses the whole.
///
/// # Errors
/// Everything that breaks a lock or a bound, and every RFC 6902 file that cannot be applied.
pub fn merge(layers: &[Layer], rules: &Rules) -> Result<Merged, Vec<Problem>> {
    let fold = Fold::run(layers, rules, &[]);
    if fold.failed.is_empty() && fold.left_out.is_empty() {
        return Ok(fold.finish());
    }
    let mut problems = fold.failed;
    problems.extend(fold.left_out);
    Err(problems)
}

/// Merges the layers, and leaves out what of `user` and `runtime` breaks a rule. A patch file of
/// theirs that breaks one is left out whole. A policy that cannot be applied on top of a bound layer
/// goes before that layer: the layer is left out.
///
/// # Errors
/// What is wrong with the operator's own layers.
pub fn merge_lenient(layers: &[Layer], rules: &Rules) -> Result<Merged, Vec<Problem>> {
    let fold = Fold::run(layers, rules, &[]);
    if fold.failed.is_empty() {
        return Ok(fold.finish());
    }
    for without in [
        &[LayerName::Runtime][..],
        &[LayerName::User],
        &[LayerName::User, LayerName::Runtime],
    ] {
        let mut second = Fold::run(layers, rules, without);
        if second.failed.is_empty() {
            second
                .left_out
                .extend(in_the_way(layers, without, &fold.failed));
            return Ok(second.finish());
        }
    }
    Err(fold.failed)
}

/// Says which layers were left out because the policy cannot be applied on top of them.
fn in_the_way(layers: &[Layer], without: &[LayerName], failed: &[Problem]) -> Vec<Problem> {
    let why = failed.first().map_or_else(String::new, ToString::to_string);
    let message = format!(
        "left out whole, since the operator's layers cannot be applied on top of it: {why}"
    );
    let cure = "take out what the operator's patch needs otherwise";
    let gone = layers
        .iter()
        .filter(|layer| without.contains(&layer.name()) && !layer.is_empty());
    let files = gone.flat_map(|layer| layer.files().iter().map(move |file| (layer.name(), file)));
    let tell = |(name, file): (LayerName, &File)| {
        Problem::new(ProblemKind::Patch, message.clone(), cure)
            .within(Some(name), &file.name)
            .at(START)
    };
    files.map(tell).collect()
}

/// A merge under way.
struct Fold<'a> {
    root: Node<'a>,
    rules: &'a Rules,
    files: Vec<(LayerName, String)>,
    /// The number of the locks file among the files.
    locks_file: u32,
    failed: Vec<Problem>,
    left_out: Vec<Problem>,
}

impl<'a> Fold<'a> {
    fn run(layers: &'a [Layer], rules: &'a Rules, without: &[LayerName]) -> Self {
        let mut fold = Fold {
            root: Node::empty(),
            rules,
            files: vec![(LayerName::Policy, rules.file().to_owned())],
            locks_file: 0,
            failed: Vec::new(),
            left_out: Vec::new(),
        };
        let mut ordered: Vec<&Layer> = layers
            .iter()
            .filter(|layer| !without.contains(&layer.name()))
            .collect();
        ordered.sort_by_key(|layer| layer.name());
        let bound = ordered.partition_point(|layer| layer.name() < LayerName::User);
        let (operator, rest) = ordered.split_at(bound);
        operator.iter().for_each(|layer| fold.lay(layer, None));
        fold.set_required();
        let watch = Watch::new(rules, &fold.root);
        rest.iter().for_each(|layer| fold.lay(layer, Some(&watch)));
        fold.set_required();
        fold.check_required();
        fold
    }

    fn finish(self) -> Merged {
        let (document, provenance) = record::write(&self.root, self.files);
        Merged {
            document,
            provenance,
            left_out: self.left_out,
        }
    }

    fn lay(&mut self, layer: &'a Layer, watch: Option<&Watch<'_>>) {
        let watch = watch.filter(|_| layer.name().is_bound() && !self.rules.is_empty());
        for file in layer.files() {
            let number = u32::try_from(self.files.len()).unwrap_or(u32::MAX);
            self.files.push((layer.name(), file.name.clone()));
            if number == 1 {
                self.root.mark = Mark {
                    file: number,
                    ..Mark::default()
                };
            }
            match &file.body {
                Body::Merge(patch) => self.lay_patch(layer.name(), file, patch, number, watch),
                Body::Patch(_) => self.lay_operations(layer.name(), file, number, watch),
            }
        }
    }

    fn lay_patch(
        &mut self,
        name: LayerName,
        file: &'a File,
        patch: &'a Value,
        number: u32,
        watch: Option<&Watch<'_>>,
    ) {
        let breaches = watch.map_or_else(Vec::new, |watch| {
            watch.merge_breaches(patch, &file.positions, &self.root)
        });
        let mut skip: Vec<usize> = breaches.iter().map(|breach| breach.at).collect();
        skip.sort_unstable();
        skip.dedup();
        self.leave_out(name, file, breaches);
        let step = Step {
            file: number,
            positions: &file.positions,
            skip: &skip,
        };
        if let (Value::Object(map), false) = (patch, skip.first() == Some(&0)) {
            self.root.lay(map, 0, &step);
        }
    }

    /// Applies a file of operations whole or not at all.
    fn lay_operations(
        &mut self,
        name: LayerName,
        file: &'a File,
        number: u32,
        watch: Option<&Watch<'_>>,
    ) {
        let before = self.root.clone();
        let step = Step {
            file: number,
            positions: &file.positions,
            skip: &[],
        };
        match self.apply(file, &step, watch) {
            Ok(mut breaches) => {
                if let (Some(watch), true) = (watch, breaches.is_empty()) {
                    breaches = watch.document_breaches(file, &before, &self.root);
                }
                let planted = culprit::planted(file, &before, &self.root);
                if !breaches.is_empty() || !planted.is_empty() {
                    self.root = before;
                    self.leave_out(name, file, breaches);
                    self.refuse(name, file, planted);
                }
            }
            Err(problem) => {
                self.root = before;
                self.refuse(name, file, vec![problem]);
            }
        }
    }

    /// A file that cannot be applied: a bound layer goes without it, others make no document.
    fn refuse(&mut self, name: LayerName, file: &File, problems: Vec<Problem>) {
        let place = |problem: Problem| problem.within(Some(name), &file.name);
        let problems = problems.into_iter().map(place);
        if name.is_bound() {
            self.left_out.extend(problems);
        } else {
            self.failed.extend(problems);
        }
    }

    fn apply(
        &mut self,
        file: &'a File,
        step: &Step<'_>,
        watch: Option<&Watch<'_>>,
    ) -> Result<Vec<Breach>, Problem> {
        let mut breaches = Vec::new();
        let mut copied = 0;
        let Body::Patch(operations) = &file.body else {
            return Ok(breaches);
        };
        for operation in operations {
            if let Some(watch) = watch {
                breaches.extend(watch.operation_breaches(operation, &file.positions, &self.root));
            }
            self.root
                .apply(operation, step, &mut copied)
                .map_err(|why| {
                    let cure = "make the operations fit what the layers below say";
                    let place = file.positions.at(operation.at).place();
                    Problem::new(ProblemKind::Patch, why, cure)
                        .at(place)
                        .on(&operation.path)
                })?;
        }
        Ok(breaches)
    }

    fn leave_out(&mut self, name: LayerName, file: &File, breaches: Vec<Breach>) {
        let place = |breach: Breach| breach.problem.within(Some(name), &file.name);
        self.left_out.extend(breaches.into_iter().map(place));
    }

    /// Sets what a lock requires where nothing is said: the locks file is the origin then.
    fn set_required(&mut self) {
        for (rule, _, value) in self.rules.required() {
            let mark = Mark {
                file: self.locks_file,
                line: rule.spot.line,
                column: rule.spot.column,
            };
            self.root.require(rule.pattern.segments(), value, mark);
        }
    }

    fn check_required(&mut self) {
        for (rule, path, value) in self.rules.required() {
            let found = self.root.find(path.segments());
            if found.is_some_and(|node| node.equals(value)) {
                continue;
            }
            let message = format!("must be {value}, as {} requires", self.rules.place(rule));
            let cure = "set this value in the operator's layers, or change the lock";
            let problem = Problem::new(ProblemKind::Locked, message, cure).on(&path);
            self.failed.push(self.blame(&path, found, problem));
        }
    }

    /// Places a problem where the key that it is about was set.
    fn blame(&self, path: &KeyPath, found: Option<&Node<'_>>, problem: Problem) -> Problem {
        let above = (0..path.segments().len()).rev();
        let node = found.or_else(|| {
            above
                .into_iter()
                .find_map(|end| self.root.find(&path.segments()[..end]))
        });
        let mark = node.map_or_else(Mark::default, |node| node.mark);
        match self.files.get(mark.file as usize) {
            Some((layer, file)) => problem
                .within(Some(*layer), file)
                .at((mark.line, mark.column)),
            None => problem.within(None, self.rules.file()),
        }
    }
}
