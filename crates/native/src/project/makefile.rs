//! What a `Makefile.uk` lists: read by make itself, with definitions of what Unikraft's build system gives such files.

use super::error::NativeError;
use super::tools;
use pith_sources::{Algorithm, Archive, Checksum, Origin, Patches, TREE};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const DEFINITIONS: &str = include_str!("native.mk");

/// One library of a project; an application is one too.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Library {
    /// Its name as given to `addlib`.
    pub name: String,
    /// Its variables' prefix.
    prefix: String,
}

/// What the file came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Makefile {
    /// Its libraries, in order.
    pub libraries: Vec<Library>,
    variables: BTreeMap<String, String>,
    /// What its libraries' sources are unpacked from, with the libraries' names.
    pub origins: Vec<(String, Origin)>,
    /// Whether something is to be done before anything is compiled.
    pub wants_preparing: bool,
}

/// A kind of source, and so its compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Language {
    /// `.c`
    C,
    /// `.cc`, `.cpp`, `.cxx`, `.C`
    Cxx,
    /// `.s`, and `.S` for the preprocessor.
    Assembly,
}

impl Language {
    /// By a file's name.
    #[must_use]
    pub fn of(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()? {
            "c" => Some(Self::C),
            "cc" | "cpp" | "cxx" | "c++" | "C" => Some(Self::Cxx),
            "s" | "S" => Some(Self::Assembly),
            _ => None,
        }
    }

    /// What variables with flags and include paths are called, after the library's name.
    fn words(self) -> (&'static str, &'static str) {
        match self {
            Self::C => ("CFLAGS", "CINCLUDES"),
            Self::Cxx => ("CXXFLAGS", "CXXINCLUDES"),
            Self::Assembly => ("ASFLAGS", "ASINCLUDES"),
        }
    }
}

/// One file to compile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// In what it is written.
    pub language: Language,
    /// Its library's name.
    pub library: String,
    /// The variant's name, for a file that is compiled more than once (`file.c|variant`).
    pub variant: Option<String>,
    /// Flags that the project gives for it.
    pub flags: Vec<String>,
}

fn upper(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// `NAME DIGEST... ADDRESS...`
fn fetched(text: &str) -> Option<Archive> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?.to_owned();
    let (mut addresses, mut checksums) = (Vec::new(), Vec::new());
    for word in words {
        let digest = word.split_once('=').and_then(|(kind, digest)| Some((Algorithm::named(kind)?, digest)));
        match digest {
            Some((algorithm, digest)) => checksums.push(Checksum { algorithm, expected: digest.to_ascii_lowercase() }),
            None => addresses.push(word.to_owned()),
        }
    }
    Some(Archive::Fetched { name, addresses, checksums })
}

/// A project's Makefile.uk, and what it is read with.
pub struct Reading<'a> {
    /// The project's directory.
    pub project: &'a Path,
    /// Directories of its libraries, which are read before it.
    pub libraries: &'a [PathBuf],
    /// Its options (a `.config`).
    pub config: Option<&'a Path>,
    /// Where what is made goes.
    pub build: &'a Path,
}

impl Reading<'_> {
    /// Has make read the files.
    ///
    /// # Errors
    /// No make; a directory that make cannot name; whatever make says of the files.
    pub fn read(&self) -> Result<Makefile, NativeError> {
        Ok(Makefile::parse(&self.make("pith-said")?, self.project, self.build))
    }

    /// Carries out what the files want done before anything is compiled (`UK_PREPARE`), by their own rules.
    ///
    /// # Errors
    /// Whatever make says.
    pub fn prepare(&self) -> Result<(), NativeError> {
        self.make("pith-prepared").map(drop)
    }

    fn make(&self, goal: &str) -> Result<String, NativeError> {
        let has_blank = |path: &&PathBuf| path.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_whitespace);
        if let Some(path) = self.libraries.iter().find(has_blank) {
            return Err(NativeError::Blank { path: path.clone() });
        }
        let places: Vec<String> = self.libraries.iter().map(|path| path.display().to_string()).collect();
        let make = tools::find("make", "make", "reads Makefile.uk")?;
        let mut command = Command::new(make);
        command.args(["-s", "-r", "-R", "-f", "-", goal]).current_dir(self.project);
        command.arg(format!("APP_DIR={}", self.project.display())).arg(format!("BUILD_DIR={}", self.build.display()));
        command.arg(format!("LIB_DIRS={}", places.join(" ")));
        if let Some(config) = self.config {
            command.arg(format!("CONFIG_FILE={}", config.display()));
        }
        // Under another make, its flags are not for this one.
        for name in ["MAKEFLAGS", "MFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "GNUMAKEFLAGS"] {
            command.env_remove(name);
        }
        let failed = |error| NativeError::Run { program: "make".into(), error };
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().map_err(failed)?;
        if let Some(mut input) = child.stdin.take() {
            // One that ends early has said why.
            let _ = input.write_all(DEFINITIONS.as_bytes());
        }
        let output = child.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim_end().to_owned();
            return Err(NativeError::Makefile { path: self.project.join("Makefile.uk"), said });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

