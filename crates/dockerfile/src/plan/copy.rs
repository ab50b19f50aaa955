//! `COPY` and `ADD` with their variables filled in.

use super::scope::Scope;
use super::stage::Planner;
use super::{CopyFrom, CopyStep, Mode, Origin};
use crate::lang::ast::{Copy, CopySource, Word};
use crate::lang::shell::Lexer;
use crate::tree::path;
use pith_diagnostic::Problem;
use pith_image::Digest;

/// Whether an `ADD` source is a git repository.
fn is_git(text: &str) -> bool {
    let address = text.split('#').next().unwrap_or_default();
    let web = address.starts_with("http://") || address.starts_with("https://");
    address.starts_with("git://") || address.starts_with("git@") || address.starts_with("ssh://") || (web && address.ends_with(".git"))
}

impl Planner<'_> {
    fn mode(&self, word: &Word, text: &str) -> Result<Mode, Problem> {
        let octal = u32::from_str_radix(text, 8).ok().filter(|bits| *bits <= 0o7777);
        octal.map(Mode).ok_or_else(|| {
            let problem = self.source.problem(word.place, format!("the permissions are {text:?}"), "here");
            problem.with_help("expected an octal number up to 7777, such as 755 or 0644")
        })
    }

    fn check_source(&self, copy: &Copy, word: &Word, text: &str) -> Result<(), Problem> {
        let problem = |message: &str| self.source.problem(word.place, message, "here");
        if copy.keep_git_dir || is_git(text) && self.is_add {
            return Err(
                problem("git repositories cannot be added").with_help("clone it before the build, or in a stage with RUN git clone")
            );
        }
        let url = text.starts_with("http://") || text.starts_with("https://");
        if url && !self.is_add {
            return Err(problem("COPY does not fetch from servers").with_help("use ADD, with --checksum=sha256:..."));
        }
        if url && copy.parents {
            return Err(problem("--parents has no meaning for a file from a server"));
        }
        if text.is_empty() {
            return Err(problem("an empty path").with_help("a variable in it may have no value; '.' is the whole context"));
        }
        if copy.checksum.is_some() && !url {
            return Err(problem("--checksum is for files from servers").with_help("remove it"));
        }
        Ok(())
    }

    /// Plans a `COPY` or `ADD`.
    pub(super) fn copy(&mut self, copy: &Copy, scope: &Scope, cwd: &str) -> Result<CopyStep, Problem> {
        let mut sources = Vec::new();
        for source in &copy.sources {
            sources.push(match source {
                CopySource::Path(word) => {
                    let text = self.expand(word, scope)?;
                    self.check_source(copy, word, &text)?;
                    if text.starts_with("http://") || text.starts_with("https://") {
                        CopyFrom::Url(text, word.place)
                    } else {
                        CopyFrom::Path(text, word.place)
                    }
                }
                CopySource::Heredoc(heredoc) => {
                    let mut text = heredoc.text();
                    if heredoc.expand {
                        let lookup = |name: &str| scope.lookup(name);
                        let expanded = Lexer::new(self.escape, &lookup).literal_quotes().word(&text);
                        text = expanded.map_err(|error| self.source.problem(heredoc.place, error.message, "in here"))?.text;
                    }
                    CopyFrom::Text { name: heredoc.name.clone(), text }
                }
            });
        }
        let destination = self.expand(&copy.destination, scope)?;
        if destination.is_empty() {
            return Err(self
                .source
                .problem(copy.destination.place, "an empty destination", "here")
                .with_help("a variable in it may have no value"));
        }
        let into_directory = path::is_directory_form(&destination);
        let literal = copy.sources.len() > 1;
        if literal && !into_directory {
            let problem = self.source.problem(copy.destination.place, "several sources, but the destination is no directory", "here");
            return Err(problem.with_help(format!("write {destination}/")));
        }
        let chmod = match &copy.chmod {
            Some(word) => {
                let text = self.expand(word, scope)?;
                Some(self.mode(word, &text)?)
            }
            None => None,
        };
        let checksum = match &copy.checksum {
            Some(word) => {
                let text = self.expand(word, scope)?;
                let parsed: Result<Digest, _> = text.parse();
                Some(parsed.map_err(|error| self.source.problem(word.place, error.to_string(), "here"))?)
            }
            None => None,
        };
        let chown = copy.chown.as_ref().map(|word| self.expand(word, scope)).transpose()?;
        let exclude = copy.exclude.iter().map(|word| self.expand(word, scope)).collect::<Result<_, _>>()?;
        let origin = copy.from.as_ref().map_or(Ok(Origin::Context), |word| self.origin(word))?;
        Ok(CopyStep {
            sources,
            destination: path::absolute(cwd, &destination),
            into_directory,
            origin,
            chown,
            chmod,
            link: copy.link,
            parents: copy.parents,
            exclude,
            unpack_local: self.is_add && copy.unpack.unwrap_or(true),
            unpack_remote: self.is_add && copy.unpack.unwrap_or(false),
            checksum,
        })
    }
}
