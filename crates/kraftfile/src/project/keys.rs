//! Every key of a project file: what it may be and what it is for. The reader takes the names from here, and the JSON Schema is made of it.

use super::SpecVersion;

/// What a value may be.
#[derive(Clone, Copy, Debug)]
pub enum Form {
    /// A string; a number counts as one.
    Text,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `true` or `false`.
    Switch,
    /// The version of the format.
    Spec,
    /// A string that has to look like this, an ECMA 262 expression.
    Pattern(&'static str),
    /// Anything in a mapping from names to strings.
    Strings,
    /// `NAME=VALUE` in a list, or a mapping; values may be absent.
    Variables,
    /// `CONFIG_NAME=VALUE` in a list, or a mapping.
    Options,
    /// A list.
    List(&'static Form),
    /// A mapping from any name to this.
    Named(&'static Form),
    /// A mapping with these keys, which follow these rules.
    Mapping(&'static [Key], &'static [Rule]),
    /// One of these.
    OneOf(&'static [Form]),
    /// Nothing.
    Nothing,
}

/// What holds for the keys of a mapping together.
#[derive(Clone, Copy, Debug)]
pub enum Rule {
    /// At least one of these is there.
    Some(&'static [&'static str]),
    /// Something else, as a JSON Schema.
    Schema(&'static str),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What its value may be.
    pub form: Form,
    /// What it is for, in one sentence.
    pub about: &'static str,
    /// The first version of the format that has it.
    pub since: SpecVersion,
}

const fn key(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, about, since: SpecVersion::V05 }
}

const fn v06(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, about, since: SpecVersion::V06 }
}

const fn v07(name: &'static str, form: Form, about: &'static str) -> Key {
    Key { name, form, about, since: SpecVersion::V07 }
}

/// Names of keys.
pub(super) fn names(keys: &'static [Key]) -> Vec<&'static str> {
    keys.iter().map(|key| key.name).collect()
}

/// What a root file system or ROM may become.
pub(super) const FORMATS: [&str; 4] = ["cpio", "erofs", "file", "unknown"];
/// What a source of files may be, v0.7.
pub(super) const SOURCE_KINDS: [&str; 7] = ["oci", "dir", "file", "tarball", "cpio", "erofs", "dockerfile"];

// A variable may stand for anything.
const TARGET_PATTERN: &str = "^[^/]+/[^/]+$|\\$";
const VOLUME_PATTERN: &str = "^[^:]+(:/[^:]*(:(ro|rw))?)?$|\\$";
const RUNTIME_PATTERN: &str = "^.";
const OPTIONS: Form = Form::Options;

/// Keys of `unikraft` and of a library.
pub(super) const COMPONENT: &[Key] = &[
    key("source", Form::Text, "Directory or address that it comes from"),
    key("version", Form::Text, "Version, branch or tag"),
    key("kconfig", OPTIONS, "Options that it sets"),
];

/// Keys of `template`.
pub(super) const TEMPLATE: &[Key] = &[
    key("name", Form::Text, "Its name"),
    key("source", Form::Text, "Directory or address that it comes from"),
    key("version", Form::Text, "Version, branch or tag"),
    key("kconfig", OPTIONS, "Options that it sets"),
];

/// Keys of `runtime`.
pub(super) const RUNTIME: &[Key] = &[
    v06("source", Form::Text, "Name of the runtime, oci://NAME or kernel://PATH"),
    v06("name", Form::Text, "The same"),
    v06("version", Form::Text, "Its tag"),
    v06("kconfig", OPTIONS, "Accepted: a runtime is built already"),
];

/// Keys of a target.
pub(super) const TARGET: &[Key] = &[
    key("name", Form::Text, "Its name; the project's by default"),
    key("architecture", Form::Text, "x86_64 or arm64"),
    key("arch", Form::Text, "The same"),
    key("platform", Form::Text, "qemu, fc or xen; or PLATFORM/ARCHITECTURE"),
    key("plat", Form::Text, "The same"),
    key("kconfig", OPTIONS, "Options for this target only"),
    key("output", Form::Text, "Where the kernel goes"),
    key("kernel", Form::Text, "The same"),
];

const TARGET_RULES: &[Rule] = &[
    Rule::Some(&["plat", "platform"]),
    Rule::Schema(
        r#"{ "anyOf": [{ "required": ["arch"] }, { "required": ["architecture"] }, { "properties": { "plat": { "pattern": "^[^/]+/[^/]+$|\\$" }, "platform": { "pattern": "^[^/]+/[^/]+$|\\$" } } }] }"#,
    ),
];

/// Keys of a source of files, v0.7.
pub(super) const SOURCE: &[Key] = &[
    v07("path", Form::Text, "Path or reference"),
    v07("type", Form::Word(&SOURCE_KINDS), "What it is, where that is not to be found out"),
    v07("dockerfile", Form::Text, "Name of the Dockerfile in the path"),
];

const SOURCE_RULES: &[Rule] = &[
    Rule::Some(&["path"]),
    Rule::Schema(r#"{ "if": { "required": ["dockerfile"] }, "then": { "properties": { "type": { "const": "dockerfile" } } } }"#),
];

/// Keys of `rootfs` and of a ROM.
pub(super) const ROOTFS: &[Key] = &[
    v06(
        "source",
        Form::OneOf(&[Form::Text, Form::Mapping(SOURCE, SOURCE_RULES)]),
        "Dockerfile, directory, archive or image, relative to this file",
    ),
    v06("type", Form::Word(&FORMATS), "What it becomes"),
    v07("format", Form::Word(&FORMATS), "What it becomes"),
];

const ROOTFS_RULES: &[Rule] = &[
    Rule::Some(&["source"]),
    Rule::Schema(
        r#"{ "if": { "properties": { "source": { "type": "object" } } }, "then": { "anyOf": [{ "required": ["format"] }, { "not": { "required": ["type"] } }] } }"#,
    ),
];

/// Keys of a volume.
pub(super) const VOLUME: &[Key] = &[
    v06("source", Form::Text, "Directory of the host, or a volume's name"),
    v06("destination", Form::Text, "Path in the machine"),
    v06("driver", Form::Text, "Driver"),
    v06("readonly", Form::Switch, "Whether it may not be written to"),
    v06("mode", Form::Text, "ro, or rw"),
];

const FILES: Form = Form::OneOf(&[Form::Text, Form::Mapping(ROOTFS, ROOTFS_RULES)]);
const CORE: Form = Form::OneOf(&[Form::Text, Form::Mapping(COMPONENT, &[])]);
const VOLUME_FORM: Form = Form::OneOf(&[Form::Pattern(VOLUME_PATTERN), Form::Mapping(VOLUME, &[Rule::Some(&["source"])])]);
const RUNTIME_RULES: &[Rule] = &[Rule::Some(&["source", "name"])];
const RUNTIME_FORM: Form = Form::OneOf(&[Form::Pattern(RUNTIME_PATTERN), Form::Mapping(RUNTIME, RUNTIME_RULES)]);
const TARGET_FORM: Form = Form::OneOf(&[Form::Pattern(TARGET_PATTERN), Form::Mapping(TARGET, TARGET_RULES)]);

/// Keys of the file itself.
pub const TOP: &[Key] = &[
    key("spec", Form::Spec, "Version of this format"),
    key("specification", Form::Spec, "The same"),
    key("name", Form::Text, "Name of the project; its directory's by default"),
    key("unikraft", CORE, "The core, for projects that build a kernel of their own: version, directory or address"),
    key("pith", CORE, "The same, by our name"),
    v06("runtime", RUNTIME_FORM, "Prebuilt kernel to run on: base:latest, NAME[:TAG], kernel://PATH"),
    key("template", Form::OneOf(&[Form::Text, Form::Mapping(TEMPLATE, &[])]), "Project that this one builds on"),
    v06("preset", Form::Text, "Options that stand for many (Pith only): runtime, minimal, http, batch"),
    v06("kconfig", OPTIONS, "Options of the kernel (Pith only)"),
    key("libraries", Form::OneOf(&[Form::Named(&CORE), Form::Nothing]), "Libraries by name"),
    key("targets", Form::OneOf(&[Form::List(&TARGET_FORM), Form::Nothing]), "What to build for: PLATFORM/ARCHITECTURE, or a mapping"),
    v06("rootfs", Form::OneOf(&[Form::Text, Form::Mapping(ROOTFS, ROOTFS_RULES), Form::Nothing]), "Root file system"),
    v06("cmd", Form::OneOf(&[Form::Text, Form::List(&Form::Text), Form::Nothing]), "The application and its arguments"),
    v06("env", Form::OneOf(&[Form::Variables, Form::Nothing]), "Environment; a variable without a value is the host's"),
    v06(
        "volumes",
        Form::OneOf(&[Form::List(&VOLUME_FORM), Form::Pattern(VOLUME_PATTERN), Form::Nothing]),
        "Volumes: SOURCE:DESTINATION[:ro], or mappings",
    ),
    v06("roms", Form::OneOf(&[Form::List(&FILES), Form::Nothing]), "Files that are handed to the machine as they are"),
    v06("labels", Form::OneOf(&[Form::Strings, Form::Nothing]), "Labels of the package"),
    key("outdir", Form::Text, "Where results go; .unikraft/build by default"),
];
