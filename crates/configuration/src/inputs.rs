//! Who wants what, in the order in which later ones win: preset, template, the project itself, its core, its libraries, what the
//! target implies, the target's own options. What is saved and what stands on the command line come after all of these.

use crate::configure::Application;
use crate::core::Core;
use pith_kconfig::Origin;
use pith_kraftfile::{Component, ComponentSource, KconfigEntry, Project, Target};

/// The name that stands for the choice of a preset.
pub(crate) const PRESET: &str = "PITH_PRESET";

/// An option that somebody wants.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// Its name, without `CONFIG_`.
    pub name: String,
    /// Its value, without quotes.
    pub value: String,
    /// Who wants it.
    pub origin: Origin,
    /// The library that it stands for, where that has no source of its own.
    pub library: Option<String>,
}

impl Wish {
    pub(crate) fn new(name: &str, value: &str, origin: Origin) -> Self {
        let name = name.strip_prefix("CONFIG_").unwrap_or(name).to_owned();
        Self { name, value: value.to_owned(), origin, library: None }
    }
}

/// The option that a library stands for: `lwip` is `LIBLWIP`, `libelf` `LIBELF`.
#[must_use]
pub fn library_option(name: &str) -> String {
    // The loader of Linux programs, which may be a template or a library.
    if matches!(name, "elfloader" | "app-elfloader") {
        return "LIBELF".to_owned();
    }
    let name = name.strip_prefix("lib-").or_else(|| name.strip_prefix("lib")).unwrap_or(name);
    let upper: String = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
    format!("LIB{upper}")
}

/// Whether a template is the loader of Linux programs.
#[must_use]
pub fn is_loader(template: &Component) -> bool {
    let is_it = |text: &str| text.contains("elfloader");
    let source = match &template.source {
        ComponentSource::Path(text) | ComponentSource::Url(text) => text.as_str(),
        ComponentSource::Default => "",
    };
    template.name.as_deref().is_some_and(is_it) || is_it(source)
}

/// What a platform and an architecture imply, as Unikraft calls it.
fn implied(target: &Target) -> Vec<&'static str> {
    let mut out = match target.platform.as_str() {
        "fc" | "kraftcloud" => vec!["PLAT_KVM", "KVM_VMM_FIRECRACKER"],
        "qemu" => vec!["PLAT_KVM", "KVM_VMM_QEMU"],
        "xen" => vec!["PLAT_XEN"],
        "linuxu" => vec!["PLAT_LINUXU"],
        "hyperlight" => vec!["PLAT_HYPERLIGHT"],
        _ => Vec::new(),
    };
    out.extend(match target.architecture.as_str() {
        "x86_64" => Some("ARCH_X86_64"),
        "arm64" => Some("ARCH_ARM_64"),
        "arm" => Some("ARCH_ARM_32"),
        _ => None,
    });
    out
}

/// What the target itself implies, for errors about it.
pub(crate) fn of_target(target: &Target) -> Vec<Wish> {
    let origin = Origin::Other(format!("target {}", target.shown()).into());
    implied(target).into_iter().map(|name| Wish::new(name, "y", origin.clone())).collect()
}

/// Everything that the project and the target want. `file` is the project's file, for messages.
pub(crate) fn gather(core: &Core, project: &Project, application: Application, target: &Target, file: &str) -> Vec<Wish> {
    let mut out = Vec::new();
    let at = |line: usize| Origin::File(file.into(), line);
    let add = |out: &mut Vec<Wish>, entries: &[KconfigEntry]| {
        out.extend(entries.iter().map(|entry| Wish::new(&entry.name, &entry.value, at(entry.line))));
    };
    if let Some(preset) = &project.preset {
        out.push(Wish::new(PRESET, &preset.name, at(preset.line)));
    }
    let wish = |name, value| Wish::new(name, value, Origin::Other("the project's own sources".into()));
    match application {
        Application::InFiles => {}
        // Nothing else is started unless somebody asks for it.
        Application::InImage => out.extend([wish("EMBEDDED_APP", "y"), wish("LIBELF", "n")]),
        Application::InKernel => out.extend([wish("LIBAPP", "y"), wish("EMBEDDED_APP", "n"), wish("LIBELF", "n")]),
    }
    if let Some(template) = &project.template {
        if is_loader(template) {
            out.push(Wish::new("LIBELF", "y", at(template.line)));
        }
        add(&mut out, &template.kconfig);
    }
    add(&mut out, &project.kconfig);
    if let Some(core) = &project.unikraft {
        add(&mut out, &core.kconfig);
    }
    for library in &project.libraries {
        let option = library.name.as_deref().map(library_option).unwrap_or_default();
        // A library of the project's own need not have options.
        let is_own = matches!(library.source, ComponentSource::Path(_));
        if let (Some(name), true) = (&library.name, !is_own || core.kconfig.find(&option).is_some()) {
            let known = Some(name.clone()).filter(|_| library.source == ComponentSource::Default);
            out.push(Wish { library: known, ..Wish::new(&library_option(name), "y", at(library.line)) });
        }
        add(&mut out, &library.kconfig);
    }
    out.extend(of_target(target));
    add(&mut out, &target.kconfig);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn libraries_stand_for_options() {
        for (library, option) in [
            ("lwip", "LIBLWIP"),
            ("libelf", "LIBELF"),
            ("lib-musl", "LIBMUSL"),
            ("compiler-rt", "LIBCOMPILER_RT"),
            ("python3", "LIBPYTHON3"),
            ("app-elfloader", "LIBELF"),
        ] {
            assert_eq!(library_option(library), option);
        }
    }
}
