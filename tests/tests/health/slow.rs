//! Stories that mostly wait: for a minute that a cause has to last, for the answer whether a cure helped. Told all at once.

use std::panic::catch_unwind;
use std::time::Instant;

use crate::{channels, cures, frozen};

const STORIES: [(&str, fn()); 6] = [
    ("a bot of a real gateway dies and is cured", channels::story),
    ("an agent that observes does nothing", cures::observed),
    (
        "a cure waits for a user's run, and does not help",
        cures::waits_for_a_run_and_does_not_help,
    ),
    ("a cure that makes things worse stops itself", cures::worse),
    (
        "a frozen gateway is ended by its parent",
        frozen::ended_by_its_parent,
    ),
    (
        "beside a frozen gateway that is left to the kubelet",
        frozen::left_to_the_kubelet,
    ),
];

/// `PILOTFISH_STEP=word` plays only the stories whose title has the word.
#[test]
fn what_takes_minutes() {
    let only = std::env::var("PILOTFISH_STEP").unwrap_or_default();
    let stories = STORIES.iter().filter(|(title, _)| title.contains(&only));
    let told: Vec<_> = std::thread::scope(|scope| {
        let begun: Vec<_> = stories
            .map(|(title, story)| {
                let tell = move || {
                    let began = Instant::now();
                    let seen = catch_unwind(story);
                    eprintln!("{:6.1} s  {title}", began.elapsed().as_secs_f64());
                    seen.is_ok()
                };
                (*title, scope.spawn(tell))
            })
            .collect();
        let ended = begun
            .into_iter()
            .map(|(title, story)| (title, story.join()));
        ended.collect()
    });
    let failed: Vec<_> = told
        .iter()
        .filter(|(_, seen)| !matches!(seen, Ok(true)))
        .map(|(title, _)| title)
        .collect();
    assert!(failed.is_empty(), "not seen: {failed:#?}");
}
