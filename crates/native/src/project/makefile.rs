//! What a `Makefile.uk` lists: read by make itself, with definitions of what Unikraft's build system gives such files.

use super::error::NativeError;
use super::tools;
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

impl Makefile {
    /// Has make read `project`'s Makefile.uk, and before it that of each of its `libraries`, with the options in `config` (a `.config`).
    ///
    /// # Errors
    /// No make; a directory that make cannot name; whatever make says of the files.
    pub fn read(project: &Path, libraries: &[PathBuf], config: Option<&Path>, build: &Path) -> Result<Self, NativeError> {
        let has_blank = |path: &&PathBuf| path.as_os_str().as_encoded_bytes().iter().any(u8::is_ascii_whitespace);
        if let Some(path) = libraries.iter().find(has_blank) {
            return Err(NativeError::Blank { path: path.clone() });
        }
        let places: Vec<String> = libraries.iter().map(|path| path.display().to_string()).collect();
        let make = tools::find("make", "make", "reads Makefile.uk")?;
        let mut command = Command::new(make);
        command.args(["-s", "-r", "-R", "-f", "-", "pith-said"]).current_dir(project);
        command.arg(format!("APP_DIR={}", project.display())).arg(format!("BUILD_DIR={}", build.display()));
        command.arg(format!("LIB_DIRS={}", places.join(" ")));
        if let Some(config) = config {
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
            return Err(NativeError::Makefile { path: project.join("Makefile.uk"), said });
        }
        Ok(Self::parse(&String::from_utf8_lossy(&output.stdout)))
    }

    fn parse(text: &str) -> Self {
        let mut makefile = Self::default();
        for line in text.lines() {
            if let Some(library) = line.strip_prefix("PITH lib ") {
                let name = library.split(' ').next().unwrap_or_default().to_owned();
                let prefix = upper(&name);
                if makefile.libraries.iter().all(|known| known.name != name) {
                    makefile.libraries.push(Library { name, prefix });
                }
            } else if let Some((name, value)) = line.strip_prefix("PITH set ").and_then(|rest| rest.split_once(' ')) {
                makefile.variables.insert(name.to_owned(), value.to_owned());
            }
        }
        makefile
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
