//! The bodies of an exec's creation and start.

use serde::{Deserialize, Serialize};

use crate::{
    binds::is_working_dir,
    ceilings::Limits,
    refusal::Refusal,
    unused::{self, Unused},
};

/// What is run, and as whom.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct CreateExec {
    user: String,
    #[serde(skip_serializing)]
    privileged: Unused,
    tty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    console_size: Option<[u32; 2]>,
    attach_stdin: bool,
    attach_stderr: bool,
    attach_stdout: bool,
    detach: bool,
    detach_keys: String,
    env: Option<Vec<String>>,
    working_dir: String,
    cmd: Vec<String>,
}

/// How it is started.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields, default)]
pub(crate) struct StartExec {
    pub(crate) detach: bool,
    tty: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    console_size: Option<[u32; 2]>,
}

impl CreateExec {
    pub(crate) fn check(&mut self, limits: &Limits) -> Result<(), Refusal> {
        unused::refuse(&[("Privileged", &self.privileged)])?;
        self.user = limits.user(&self.user)?;
        let directory = self.working_dir.as_str();
        if !is_working_dir(directory) {
            return Err(Refusal::forbidden(format!(
                "`{directory}` is no plain path of a working directory"
            )));
        }
        Ok(())
    }
}
