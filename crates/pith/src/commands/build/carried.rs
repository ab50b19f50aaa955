//! What a kernel carries besides itself: the root file system, the application's command and its environment.

use super::choice::Chosen;
use super::rootfs::Built;
use super::{Job, read};
use crate::error::{Error, Result};
use pith_abi::cmdline::CmdlineBuilder;
use pith_native::{Attachment, LaidOut, attach};

/// The kernel with what it is to carry; that stands aside for what is given at boot.
///
/// # Errors
/// A root file system that is too large; strings that no command line can carry.
pub fn add(job: &Job<'_>, kernel: Vec<u8>, chosen: &Chosen, rootfs: Option<&Built>, program: Option<&LaidOut>) -> Result<Vec<u8>> {
    let project = &job.opened.project;
    let initrd = rootfs.filter(|_| chosen.embeds_rootfs).map(|built| read(&built.path)).transpose()?;
    let mut line = CmdlineBuilder::new();
    let mut environment: Vec<(String, String)> = Vec::new();
    let mut add = |name: &str, value: &str| {
        environment.retain(|(known, _)| known != name);
        environment.push((name.to_owned(), value.to_owned()));
    };
    if initrd.is_some() || chosen.carries_program() {
        let config = rootfs.map(|built| &built.config);
        for text in config.into_iter().flat_map(|config| &config.env) {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            add(name, value);
        }
        for entry in &project.env {
            let host = || std::env::var(&entry.name).ok();
            if let Some(value) = entry.value.clone().or_else(host) {
                add(&entry.name, &value);
            }
        }
        if let Some(directory) = config.map(|config| config.working_dir.as_str()).filter(|directory| !directory.is_empty()) {
            line.workdir(directory);
        }
        for parameter in &project.kernel_args {
            line.raw_parameter(parameter).map_err(|error| Error::new(format!("{}: cmd: {error}", job.opened.file)))?;
        }
        let of_image = || config.into_iter().flat_map(|config| config.entrypoint.iter().chain(&config.cmd).flatten()).cloned().collect();
        let words: Vec<String> = if project.cmd.is_empty() { of_image() } else { project.cmd.clone() };
        for word in &words {
            line.arg(word);
        }
    }
    chosen.environment.iter().for_each(|(name, value)| add(name, value));
    for (name, value) in &environment {
        line.env(name, value);
    }
    let command_line = line.build().map_err(|error| Error::new(format!("{}: {error}", job.opened.file)))?;
    if initrd.is_none() && program.is_none() && command_line.is_empty() {
        return Ok(kernel);
    }
    let attachment = Attachment { initrd: initrd.as_deref(), command_line: &command_line, program };
    attach(&kernel, &attachment).map_err(|error| Error::new(error.to_string()))
}
