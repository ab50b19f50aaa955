//! A project over its template.

use super::{Component, ComponentSource, KconfigEntry, Project};

/// Options of both, the project's after the template's: later ones win.
fn options(template: Vec<KconfigEntry>, own: Vec<KconfigEntry>) -> Vec<KconfigEntry> {
    let mut out: Vec<KconfigEntry> = template;
    out.retain(|entry| !own.iter().any(|other| other.name == entry.name));
    out.extend(own);
    out
}

/// A component of both: source and version are the project's where it says them.
fn component(template: Option<Component>, own: Option<Component>) -> Option<Component> {
    match (template, own) {
        (Some(template), Some(own)) => {
            let is_named = own.source != ComponentSource::Default;
            let source = if is_named { own.source } else { template.source };
            let version = own.version.or(if is_named { None } else { template.version });
            Some(Component {
                name: own.name.or(template.name),
                source,
                version,
                kconfig: options(template.kconfig, own.kconfig),
                is_word: false,
                line: own.line,
            })
        }
        (template, own) => own.or(template),
    }
}

impl Project {
    /// Lays this project over the one that its `template:` names. What the project says for name, targets, command, runtime, root file
    /// system, ROMs and volumes stands instead of the template's; environment, labels, options and libraries are added to it, by name.
    /// A template's own template is not followed.
    #[must_use]
    pub fn over(self, template: Self) -> Self {
        let own = self;
        let or = |own: Vec<String>, template: Vec<String>| if own.is_empty() { template } else { own };
        let mut libraries = template.libraries;
        for library in own.libraries {
            match libraries.iter().position(|other| other.name == library.name) {
                Some(at) => {
                    let merged = component(Some(libraries.remove(at)), Some(library));
                    libraries.splice(at..at, merged);
                }
                None => libraries.push(library),
            }
        }
        let mut env = template.env;
        env.retain(|entry| !own.env.iter().any(|other| other.name == entry.name));
        env.extend(own.env);
        let mut labels = template.labels;
        labels.retain(|(name, _)| !own.labels.iter().any(|(other, _)| other == name));
        labels.extend(own.labels);
        let has_cmd = !own.cmd.is_empty();
        Self {
            spec: own.spec,
            name: own.name.or(template.name),
            runtime: own.runtime.or(template.runtime),
            preset: own.preset.or(template.preset),
            kconfig: options(template.kconfig, own.kconfig),
            unikraft: component(template.unikraft, own.unikraft),
            template: own.template,
            libraries,
            targets: if own.targets.is_empty() { template.targets } else { own.targets },
            outdir: own.outdir.or(template.outdir),
            rootfs: own.rootfs.or(template.rootfs),
            // Both come from `cmd`.
            kernel_args: if has_cmd { own.kernel_args } else { or(own.kernel_args, template.kernel_args) },
            cmd: or(own.cmd, template.cmd),
            env,
            labels,
            volumes: if own.volumes.is_empty() { template.volumes } else { own.volumes },
            roms: if own.roms.is_empty() { template.roms } else { own.roms },
            warnings: own.warnings,
        }
    }

    /// The project's name, or the one that its directory gives it.
    #[must_use]
    pub fn name_in(&self, directory: &std::path::Path) -> String {
        let absolute = std::path::absolute(directory).unwrap_or_else(|_| directory.to_owned());
        let base = absolute.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        self.name.clone().filter(|name| !name.is_empty()).unwrap_or_else(|| super::reader::clean_name(&base))
    }
}
