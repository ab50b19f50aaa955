//! Everything together: a source becomes an [`Image`] on this machine.

use crate::error::{Error, Result};
use crate::image::Image;
use crate::layout::Layout;
use crate::platform::Platform;
use crate::progress::{Event, Reporter};
use crate::reference::Reference;
use crate::registry::{pull, push};
use crate::settings::Settings;
use crate::source::{self, Source};
use crate::store::Store;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::str::FromStr;
use std::sync::Arc;

/// When a named image is looked for at its registry.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum PullPolicy {
    /// When it is not here.
    #[default]
    Missing,
    /// Each time.
    Always,
    /// Not at all.
    Never,
}

impl FromStr for PullPolicy {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "missing" => Ok(Self::Missing),
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            _ => Err(Error::Setting { setting: format!("pull policy {text:?}"), problem: "expected missing, always or never".to_owned() }),
        }
    }
}

/// The images that a user can get at.
#[derive(Clone)]
pub struct Images {
    store: Store,
    settings: Settings,
    reporter: Arc<dyn Reporter>,
}

impl Images {
    /// Images in `store`, from registries as `settings` has them.
    #[must_use]
    pub fn new(store: Store, settings: Settings, reporter: Arc<dyn Reporter>) -> Self {
        Self { store, settings, reporter }
    }

    /// The local store.
    #[must_use]
    pub fn store(&self) -> &Store {
        &self.store
    }

    /// The image from this source for this platform. Files of layouts are used where they are; everything else is in the store afterwards.
    ///
    /// # Errors
    /// All of [`Error`].
    pub fn get(&self, source: &Source, platform: &Platform, policy: PullPolicy) -> Result<Image> {
        match source {
            Source::Named(reference) => self.named(reference, platform, policy),
            Source::Layout { path, name } => Layout::open(path)?.image(name.as_deref(), platform),
            Source::Archive { path, name } => self.load(path, name.as_deref(), platform),
            Source::Daemon(reference) => {
                let host = std::env::var("DOCKER_HOST").ok();
                let mut archive = source::export_from_daemon(reference, host.as_deref())?;
                source::load(&self.store, &format!("docker-daemon:{reference}"), &mut archive, Some(&reference.familiar()), platform)
            }
        }
    }

    fn load(&self, path: &Path, name: Option<&str>, platform: &Platform) -> Result<Image> {
        let mut file = File::open(path).map_err(Error::io(path))?;
        source::load(&self.store, &path.display().to_string(), &mut file, name, platform)
    }

    fn named(&self, reference: &Reference, platform: &Platform, policy: PullPolicy) -> Result<Image> {
        if policy != PullPolicy::Always
            && let Some(image) = self.store.get(reference, platform)?
        {
            return Ok(image);
        }
        // What a name is mapped to on this machine needs no pulling.
        let mapped = self.settings.mapped(reference);
        if let Some(mapped) = &mapped
            && source::is_file(&mapped.target)
        {
            self.reporter.event(Event::Resolving { reference, mapped_to: Some(&mapped.target) });
            return self.mapped_to_file(reference, &mapped.target, mapped.by_own_name, platform);
        }
        if policy == PullPolicy::Never {
            return Err(Error::NotPresent(reference.to_string()));
        }
        self.pull(reference, platform)
    }

    /// A layout or archive that the settings name: asked for the image by its own name, or, when it stands for that image alone, for what it has.
    fn mapped_to_file(&self, reference: &Reference, target: &str, by_own_name: bool, platform: &Platform) -> Result<Image> {
        let with_name = |source: Source, name: Option<String>| match source {
            Source::Layout { path, .. } => Source::Layout { path, name },
            Source::Archive { path, .. } => Source::Archive { path, name },
            other => other,
        };
        let source = Source::parse(target)?;
        if matches!(&source, Source::Layout { name: Some(_), .. } | Source::Archive { name: Some(_), .. }) {
            return self.get(&source, platform, PullPolicy::Never);
        }
        match self.get(&with_name(source.clone(), Some(reference.to_string())), platform, PullPolicy::Never) {
            Err(Error::NotFound { .. }) if !by_own_name => self.get(&source, platform, PullPolicy::Never),
            other => other,
        }
    }

    /// Pulls a named image, whether it is here or not.
    ///
    /// # Errors
    /// Those of the registry and of the store.
    pub fn pull(&self, reference: &Reference, platform: &Platform) -> Result<Image> {
        let remote = match self.settings.mapped(reference) {
            Some(mapped) => mapped.target.parse().map_err(|error: crate::ReferenceError| Error::Setting {
                setting: format!("the mapping of {reference}"),
                problem: error.to_string(),
            })?,
            None => reference.clone(),
        };
        pull(reference, &remote, platform, &self.store, &self.settings, &*self.reporter)?;
        self.store.get(reference, platform)?.ok_or_else(|| Error::NotPresent(reference.to_string()))
    }

    /// Pushes a stored image under the name `target`, of an index as much as is here.
    ///
    /// # Errors
    /// Those of the registry and of the store; [`Error::NotPresent`].
    pub fn push(&self, reference: &Reference, target: &Reference) -> Result<()> {
        let root = self.store.present_root(reference)?.ok_or_else(|| Error::NotPresent(reference.to_string()))?;
        push(&Layout::at(self.store.root().to_owned()), &root, target, &self.settings, &*self.reporter)
    }

    /// Writes stored images as a tar archive of a layout, the same bytes for the same images.
    ///
    /// # Errors
    /// Those of the store and of the writer; [`Error::NotPresent`].
    pub fn export(&self, references: &[Reference], writer: &mut dyn Write) -> Result<()> {
        self.store.export(references, writer)
    }
}
