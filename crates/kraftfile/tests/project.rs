//! Project files in every supported form, and the words for those that are broken.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kraftfile::{Access, ComponentSource, EnvEntry, FindError, Project, Runtime, SpecVersion, find};
use proptest::prelude::*;
use std::fs;

fn lookup(name: &str) -> Option<String> {
    (name == "TAG").then(|| "3.12".to_owned())
}

fn parse(text: &str) -> Project {
    Project::parse("Kraftfile", text, &lookup).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn entry(name: &str, value: Option<&str>) -> EnvEntry {
    EnvEntry { name: name.to_owned(), value: value.map(ToOwned::to_owned) }
}

#[test]
fn the_shape_of_the_catalogue() {
    let project = parse(
        "spec: v0.6\nname: Http-Python 3.12!\nruntime: python:${TAG:-3.10}\nrootfs: ./Dockerfile\ncmd: [\"/usr/bin/python3\", \"/src/server.py\"]\n\
         labels:\n  cloud.unikraft.v1.instances/scale_to_zero.policy: \"on\"\nx-note: {anything: [1, 2]}\n",
    );
    assert_eq!(project.spec, SpecVersion::V06);
    assert_eq!(project.name.as_deref(), Some("http-python312"));
    assert_eq!(project.runtime, Some(Runtime::Image("python:3.12".to_owned())));
    assert_eq!(project.rootfs.unwrap().source, "./Dockerfile");
    assert_eq!(project.cmd, ["/usr/bin/python3", "/src/server.py"]);
    assert_eq!(project.labels.len(), 1);
    assert_eq!(project.warnings, []);
}

#[test]
fn every_form_of_runtime() {
    let runtime = |text: &str| parse(&format!("spec: 'v0.6'\nruntime: {text}\n")).runtime.unwrap();
    assert_eq!(runtime("base:latest"), Runtime::Image("base:latest".to_owned()));
    assert_eq!(runtime("oci://localhost:5000/base:1.0"), Runtime::Image("localhost:5000/base:1.0".to_owned()));
    assert_eq!(runtime("kernel://./kernel.elf"), Runtime::Kernel("./kernel.elf".to_owned()));
    assert_eq!(runtime("{source: base, version: 1.10}"), Runtime::Image("base:1.10".to_owned()));
}

#[test]
fn every_form_of_cmd() {
    let cmd = |text: &str| parse(&format!("spec: v0.7\nruntime: x\ncmd: {text}\n"));
    assert_eq!(cmd("/server --port 80").cmd, ["/server", "--port", "80"]);
    assert_eq!(cmd("\"/bin/sh -c 'a \\\"b\\\"' c\\\\ d\"").cmd, ["/bin/sh", "-c", "a \"b\"", "c d"]);
    assert_eq!(cmd("[/a, 1, \"b c\"]").cmd, ["/a", "1", "b c"]);
    let split = cmd("[\"pith.log=debug\", \"--\", \"/a\", \"--\"]");
    assert_eq!((split.kernel_args, split.cmd), (vec!["pith.log=debug".to_owned()], vec!["/a".to_owned(), "--".to_owned()]));
    assert_eq!(cmd("").cmd, [""; 0]);
}

#[test]
fn every_form_of_env() {
    let env = |text: &str| parse(&format!("specification: v0.6\nruntime: x\nenv:\n{text}\n")).env;
    assert_eq!(env("- A=1=2\n- HOME\n- E="), [entry("A", Some("1=2")), entry("HOME", None), entry("E", None)]);
    assert_eq!(env("  A: yes\n  B: 010\n  HOME:\n"), [entry("A", Some("yes")), entry("B", Some("010")), entry("HOME", None)]);
}

#[test]
fn every_form_of_rootfs() {
    let rootfs = |text: &str| parse(&format!("spec: v0.7\nruntime: x\nrootfs: {text}\n")).rootfs;
    let both = |text: &str| rootfs(text).map(|rootfs| (rootfs.source, rootfs.format)).unwrap();
    let expected = |source: &str, format: &str| (source.to_owned(), format.to_owned());
    assert_eq!(both("./rootfs"), expected("./rootfs", "cpio"));
    assert_eq!(both("{source: ./r, type: erofs}"), expected("./r", "erofs"));
    assert_eq!(both("{source: {path: ./r, type: dir}, format: cpio}"), expected("./r", "cpio"));
    assert_eq!(rootfs("{source: {path: ./r, type: dir}}").unwrap().kind.as_deref(), Some("dir"));
    assert!(rootfs("").is_none());
}

#[test]
fn every_form_of_a_component() {
    let parse_core = |text: &str| parse(&format!("spec: v0.6\nunikraft: {text}\n")).unikraft.unwrap();
    let shape = |text: &str| {
        let component = parse_core(text);
        (component.name, component.source, component.version)
    };
    let some = |text: &str| Some(text.to_owned());
    assert_eq!(shape("stable"), (None, ComponentSource::Default, some("stable")));
    assert_eq!(shape("0.17"), (None, ComponentSource::Default, some("0.17")));
    assert_eq!(shape("../core"), (None, ComponentSource::Path("../core".to_owned()), None));
    let address = "https://git.example.com/unikraft.git?branch=staging";
    assert_eq!(shape(address), (some("unikraft"), ComponentSource::Url(address.to_owned()), some("staging")));
    let address = "ssh://git@git.example.com/lib-lwip.git@v2";
    assert_eq!(shape(address), (some("lwip"), ComponentSource::Url(address.to_owned()), some("v2")));
    assert_eq!(shape("{source: core, version: 1.0}"), (None, ComponentSource::Path("./core".to_owned()), some("1.0")));
    let kconfig = parse_core("\n  version: stable\n  kconfig:\n    CONFIG_A: true\n    CONFIG_B: 'no'\n    CONFIG_C: 0x10\n    CONFIG_D: \"a b\"\n    CONFIG_E: off").kconfig;
    let pairs: Vec<(&str, &str, usize)> = kconfig.iter().map(|entry| (entry.name.as_str(), entry.value.as_str(), entry.line)).collect();
    assert_eq!(pairs, [("CONFIG_A", "y", 5), ("CONFIG_B", "no", 6), ("CONFIG_C", "0x10", 7), ("CONFIG_D", "a b", 8), ("CONFIG_E", "n", 9)]);
    let kconfig = parse_core("{kconfig: [CONFIG_A=y, 'CONFIG_B=\"x=y\"']}").kconfig;
    let pairs: Vec<(&str, &str)> = kconfig.iter().map(|entry| (entry.name.as_str(), entry.value.as_str())).collect();
    assert_eq!(pairs, [("CONFIG_A", "y"), ("CONFIG_B", "x=y")]);
}

#[test]
fn every_form_of_a_template_and_of_libraries() {
    let template = |text: &str| {
        let component = parse(&format!("spec: v0.6\ntemplate: {text}\n")).template.unwrap();
        (component.name.unwrap_or_default(), component.source, component.version)
    };
    assert_eq!(template("app-elfloader"), ("app-elfloader".to_owned(), ComponentSource::Default, None));
    assert_eq!(template("elfloader@staging"), ("elfloader".to_owned(), ComponentSource::Default, Some("staging".to_owned())));
    let long = template("{name: app-elfloader, source: ./app, version: staging}");
    assert_eq!(long, ("app-elfloader".to_owned(), ComponentSource::Path("./app".to_owned()), Some("staging".to_owned())));
    let project = parse(
        "spec: v0.6\nunikraft: stable\nlibraries:\n  lwip: stable\n  libelf:\n    version: 0.1\n    kconfig: {CONFIG_LIBELF_X: y}\n  own: ./libs/own\n",
    );
    let names: Vec<&str> = project.libraries.iter().filter_map(|library| library.name.as_deref()).collect();
    assert_eq!(names, ["lwip", "libelf", "own"]);
    assert_eq!(project.libraries[1].kconfig[0].name, "CONFIG_LIBELF_X");
    assert_eq!(project.libraries[2].source, ComponentSource::Path("./libs/own".to_owned()));
}

#[test]
fn every_form_of_a_target() {
    let targets = |text: &str| {
        let targets = parse(&format!("spec: v0.6\nunikraft: stable\ntargets:\n{text}\n")).targets;
        targets.iter().map(|target| (target.name.clone(), target.shown(), target.output.clone())).collect::<Vec<_>>()
    };
    let shown = |text: &str| (None, text.to_owned(), None);
    assert_eq!(targets("- fc/x86_64\n- kvm/amd64\n- qemu/aarch64"), [shown("fc/x86_64"), shown("qemu/x86_64"), shown("qemu/arm64")]);
    assert_eq!(
        targets("- {architecture: x86_64, platform: firecracker}\n- plat: xen\n  arch: arm64"),
        [shown("fc/x86_64"), shown("xen/arm64")]
    );
    assert_eq!(targets("- {platform: qemu/x86_64}"), [shown("qemu/x86_64")]);
    let long = targets("- {name: small, plat: qemu, arch: x86_64, output: build/k, kconfig: [CONFIG_A=y]}");
    assert_eq!(long, [(Some("small".to_owned()), "qemu/x86_64".to_owned(), Some("build/k".to_owned()))]);
}

#[test]
fn a_project_lies_over_its_template() {
    let template = parse(
        "spec: v0.6\nname: base\npreset: http\nunikraft: {version: stable, kconfig: {CONFIG_A: y, CONFIG_B: n}}\ncmd: [/base, --, x]\n\
         libraries: {lwip: {version: stable, kconfig: [CONFIG_L=1, CONFIG_M=1]}, musl: stable}\ntargets: [qemu/x86_64]\nenv: {A: \"1\", B: \"1\"}\n\
         labels: {a: \"1\", b: \"1\"}\nrootfs: ./base\nvolumes: [a:/a]\nroms: [./r]\noutdir: out\nkconfig: [CONFIG_C=1]\n",
    );
    let own = parse(
        "spec: v0.6\ntemplate: ./base\nunikraft: {source: ../core, kconfig: [CONFIG_B=y]}\nlibraries: {own: ./own, lwip: {version: staging, kconfig: [CONFIG_M=2]}}\n\
         env: [B=2, C=2]\nlabels: {b: \"2\"}\nkconfig: [CONFIG_D=1]\ncmd: /own\n",
    );
    let both = own.clone().over(template.clone());
    let pairs = |entries: &[pith_kraftfile::KconfigEntry]| -> Vec<String> {
        entries.iter().map(|entry| format!("{}={}", entry.name.trim_start_matches("CONFIG_"), entry.value)).collect()
    };
    assert_eq!((both.name.as_deref(), both.preset.as_ref().map(|preset| preset.name.as_str())), (Some("base"), Some("http")));
    let core = both.unikraft.unwrap();
    assert_eq!((core.source, core.version), (ComponentSource::Path("../core".to_owned()), None));
    assert_eq!(pairs(&core.kconfig), ["A=y", "B=y"]);
    assert_eq!(pairs(&both.kconfig), ["C=1", "D=1"]);
    let libraries: Vec<(&str, Option<&str>, Vec<String>)> =
        both.libraries.iter().map(|one| (one.name.as_deref().unwrap(), one.version.as_deref(), pairs(&one.kconfig))).collect();
    let options = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    assert_eq!(libraries, [("lwip", Some("staging"), options(&["L=1", "M=2"])), ("musl", Some("stable"), vec![]), ("own", None, vec![])]);
    assert_eq!(both.env, [entry("A", Some("1")), entry("B", Some("2")), entry("C", Some("2"))]);
    assert_eq!(both.labels, [("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    // The template's kernel arguments belong to its command.
    assert_eq!((both.kernel_args, both.cmd), (Vec::new(), vec!["/own".to_owned()]));
    assert_eq!((both.targets.len(), both.volumes.len(), both.roms.len()), (1, 1, 1));
    assert_eq!((both.rootfs.unwrap().source.as_str(), both.outdir.as_deref()), ("./base", Some("out")));
    // What the project has of these replaces the template's.
    let full = parse("spec: v0.6\ntemplate: x\ntargets: [fc/x86_64]\nrootfs: ./own\nvolumes: b:/b\nname: own\n").over(template);
    assert_eq!(
        (full.targets[0].shown().as_str(), full.rootfs.unwrap().source.as_str(), full.volumes[0].source.as_str()),
        ("fc/x86_64", "./own", "b")
    );
    assert_eq!((full.name.as_deref(), full.cmd), (Some("own"), vec!["x".to_owned()]));
    assert_eq!(full.kernel_args, ["/base"]);
}

#[test]
fn forms_of_the_latest_version() {
    let volumes = parse("spec: v0.7\nruntime: x\nvolumes: data:/d:ro\n").volumes;
    assert_eq!((volumes.len(), volumes[0].source.as_str(), volumes[0].access), (1, "data", Access::ReadOnly));
    let rootfs = |text: &str| parse(&format!("spec: v0.7\nruntime: x\nrootfs: {text}\n")).rootfs.unwrap();
    let long = rootfs("{source: {path: ./app, type: dockerfile, dockerfile: build/Dockerfile.web}, format: erofs}");
    assert_eq!(
        (long.source.as_str(), long.kind.as_deref(), long.format.as_str()),
        ("./app/build/Dockerfile.web", Some("dockerfile"), "erofs")
    );
    assert_eq!(rootfs("{source: {path: ./app, dockerfile: D}}").kind.as_deref(), Some("dockerfile"));
    let refused = |text: &str| {
        let text = format!("spec: v0.7\nruntime: x\nrootfs: {text}\n");
        Project::parse("Kraftfile", &text, &lookup).unwrap_err().to_string()
    };
    assert_eq!(refused("{source: {path: ./a, type: zip}}"), "unknown rootfs source type \"zip\"");
    assert_eq!(refused("{source: {path: ./a, type: dir, dockerfile: D}}"), "a dockerfile belongs to a source of type dockerfile");
    assert_eq!(refused("{source: {path: ./a}, type: cpio}"), "a rootfs with a source in the long form has no type");
    let pith = parse("spec: v0.7\npith: ../core\n").unikraft.unwrap();
    assert_eq!(pith.source, ComponentSource::Path("../core".to_owned()));
    let both = Project::parse("Kraftfile", "spec: v0.7\npith: stable\nunikraft: stable\n", &lookup).unwrap_err();
    assert_eq!((both.to_string().as_str(), both.line), ("both 'unikraft' and 'pith' are given", 3));
}

#[test]
fn the_first_version() {
    let text = "specification: '0.5'\nname: hello\nunikraft:\n  version: 0.5\n  kconfig:\n    - CONFIG_A=y\ntargets:\n  - architecture: x86_64\n    platform: kvm\nlibraries:\n  newlib:\n    version: stable\n";
    let project = parse(text);
    assert_eq!((project.spec, project.targets[0].shown().as_str()), (SpecVersion::V05, "qemu/x86_64"));
    assert_eq!((project.libraries.len(), project.warnings.len()), (1, 0));
}

#[test]
fn a_preset_and_options_of_the_project() {
    let project = parse("spec: v0.6\npith: stable\npreset: http\nkconfig:\n  CONFIG_A: true\n");
    assert_eq!(project.preset.map(|preset| (preset.name, preset.line)), Some(("http".to_owned(), 3)));
    assert_eq!((project.kconfig[0].name.as_str(), project.kconfig[0].value.as_str(), project.kconfig[0].line), ("CONFIG_A", "y", 5));
    let empty = Project::parse("Kraftfile", "spec: v0.6\npith: stable\npreset:\n", &lookup).unwrap_err();
    assert_eq!((empty.line, empty.to_string().as_str()), (3, "preset must be a name, as in http"));
}

#[test]
fn every_form_of_volumes_and_roms() {
    let project = parse(
        "spec: v0.7\ntemplate: app-elfloader\nvolumes:\n  - ./a:/b\n  - ./a\n  - data:/d:ro\n  - {source: x, destination: /y, driver: 9pfs, readonly: true}\n\
         roms:\n  - ./rom.bin\n  - {source: {path: ./dir, type: dir}, format: erofs}\noutdir: out\n",
    );
    let volumes: Vec<(&str, &str, Access)> =
        project.volumes.iter().map(|volume| (volume.source.as_str(), volume.destination.as_str(), volume.access)).collect();
    let expected = [
        ("./a", "/b", Access::ReadWrite),
        ("./a", "/", Access::ReadWrite),
        ("data", "/d", Access::ReadOnly),
        ("x", "/y", Access::ReadOnly),
    ];
    assert_eq!(volumes, expected);
    assert_eq!((project.volumes[0].line, project.volumes[0].column), (4, 5));
    assert_eq!(project.roms.iter().map(|rom| rom.format.as_deref()).collect::<Vec<_>>(), [None, Some("erofs")]);
    assert_eq!(project.outdir.as_deref(), Some("out"));
    assert!(project.builds_kernel());
}

#[test]
fn yaml_as_people_write_it() {
    let project = parse("# comment\nspec: v0.6\nruntime: x\nx-base: &base\n  A: \"1\"\nenv:\n  <<: *base\n  B: |\n    two\n    lines\n");
    assert_eq!(project.env, [entry("B", Some("two\nlines\n")), entry("A", Some("1"))]);
}

#[test]
fn unknown_things_warn() {
    let warnings = |text: &str| -> Vec<String> {
        let project = parse(text);
        project.warnings.iter().map(|w| format!("{}:{}: {}", w.line, w.column, w.message)).collect()
    };
    assert_eq!(
        warnings("spec: v0.9\nruntime: x\nrutnime: y\nzzz: 1\nrootfs:\n  source: a\n  tpye: cpio\n"),
        [
            "3:1: unknown key \"rutnime\" is ignored; did you mean \"runtime\"?",
            "4:1: unknown key \"zzz\" is ignored",
            "1:7: unknown specification \"v0.9\" is read as v0.7",
            "7:3: unknown key \"tpye\" is ignored; did you mean \"type\"?",
        ]
    );
}

#[test]
fn broken_files_are_explained() {
    let cases: &[(&str, &str)] = &[
        ("empty", ""),
        ("list", "- a\n- b\n"),
        ("scalar", "hello"),
        ("no-spec", "name: x\nruntime: base\n"),
        ("spec-list", "spec: [v0.6]\nruntime: base\n"),
        ("spec-word", "spec: latest\nruntime: base\n"),
        ("spec-twice", "spec: v0.6\nspecification: v0.6\nruntime: base\n"),
        ("no-kind", "spec: v0.6\nname: x\n"),
        ("duplicate-key", "spec: v0.6\nruntime: a\nname: x\nruntime: b\n"),
        ("tab", "spec: v0.6\nenv:\n\t- A=1\n"),
        ("unclosed-quote", "spec: \"v0.6\nruntime: base\n"),
        ("unclosed-list", "spec: v0.6\ncmd: [\"/a\", \"b\"\nruntime: base\n"),
        ("bad-indent", "spec: v0.6\nenv:\n    A: 1\n  B: 2\nruntime: base\n"),
        ("two-documents", "spec: v0.6\nruntime: a\n---\nspec: v0.6\n"),
        ("unknown-alias", "spec: v0.6\nruntime: *nothing\n"),
        ("runtime-list", "spec: v0.6\nruntime: [a]\n"),
        ("runtime-empty", "spec: v0.6\nruntime: ''\n"),
        ("runtime-no-source", "spec: v0.6\nruntime:\n  version: 1\n"),
        ("rootfs-list", "spec: v0.6\nruntime: a\nrootfs:\n  - a\n"),
        ("rootfs-no-source", "spec: v0.6\nruntime: a\nrootfs:\n  type: cpio\n"),
        ("rootfs-type", "spec: v0.6\nruntime: a\nrootfs: {source: a, type: zip}\n"),
        ("cmd-map", "spec: v0.6\nruntime: a\ncmd: {a: b}\n"),
        ("cmd-nested", "spec: v0.6\nruntime: a\ncmd: [a, [b]]\n"),
        ("cmd-quote", "spec: v0.6\nruntime: a\ncmd: /bin/sh -c 'x\n"),
        ("env-scalar", "spec: v0.6\nruntime: a\nenv: A=1\n"),
        ("env-nameless", "spec: v0.6\nruntime: a\nenv: ['=1']\n"),
        ("env-name", "spec: v0.6\nruntime: a\nenv: {'A=B': 1}\n"),
        ("labels-list", "spec: v0.6\nruntime: a\nlabels: [a]\n"),
        ("name-map", "spec: v0.6\nruntime: a\nname: {}\n"),
        ("variable-required", "spec: v0.6\nruntime: base:${MISSING:?say which}\n"),
        ("variable-open", "spec: v0.6\nruntime: \"base:${MISSING\"\n"),
        ("key-list", "spec: v0.6\nruntime: a\n? [x]\n: y\n"),
        ("wide", "spec: v0.6\nname: gr\u{fc}\u{df}e \u{2603}\nruntime: a\nrootfs: {typ\u{e9}: x}\n"),
    ];
    let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none()).with_links(false);
    let mut all = String::new();
    for (name, text) in cases {
        let Err(problem) = Project::parse("Kraftfile", text, &lookup) else { panic!("{name} was accepted") };
        all += &format!("=== {name} ({}:{})\n", problem.line, problem.column);
        handler.render_report(&mut all, &problem).unwrap();
    }
    insta::assert_snapshot!(all);
}

#[test]
fn a_billion_laughs_are_refused() {
    let mut text = "spec: v0.6\nruntime: a\nx-0: &a0 [l, l, l, l, l, l, l, l, l, l]\n".to_owned();
    for level in 1..12 {
        let last = level - 1;
        text += &format!("x-{level}: &a{level} [{}]\n", vec![format!("*a{last}"); 10].join(", "));
    }
    assert!(Project::parse("Kraftfile", &text, &lookup).is_err());
    let deep = format!("spec: v0.6\nruntime: a\nx: {}{}\n", "[".repeat(5000), "]".repeat(5000));
    assert!(Project::parse("Kraftfile", &deep, &lookup).is_err());
}

#[test]
fn words_are_paths_where_there_are_such() {
    let taken = |text: &str, there: &[&str]| {
        let mut project = parse(&format!("spec: v0.6\n{text}"));
        project.take_paths(&|path| there.contains(&path));
        let all = project.template.into_iter().chain(project.unikraft).chain(project.libraries);
        all.map(|one| (one.source, one.version.unwrap_or_default())).collect::<Vec<_>>()
    };
    let path = |text: &str| (ComponentSource::Path(text.to_owned()), String::new());
    let version = |text: &str| (ComponentSource::Default, text.to_owned());
    let all = ["app-elfloader", "core", "libs/own", "lwip", "stable"];
    assert_eq!(taken("template: app-elfloader\nunikraft: core\n", &all), [path("./app-elfloader"), path("./core")]);
    assert_eq!(taken("template: app-elfloader\nunikraft: core\n", &["x"]), [version(""), version("core")]);
    assert_eq!(taken("unikraft: 1\nlibraries: {own: libs/own, lwip: '2'}\n", &all), [version("1"), path("./libs/own"), version("2")]);
    // Where it is said what something is, nothing is taken for something else.
    let long = "template: {name: app-elfloader, version: stable}\nunikraft: {version: core}\nlibraries: {lwip: {version: stable}}\n";
    assert_eq!(taken(long, &all), [version("stable"), version("core"), version("stable")]);
    assert_eq!(taken("template: app-elfloader:stable\n", &all), [version("stable")]);
}

#[test]
fn every_name_of_a_file_is_found_and_none_is_told() {
    let root = tempfile::tempdir().unwrap();
    let base = fs::canonicalize(root.path()).unwrap();
    for name in ["kraft.yaml", "kraft.yml", "Kraftfile.yml", "Kraftfile.yaml", "Kraftfile"] {
        fs::write(base.join(name), "").unwrap();
        assert_eq!(find(&base).unwrap(), base.join(name));
        // A directory is no file.
        fs::remove_file(base.join(name)).unwrap();
        fs::create_dir(base.join(name)).unwrap();
    }
    let told = find::find_in(&base).unwrap();
    assert_eq!(told, None);
    let error = FindError::None(base.clone()).to_string();
    assert!(error.starts_with("no Kraftfile specified: none of kraft.yaml, kraft.yml, ") && error.contains(&base.display().to_string()));
    ["kraft.yml", "Kraftfile"].iter().for_each(|name| {
        fs::remove_dir(base.join(name)).unwrap();
        fs::write(base.join(name), "").unwrap();
    });
    let error = find(&base).unwrap_err().to_string();
    let expected = format!("found multiple config files with supported names: {0}/kraft.yml, {0}/Kraftfile", base.display());
    assert_eq!(error, expected);
}

#[test]
fn files_are_found_upwards() {
    let root = tempfile::tempdir().unwrap();
    let inner = root.path().join("a/b");
    fs::create_dir_all(&inner).unwrap();
    fs::write(root.path().join("kraft.yml"), "").unwrap();
    let base = fs::canonicalize(root.path()).unwrap();
    assert_eq!(find(&inner).unwrap(), base.join("kraft.yml"));
    fs::write(root.path().join("a/Kraftfile"), "").unwrap();
    assert_eq!(find(&inner).unwrap(), base.join("a/Kraftfile"));
    fs::write(root.path().join("a/Kraftfile.yaml"), "").unwrap();
    let error = find(&inner).unwrap_err();
    assert!(matches!(&error, FindError::Several(files) if files.len() == 2), "{error}");
}

proptest! {
    #[test]
    fn no_text_panics(text in "[ -~\n]{0,200}") {
        let _ = Project::parse("Kraftfile", &text, &lookup);
    }

    #[test]
    fn no_yaml_soup_panics(parts in proptest::collection::vec(prop_oneof![
        Just("spec: v0.6\n"), Just("runtime: "), Just("rootfs:\n  "), Just("env:\n"), Just("- "), Just("{"), Just("["), Just("\""),
        Just("&a "), Just("*a"), Just("<<: "), Just("\n"), Just(": "), Just("${"), Just("x"), Just("\u{2603}"), Just("---\n")], 0..40)) {
        let _ = Project::parse("Kraftfile", &parts.concat(), &lookup);
    }
}
