//! What an image says about how its program is run, below what the user and the project say.

use super::source::{Files, Origin, Source};
use crate::build::Build;
use crate::cli::CreateArgs;
use crate::error::{Error, Result};
use crate::report::Report;
use pith_image::spec::RunConfig;

/// Builds or fetches the image that a source names, and completes the source by what the image says.
///
/// # Errors
/// It cannot be built or had; nobody says what to run.
pub fn complete(mut source: Source, build: &Build<'_>, arguments: &CreateArgs) -> Result<Source<Files>> {
    let (image, format) = match std::mem::replace(&mut source.files, Origin::Here(Files::None)) {
        Origin::Here(files) => return Ok(source.with_files(files)),
        Origin::Dockerfile { path, format } => (build.dockerfile(&path)?, format),
        Origin::Named { source, format } => (build.image(&source)?, format),
    };
    apply(&mut source, &image.config.config, arguments, build.report)?;
    Ok(source.with_files(Files::Image { image: Box::new(image), format }))
}

fn apply(source: &mut Source, config: &RunConfig, arguments: &CreateArgs, report: &Report) -> Result<()> {
    source.argv = command(std::mem::take(&mut source.argv), std::mem::take(&mut source.words), config, arguments.entrypoint.as_ref());
    if source.argv.is_empty() {
        let error = Error::new(format!("{}: the image has no ENTRYPOINT and no CMD: there is nothing to run", source.shown));
        return Err(error.with_help("add CMD [\"/program\"] to the Dockerfile, or name a program behind --"));
    }
    if let [shell, flag, _, ..] = source.argv.as_slice()
        && shell.ends_with("/sh")
        && flag == "-c"
    {
        report.debug("the command is in shell form: the image needs that shell, which can become one program but not start several");
    }
    let mut environment: Vec<(String, Option<String>)> = Vec::new();
    for text in &config.env {
        let (name, value) = text.split_once('=').unwrap_or((text, ""));
        environment.push((name.to_owned(), Some(value.to_owned())));
    }
    environment.append(&mut source.environment);
    source.environment = environment;
    source.workdir = source.workdir.take().or_else(|| Some(config.working_dir.clone()).filter(|directory| !directory.is_empty()));
    source.stop_signal.clone_from(&config.stop_signal);
    source.user = Some(config.user.clone()).filter(|user| !user.is_empty());
    let exposed: Vec<&str> = config.exposed_ports.iter().map(String::as_str).collect();
    if !exposed.is_empty() && arguments.port.is_empty() {
        let port = exposed.first().and_then(|text| text.split('/').next()).unwrap_or_default();
        report.info(&format!("the image exposes {}; -p {port}:{port} publishes it", exposed.join(", ")));
    }
    Ok(())
}

/// The application's words: the project's `cmd` as it stands; else `ENTRYPOINT` and the user's words, or `CMD` when there are none, as in `docker run`.
fn command(project: Vec<String>, words: Vec<String>, config: &RunConfig, entrypoint: Option<&String>) -> Vec<String> {
    if let Some(entrypoint) = entrypoint {
        return std::iter::once(entrypoint.clone()).chain(words).collect();
    }
    if words.is_empty() && !project.is_empty() {
        return project;
    }
    let mut argv = config.entrypoint.clone().unwrap_or_default();
    argv.extend(if words.is_empty() { config.cmd.clone().unwrap_or_default() } else { words });
    argv
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_put_together_as_docker_does() {
        let words = |text: &str| text.split_whitespace().map(ToOwned::to_owned).collect::<Vec<_>>();
        let config = |entrypoint: &str, cmd: &str| RunConfig {
            entrypoint: Some(words(entrypoint)).filter(|words| !words.is_empty()),
            cmd: Some(words(cmd)).filter(|words| !words.is_empty()),
            ..RunConfig::default()
        };
        let put = |project: &str, given: &str, entrypoint: &str, cmd: &str| {
            command(words(project), words(given), &config(entrypoint, cmd), None).join(" ")
        };
        assert_eq!(put("", "", "/e", "c"), "/e c");
        assert_eq!(put("", "a b", "/e", "c"), "/e a b");
        assert_eq!(put("", "/a b", "", "/c"), "/a b");
        assert_eq!(put("/p q", "", "/e", "c"), "/p q");
        assert_eq!(put("/p q", "/a", "", "/c"), "/a");
        assert_eq!(put("", "", "", ""), "");
        assert_eq!(command(words("/p"), words("a"), &config("/e", "c"), Some(&"/x".to_owned())), ["/x", "a"]);
    }
}