impl Makefile {
    fn parse(text: &str, project: &Path, build: &Path) -> Self {
        let mut makefile = Self::default();
        let mut off = Vec::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("PITH ")) {
            let (what, rest) = line.split_once(' ').unwrap_or((line, ""));
            let (first, behind) = rest.split_once(' ').unwrap_or((rest, ""));
            match what {
                "lib" if makefile.libraries.iter().all(|known| known.name != first) => {
                    makefile.libraries.push(Library { name: first.to_owned(), prefix: upper(first) });
                }
                "set" => drop(makefile.variables.insert(first.to_owned(), behind.to_owned())),
                "off" => off.push(first),
                "prepare" => makefile.wants_preparing = true,
                "fetch" => makefile.origin(first, project, build).archives.extend(fetched(behind)),
                "unarchive" => makefile.origin(first, project, build).archives.push(Archive::File(behind.into())),
                "patch" => {
                    let (within, directory) = behind.split_once(' ').unwrap_or((behind, ""));
                    let within = within.strip_prefix(TREE).unwrap_or(within).trim_matches('/').to_owned();
                    makefile.origin(first, project, build).patches.push(Patches { directory: directory.into(), within });
                }
                _ => {}
            }
        }
        // What a library that is switched off would be made of, nobody wants.
        let is_off = |name: &str| off.contains(&name) && makefile.libraries.iter().all(|library| library.name != name);
        makefile.origins.retain(|(name, _)| !is_off(name));
        makefile
    }

    /// What the library called `name` is made from.
    fn origin(&mut self, name: &str, project: &Path, build: &Path) -> &mut Origin {
        let at = self.origins.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
            let (directory, base) = (build.join(name), project.to_owned());
            self.origins.push((name.to_owned(), Origin { directory, base, archives: Vec::new(), patches: Vec::new() }));
            self.origins.len() - 1
        });
        &mut self.origins[at].1
    }

    /// The words of `NAME` and `NAME-y`, split as a shell does.
    fn words(&self, name: &str) -> Result<Vec<String>, NativeError> {
        let mut words = Vec::new();
        for name in [name.to_owned(), format!("{name}-y")] {
            let Some(value) = self.variables.get(&name) else { continue };
            let split = shlex::split(value).ok_or_else(|| NativeError::Quoting { variable: name, value: value.clone() })?;
            words.extend(split);
        }
        Ok(words)
    }

    /// Every source of every library, with its flags.
    ///
    /// # Errors
    /// A file of a kind that no compiler is known for; quotes that do not end.
    pub fn sources(&self) -> Result<Vec<Source>, NativeError> {
        let mut sources = Vec::new();
        for library in &self.libraries {
            for word in self.words(&format!("{}_SRCS", library.prefix))? {
                let (path, variant) = word.split_once('|').map_or((word.as_str(), None), |(path, variant)| (path, Some(variant)));
                let path = PathBuf::from(path);
                let Some(language) = Language::of(&path) else {
                    return Err(NativeError::UnknownKind { path, variable: format!("{}_SRCS-y", library.prefix) });
                };
                let flags = self.flags(library, &path, language, variant)?;
                sources.push(Source { path, language, library: library.name.clone(), variant: variant.map(ToOwned::to_owned), flags });
            }
        }
        Ok(sources)
    }

    /// The project's flags for one file, from the general to the special.
    fn flags(&self, library: &Library, path: &Path, language: Language, variant: Option<&str>) -> Result<Vec<String>, NativeError> {
        let (own_flags, own_includes) = language.words();
        let stem = path.file_stem().map(|stem| upper(&stem.to_string_lossy())).unwrap_or_default();
        let prefix = &library.prefix;
        let mut names = Vec::new();
        for scope in [String::new(), format!("{prefix}_")] {
            names.extend([own_includes, "INCLUDES", own_flags, "FLAGS"].map(|word| format!("{scope}{word}")));
        }
        let file = match variant {
            Some(variant) => vec![format!("{prefix}_{stem}_"), format!("{prefix}_{stem}_{}_", upper(variant))],
            None => vec![format!("{prefix}_{stem}_")],
        };
        for scope in file {
            names.extend([own_includes, "INCLUDES", own_flags, "FLAGS"].map(|word| format!("{scope}{word}")));
        }
        // C's include paths are C++'s and assembly's too, as in Unikraft.
        if language != Language::C {
            names.extend([String::from("CINCLUDES"), format!("{prefix}_CINCLUDES")]);
        }
        let mut flags = Vec::new();
        for name in names {
            flags.extend(self.words(&name)?);
        }
        Ok(flags)
    }

    /// Flags for the linker.
    ///
    /// # Errors
    /// Quotes that do not end.
    pub fn link_flags(&self) -> Result<Vec<String>, NativeError> {
        let mut flags = self.words("LDFLAGS")?;
        for library in &self.libraries {
            for word in ["LDFLAGS", "OBJS", "ALIBS"] {
                flags.extend(self.words(&format!("{}_{word}", library.prefix))?);
            }
        }
        flags.extend(self.words("ALIBS")?);
        Ok(flags)
    }
}

#[cfg(test)]
mod tests;
