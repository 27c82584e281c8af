//! `status`: the pod on one screen, the verdict first.

mod channels;
mod pod;
mod resources;
mod verdict;

use agent_api::{
    HealthResponse, PATH_HEALTH, PATH_SANDBOXES, PATH_STATUS, SandboxesResponse, StatusResponse,
};
use clap::ArgMatches;
use jiff::Timestamp;
use serde::Serialize;

use super::agent::Agent;
use super::answer::Answer;
use super::error::Error;
use super::page::Page;
use super::paint::Paint;
use super::screen::{self, Screen};
use super::way;

/// Everything that is shown, and the JSON of it.
#[derive(Debug, Serialize)]
struct Picture {
    status: StatusResponse,
    /// Null where the agent is older than its verdict.
    health: Option<HealthResponse>,
    /// Null where the agent is older than its sandboxes.
    sandboxes: Option<SandboxesResponse>,
}

/// What a picture is drawn with.
#[derive(Clone, Copy)]
struct Pen {
    now: Timestamp,
    paint: Paint,
    screen: Screen,
}

/// Shows the pod, once or until somebody ends it.
pub(super) fn status(matches: &ArgMatches, paint: Paint) -> Result<Answer, Error> {
    let agent = way::agent(matches)?;
    let look = || look(&agent);
    let text = |picture: &Picture| {
        let pen = Pen {
            now: Timestamp::now(),
            paint,
            screen: Screen::of_stdout(),
        };
        text(picture, pen)
    };
    if matches.get_flag("watch") {
        return screen::watch(matches.get_flag("json"), look, text);
    }
    let picture = look()?;
    let broken = verdict::is_broken(&picture.status, picture.health.as_ref());
    Ok(Answer::new(text(&picture), &picture).refused_if(broken))
}

fn look(agent: &Agent) -> Result<Picture, Error> {
    Ok(Picture {
        status: agent.get(PATH_STATUS)?,
        health: agent.get_if_known(PATH_HEALTH)?,
        sandboxes: agent.get_if_known(PATH_SANDBOXES)?,
    })
}

fn text(picture: &Picture, pen: Pen) -> String {
    let mut page = Page::new(pen.screen.width());
    let health = picture.health.as_ref();
    verdict::head(&mut page, &picture.status, health, pen);
    page.gap();
    pod::rows(&mut page, &picture.status, pen);
    if let Some(sandboxes) = &picture.sandboxes {
        pod::sandboxes(&mut page, sandboxes, pen);
    }
    if let Some(health) = health {
        verdict::causes(&mut page, &health.causes, pen);
        channels::rows(&mut page, &health.channels, pen);
        resources::rows(&mut page, &health.resources, pen);
        verdict::cures(&mut page, &health.cures, pen);
        if let Some(death) = &health.last_death {
            verdict::death(&mut page, death, pen);
        }
    }
    page.finish()
}

#[cfg(test)]
mod tests;
