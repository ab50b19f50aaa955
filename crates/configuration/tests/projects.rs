//! Projects in the shapes of the public catalogue, configured unchanged; what is said about them; what is saved.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_configuration::saved::{self, Age};
use pith_configuration::{Application, Core, Request, Saved, configure, explain, validate};
use pith_kraftfile::{Project, Target};

fn project(text: &str) -> Project {
    Project::parse("Kraftfile", text, &|_| None).unwrap_or_else(|problem| panic!("{text}: {problem}"))
}

fn qemu() -> Target {
    project("spec: v0.6\nunikraft: stable\ntargets: [qemu/x86_64]\n").targets.remove(0)
}

fn core() -> Core {
    Core::embedded(None).unwrap()
}

fn features(text: &str) -> Vec<String> {
    let (core, project) = (core(), project(text));
    configure(&core, &Request::new(&project, "Kraftfile", &qemu())).unwrap().features
}

/// Four lines: the least there is.
const HELLO: &str = "spec: v0.6\nname: hello\nunikraft: stable\ntargets: [qemu/x86_64, fc/x86_64, xen/x86_64, qemu/arm64]\n";

/// A native server: a C library, the network, a list of what the program needs.
const NATIVE_SERVER: &str = "spec: v0.6
name: web
unikraft:
  version: stable
  kconfig:
    CONFIG_LIBUKBUS: 'y'
    CONFIG_LIBUKCPIO: 'y'
    CONFIG_LIBUKDEBUG_ANSI_COLOR: 'y'
    CONFIG_LIBUKLIBPARAM: 'y'
    CONFIG_LIBPOSIX_EVENTFD: 'y'
    CONFIG_LIBUKNETDEV_EINFO_LIBPARAM: 'y'
    CONFIG_LIBUKSCHEDCOOP: 'y'
    CONFIG_LIBUK9P: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_CI: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_CI_EINITRD: 'y'
    CONFIG_UKSYSINFO: 'y'
    CONFIG_VIRTIO_PCI: 'y'
rootfs: ./rootfs
cmd: [\"-c\", \"/web.conf\"]
libraries:
  musl: staging
  lwip:
    version: staging
    kconfig:
      CONFIG_LWIP_UKNETDEV: 'y'
      CONFIG_LWIP_TCP: 'y'
      CONFIG_LWIP_DHCP: 'y'
      CONFIG_LWIP_NUM_TCPCON: 64
  nginx:
    version: staging
    kconfig:
      CONFIG_LIBNGINX_MAIN_FUNCTION: 'y'
targets:
- qemu/x86_64
";

/// A Linux program under the loader, with the long block of options.
const LOADER: &str = "spec: v0.6
name: app
rootfs: ./Dockerfile
cmd: [\"/usr/bin/app\"]
template:
  source: https://example.com/app-elfloader.git
  version: staging
unikraft:
  version: staging
  kconfig:
    CONFIG_APPELFLOADER_BRK: 'y'
    CONFIG_APPELFLOADER_CUSTOMAPPNAME: 'y'
    CONFIG_APPELFLOADER_STACK_NBPAGES: 128
    CONFIG_APPELFLOADER_VFSEXEC_EXECBIT: 'n'
    CONFIG_APPELFLOADER_HFS_ETCRESOLVCONF: 'y'
    CONFIG_HAVE_PAGING_DIRECTMAP: 'y'
    CONFIG_I8042: 'y'
    CONFIG_LIBDEVFS: 'y'
    CONFIG_LIBDEVFS_AUTOMOUNT: 'y'
    CONFIG_LIBPOSIX_ENVIRON: 'y'
    CONFIG_LIBPOSIX_ENVIRON_ENVP0: \"PATH=/usr/bin:/bin\"
    CONFIG_LIBPOSIX_ENVIRON_ENVP1: \"HOME=/\"
    CONFIG_LIBPOSIX_EVENTFD: 'y'
    CONFIG_LIBPOSIX_FDTAB: 'y'
    CONFIG_LIBPOSIX_MMAP: 'y'
    CONFIG_LIBPOSIX_POLL: 'y'
    CONFIG_LIBPOSIX_PROCESS_CLONE: 'y'
    CONFIG_LIBPOSIX_UNIXSOCKET: 'y'
    CONFIG_LIBPOSIX_USER_UID: 0
    CONFIG_LIBSYSCALL_SHIM_HANDLER: 'y'
    CONFIG_LIBUKALLOCPOOL: 'y'
    CONFIG_LIBUKBLKDEV: 'y'
    CONFIG_LIBUKBOOT_HEAP_BASE: '0x400000000'
    CONFIG_LIBUKDEBUG_PRINTK_ERR: 'y'
    CONFIG_LIBUKMPI: 'n'
    CONFIG_LIBUKRANDOM_GETRANDOM: 'y'
    CONFIG_LIBUKSIGNAL: 'y'
    CONFIG_LIBUKVMEM_DEFAULT_BASE: '0x0000001000000000'
    CONFIG_LIBUKVMEM: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_CI_EINITRD: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_FB0_MP: \"/\"
    CONFIG_OPTIMIZE_LTO: 'y'
    CONFIG_PAGING: 'y'
    CONFIG_STACK_SIZE_PAGE_ORDER: 4 # a comment
libraries:
  lwip:
    source: https://example.com/lib-lwip.git
    kconfig: {CONFIG_LWIP_IPV4: 'y', CONFIG_LWIP_DNS: 'n', CONFIG_LWIP_HEAP: 'y'}
  libelf:
    source: https://example.com/lib-libelf.git
targets: [fc/x86_64, qemu/x86_64]
";

#[test]
fn the_least_project_gets_the_least_kernel() {
    let core = core();
    let project = project(HELLO);
    for target in &project.targets[..2] {
        let configured = configure(&core, &Request::new(&project, "Kraftfile", target)).unwrap();
        assert_eq!(configured.preset, "minimal");
        assert_eq!(configured.features, ["exec", "initrd", "small-code"]);
        assert!(!configured.report.has_findings(), "{:?}", configured.report);
    }
    let errors: Vec<String> = project.targets[2..]
        .iter()
        .map(|target| configure(&core, &Request::new(&project, "Kraftfile", target)).unwrap_err().to_string())
        .collect();
    assert_eq!(
        errors,
        ["cannot build for xen/x86_64: there are no Xen drivers yet", "cannot build for qemu/arm64: there is no kernel for arm64 yet"]
    );
    let other = self::project("spec: v0.6\nunikraft: stable\ntargets: [vmware/x86_64]\n");
    assert!(configure(&core, &Request::new(&other, "Kraftfile", &other.targets[0])).is_err());
}

#[test]
fn a_program_inside_the_image_needs_no_loader_unless_somebody_asks_for_it() {
    let core = core();
    let chosen = |text: &str| {
        let project = project(text);
        let target = qemu();
        let request = Request { application: Application::InImage, ..Request::new(&project, "Kraftfile", &target) };
        let configured = configure(&core, &request).unwrap();
        assert!(!configured.report.has_findings(), "{:?}", configured.report);
        (configured.preset, configured.features)
    };
    let features = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
    let base = "spec: v0.6\nunikraft: stable\n";
    assert_eq!(chosen(base), ("minimal".to_owned(), features(&["embedded-app", "initrd", "small-code"])));
    let asked = chosen(&format!("{base}kconfig: [CONFIG_LIBELF=y]\npreset: minimal\n"));
    assert_eq!(asked.1, features(&["embedded-app", "exec", "initrd", "small-code"]));
    let (_, http) = chosen(&format!("{base}preset: http\n"));
    assert!(
        http.contains(&"embedded-app".to_owned()) && http.contains(&"net".to_owned()) && !http.contains(&"exec".to_owned()),
        "{http:?}"
    );
}

#[test]
fn a_native_server_gets_what_it_lists() {
    let core = core();
    let project = project(NATIVE_SERVER);
    let configured = configure(&core, &Request::new(&project, "Kraftfile", &project.targets[0])).unwrap();
    assert_eq!(
        configured.features,
        ["change-files", "eventfd", "exec", "initrd", "net", "ninep", "small-code", "virtio", "writable-files"]
    );
    assert!(configured.embeds_rootfs);
    insta::assert_snapshot!("native_summary", configured.report.summary());
    insta::assert_snapshot!("native_explained", explain(&core, &configured));
}

#[test]
fn a_linux_program_gets_everything_and_the_long_block_is_understood() {
    let core = core();
    let project = project(LOADER);
    let configured = configure(&core, &Request::new(&project, "Kraftfile", &project.targets[1])).unwrap();
    assert_eq!(configured.preset, "runtime");
    assert_eq!(configured.features, core.features_of(&core.preset("runtime").unwrap()));
    assert!(configured.report.unknown.is_empty(), "{:?}", configured.report.unknown);
    let environment = [("PATH", "/usr/bin:/bin"), ("HOME", "/")].map(|(name, value)| (name.to_owned(), value.to_owned()));
    assert_eq!(configured.environment, environment);
    insta::assert_snapshot!("loader_summary", configured.report.summary());
    insta::assert_snapshot!("loader_explained", explain(&core, &configured));
}

#[test]
fn presets_replace_the_block_and_later_wishes_win() {
    let base = "spec: v0.6\nunikraft: stable\n";
    let http = features(&format!("{base}preset: http\n"));
    assert!(http.contains(&"net".to_owned()) && !http.contains(&"procfs".to_owned()), "{http:?}");
    let without = features(&format!("{base}preset: http\nkconfig: [CONFIG_LIBNET=n]\n"));
    assert!(!without.contains(&"net".to_owned()), "{without:?}");
    let by_name = features("spec: v0.6\nunikraft: {kconfig: {CONFIG_PITH_PRESET: http}}\n");
    assert_eq!(by_name, http);
    // The core's options against a library's, a target's against both.
    let layers = "spec: v0.6\npreset: minimal\nunikraft: {kconfig: [CONFIG_LIBNET=n]}\nlibraries: {lwip: stable}\n";
    assert!(features(layers).contains(&"net".to_owned()));
    let (core, project) = (core(), project(&format!("{layers}targets: [{{plat: qemu, arch: x86_64, kconfig: [CONFIG_LIBNET=n]}}]\n")));
    let mut request = Request::new(&project, "Kraftfile", &project.targets[0]);
    assert_eq!(configure(&core, &request).unwrap().features, ["exec", "initrd", "small-code"]);
    let overrides = [("CONFIG_LIBNET".to_owned(), "y".to_owned()), ("LIBPROCFS".to_owned(), "y".to_owned())];
    request.overrides = &overrides;
    assert_eq!(
        configure(&core, &request).unwrap().features,
        ["devfs", "exec", "initrd", "net", "procfs", "small-code", "virtio", "writable-files"]
    );
    let error = configure(&core, &Request::new(&self::project(&format!("{base}preset: web\n")), "Kraftfile", &qemu())).unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no preset web (there are runtime, runtime-volumes, runtime-smp, minimal, http, batch, native, app)"
    );
}

#[test]
fn misspelt_and_ineffective_options_are_told() {
    let core = core();
    let text = "spec: v0.6\nunikraft:\n  kconfig:\n    CONFIG_LIBPOSIX_EVENTDF: 'y'\n    CONFIG_LIBSCHED: 'n'\n    CONFIG_LWIP_TCP: 'n'\n    \
                CONFIG_LIBVIRTIO_RING: 'y'\n    CONFIG_LIBPROCFS: maybe\n    CONFIG_ZZZ: 1\n    CONFIG_LIBPOSIX_PROCESS_MAX: 31\n";
    let project = project(text);
    let configured = configure(&core, &Request::new(&project, "Kraftfile", &qemu())).unwrap();
    let validation = validate(&configured);
    assert!(!validation.is_clean());
    let all: Vec<String> = validation.misspelt.into_iter().chain(validation.ineffective).collect();
    insta::assert_snapshot!("misspelt_and_ineffective", all.join("\n"));
    assert!(validate(&configure(&core, &Request::new(&self::project(HELLO), "Kraftfile", &qemu())).unwrap()).is_clean());
}

#[test]
fn a_library_that_nobody_knows_is_told() {
    let core = core();
    let said = |libraries: &str| {
        let project = project(&format!("spec: v0.6\nunikraft: stable\nlibraries: {{{libraries}}}\n"));
        let configured = configure(&core, &Request::new(&project, "Kraftfile", &qemu())).unwrap();
        configured.report.findings().join("\n")
    };
    assert_eq!(said("lwpi: stable"), "Kraftfile:3: there is no library lwpi; did you mean lwip?");
    assert_eq!(said("nothing-like-it: stable"), "Kraftfile:3: there is no library nothing-like-it; one of your own needs a source");
    // One of the project's own, here or not yet here.
    assert_eq!(said("own: ./own"), "");
    assert_eq!(said("own: 'https://git.example.com/own.git'"), "Kraftfile:3: CONFIG_LIBOWN is no option");
}

/// What `pith set` does: configure with overrides, write.
fn set(core: &Core, project: &Project, saved: Option<&Saved>, pairs: &[(&str, &str)]) -> Saved {
    let overrides: Vec<(String, String)> = pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    let target = qemu();
    let mut request = Request::new(project, "Kraftfile", &target);
    request.saved = saved;
    request.overrides = &overrides;
    let configured = configure(core, &request).unwrap();
    Saved::parse(".config.app", &saved::write(core, &configured, &target), Age::Newer)
}

fn with(core: &Core, project: &Project, saved: &Saved) -> (Vec<String>, Vec<String>, String) {
    let target = qemu();
    let mut request = Request::new(project, "Kraftfile", &target);
    request.saved = Some(saved);
    let configured = configure(core, &request).unwrap();
    (configured.features, configured.report.notes, configured.preset)
}

#[test]
fn what_is_saved_counts_and_a_changed_project_takes_effect() {
    let core = core();
    let before = project("spec: v0.6\nunikraft: stable\nkconfig: [CONFIG_LIBPOSIX_PIPE=y]\n");
    let saved = set(&core, &before, None, &[("CONFIG_LIBPOSIX_EPOLL", "y")]);
    assert_eq!(
        with(&core, &before, &saved),
        (["epoll", "exec", "initrd", "pipe", "small-code"].map(ToOwned::to_owned).to_vec(), Vec::new(), "minimal".to_owned())
    );
    // The project drops one option and gains another: both take effect, and the hand-made change stays.
    let after = project("spec: v0.6\nunikraft: stable\nkconfig: [CONFIG_LIBPOSIX_EVENTFD=y]\n");
    assert_eq!(with(&core, &after, &saved).0, ["epoll", "eventfd", "exec", "initrd", "small-code"]);
    // A second change keeps the first.
    let saved = set(&core, &after, Some(&saved), &[("CONFIG_LIBPOSIX_PIPE", "y")]);
    assert_eq!(with(&core, &after, &saved).0, ["epoll", "eventfd", "exec", "initrd", "pipe", "small-code"]);
    // A project that asks for the contrary of a hand-made change, later: said, and the change stays.
    let contrary = project("spec: v0.6\nunikraft: stable\nkconfig: [CONFIG_LIBPOSIX_EPOLL=n]\n");
    let (features, notes, _) = with(&core, &contrary, &saved);
    assert!(features.contains(&"epoll".to_owned()));
    assert_eq!(notes.len(), 1, "{notes:?}");
    assert!(notes[0].contains("CONFIG_LIBPOSIX_EPOLL=y is older than the project, which now asks for n"), "{notes:?}");
}

#[test]
fn what_an_option_comes_to_can_be_asked_for() {
    let own =
        "config APPDEMO_PORT\n\tint \"port\"\n\tdefault 80\nconfig APPDEMO_HIDDEN\n\tint \"hidden\"\n\tdepends on LIBPROCFS\n\tdefault 1\n";
    let core = Core::embedded(Some(own)).unwrap();
    let project = project(
        "spec: v0.6\nunikraft: {kconfig: {CONFIG_LWIP_TCP: n, CONFIG_LWIP_NUM_TCPCON: 64, CONFIG_LIBUKBLKDEV: y, CONFIG_STACK_SIZE_PAGE_ORDER: 4}}\nlibraries: {lwip: stable}\n",
    );
    let target = qemu();
    let text = "CONFIG_STACK_SIZE_PAGE_ORDER=5\nCONFIG_LIBPOSIX_PIPE=y\n# CONFIG_LWIP_NONE is not set\n";
    let saved = Saved::parse(".config.app", text, Age::Newer);
    let overrides = [("APPDEMO_PORT".to_owned(), "8080".to_owned())];
    let request = Request { saved: Some(&saved), overrides: &overrides, ..Request::new(&project, "Kraftfile", &target) };
    let configured = configure(&core, &request).unwrap();
    for (name, expected) in [
        // The core's own and the application's: a value, whoever gave it.
        ("CONFIG_LIBNET", Some("y")),
        ("CONFIG_LIBPOSIX_PIPE", Some("y")),
        ("CONFIG_LIBPROCFS", Some("n")),
        ("LIBPROCFS", Some("n")),
        ("CONFIG_APPDEMO_PORT", Some("8080")),
        ("CONFIG_APPDEMO_HIDDEN", None),
        // Names of Unikraft's: the counterpart's value, what is always or never there, and else what was asked for last.
        ("CONFIG_LIBLWIP", Some("y")),
        ("CONFIG_LIBUKSIGNAL", Some("n")),
        ("CONFIG_LWIP_TCP", Some("y")),
        ("CONFIG_LIBUKBLKDEV", Some("n")),
        ("CONFIG_LWIP_NUM_TCPCON", Some("64")),
        ("CONFIG_STACK_SIZE_PAGE_ORDER", Some("5")),
        ("CONFIG_NOTHING_LIKE_IT", None),
    ] {
        assert_eq!(configured.option(&core, name).as_deref(), expected, "{name}");
    }
}

#[test]
fn a_preset_chosen_by_hand_is_kept() {
    let core = core();
    let project = project(HELLO);
    let saved = set(&core, &project, None, &[("CONFIG_PITH_PRESET", "http")]);
    let (features, _, preset) = with(&core, &project, &saved);
    assert_eq!(preset, "http");
    assert_eq!(features, core.features_of(&core.preset("http").unwrap()));
    let saved = set(&core, &project, Some(&saved), &[("CONFIG_PITH_PRESET", "minimal"), ("CONFIG_LIBNET", "y")]);
    assert_eq!(with(&core, &project, &saved).0, ["exec", "initrd", "net", "small-code", "virtio", "writable-files"]);
}

#[test]
fn a_foreign_config_counts_with_every_line_and_staleness_is_said() {
    let core = core();
    let project = project("spec: v0.6\nunikraft: stable\nkconfig: [CONFIG_LIBNET=y]\n");
    let text = "# CONFIG_LIBNET is not set\nCONFIG_LIBPOSIX_PIPE=y\nCONFIG_LIBUKDEBUG=y\nCONFIG_LIBPOSIX_PIEP=y\nnonsense\n";
    let newer = with(&core, &project, &Saved::parse(".config.app", text, Age::Newer));
    assert_eq!((newer.0, newer.1.len()), (["exec", "initrd", "pipe", "small-code"].map(ToOwned::to_owned).to_vec(), 1));
    let older = with(&core, &project, &Saved::parse(".config.app", text, Age::Older));
    insta::assert_snapshot!("stale", older.1.join("\n"));
}

#[test]
fn another_version_of_the_core_is_said() {
    let project = project(HELLO);
    let old = Core::embedded(Some("config APPDEMO\n\tbool \"demo\"\n\tdefault y\nconfig APPGONE\n\tbool \"gone\"\n\tdefault y\n")).unwrap();
    let saved = set(&old, &project, None, &[("CONFIG_LIBPOSIX_PIPE", "y")]);
    let new = Core::embedded(Some("config APPDEMO\n\tbool \"demo\"\n\tdefault y\nconfig APPNEW\n\tbool \"new\"\n\tdefault y\n")).unwrap();
    let (features, notes, _) = with(&new, &project, &saved);
    assert_eq!(features, ["exec", "initrd", "pipe", "small-code"]);
    assert_eq!(notes, [".config.app is of another version of the core: 1 of its options are gone, 1 are new"]);
}

#[test]
fn saved_files_are_where_kraft_has_them() {
    let path = |text: &str| {
        let project = project(text);
        saved::path(std::path::Path::new("/p"), "app", &project.targets[0]).display().to_string()
    };
    let base = "spec: v0.6\nunikraft: stable\ntargets:";
    assert_eq!(path(&format!("{base} [qemu/x86_64]")), "/p/.config.app_qemu-x86_64");
    assert_eq!(path(&format!("{base} [{{name: small, plat: fc, arch: x86_64}}]")), "/p/.config.small_fc-x86_64");
    assert_eq!(path(&format!("{base} [{{plat: fc, arch: x86_64, output: out/kernel.elf}}]")), "/p/.config.kernel.elf");
}

/// A program that Unikraft has as a library, for every machine that it has.
const PROGRAM_LIBRARY: &str = "spec: v0.6
name: script
rootfs: ./rootfs
cmd: [\"/main.lua\"]
unikraft:
  version: staging
  kconfig:
    CONFIG_LIBRAMFS: 'y'
    CONFIG_LIBUK9P: 'y'
    CONFIG_LIBUKCPIO: 'y'
    CONFIG_LIBVFSCORE: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_FB: 'y'
    CONFIG_LIBVFSCORE_AUTOMOUNT_FB0_DEV: \"embedded\"
    CONFIG_LIBVFSCORE_AUTOMOUNT_FB0_DRIVER: \"extract\"
    CONFIG_STACK_SIZE_PAGE_ORDER: 10
targets:
- qemu/x86_64
- qemu/arm64
- fc/x86_64
- fc/arm64
libraries:
  musl: stable
  zlib: staging
  libuuid: staging
  lua:
    version: stable
    kconfig:
      CONFIG_LUA_MAIN_FUNCTION: 'y'
";

/// C++ and its libraries, options without quotes, a platform that is no more.
const CXX: &str = "spec: v0.6
name: greetings
unikraft:
  version: stable
  kconfig:
    CONFIG_LIBPOSIX_SYSINFO: y
    CONFIG_LIBUKSIGNAL: y
targets: [linuxu/x86_64, qemu/x86_64, xen/x86_64, qemu/arm64, fc/x86_64]
libraries:
  libcxxabi: stable
  libcxx: stable
  libunwind: stable
  compiler-rt:
    version: stable
    kconfig: {CONFIG_LIBCOMPILER_RT: 'y'}
  musl: stable
";

/// A runtime whose loader is a library, in the latest version of the format, for a platform that is not ours.
const LOADER_LIBRARY: &str = "spec: v0.7
name: base
unikraft:
  source: https://example.com/unikraft.git
  version: staging
  kconfig:
    CONFIG_PLAT_HYPERLIGHT: 'y'
    CONFIG_PAGING: 'n'
    CONFIG_HYPERLIGHT_HCALL: 'y'
    CONFIG_LIBHOSTFS: 'y'
    CONFIG_LIBHOSTFS_AUTOMOUNT: 'y'
    CONFIG_LIBCPIOVFS: 'y'
    CONFIG_LIBPOSIX_PROCESS_MULTITHREADING: 'y'
    CONFIG_LIBPOSIX_PROCESS_EXECVE: 'y'
    CONFIG_LIBPOSIX_USER_UID: \"0\"
    CONFIG_STACK_SIZE_PAGE_ORDER: \"9\"
libraries:
  app-elfloader:
    source: https://example.com/app-elfloader.git
    version: staging
    kconfig: {CONFIG_APPELFLOADER: 'y', CONFIG_APPELFLOADER_VFSEXEC_ENVPATH: 'y', CONFIG_LIBELF: 'y'}
  libelf: {source: 'https://example.com/lib-libelf.git', version: staging}
targets:
  - {architecture: x86_64, platform: hyperlight}
  - {architecture: x86_64, platform: qemu}
  - kraftcloud/x86_64
rootfs: ./Dockerfile
cmd: [\"/bin/app\"]
";

#[test]
fn other_shapes_of_the_catalogue_are_understood_in_a_few_lines() {
    let core = core();
    for (text, buildable, preset, wanted, lines) in [
        (PROGRAM_LIBRARY, &["qemu/x86_64", "fc/x86_64"][..], "minimal", "ninep", 2),
        (CXX, &["qemu/x86_64", "fc/x86_64"], "minimal", "signals", 1),
        (LOADER_LIBRARY, &["qemu/x86_64", "kraftcloud/x86_64"], "runtime", "threads", 4),
    ] {
        let project = project(text);
        assert_eq!(project.warnings, [], "{text}");
        let mut built = Vec::new();
        for target in &project.targets {
            let Ok(configured) = configure(&core, &Request::new(&project, "Kraftfile", target)) else { continue };
            assert_eq!(configured.preset, preset, "{text}");
            assert!(configured.features.iter().any(|feature| feature == wanted), "{:?}", configured.features);
            assert_eq!(configured.report.unknown, [], "{text}");
            let summary = configured.report.summary();
            assert!(summary.lines().count() <= lines, "{summary}");
            built.push(target.shown());
        }
        assert_eq!(built, buildable);
    }
    let of = |text: &str, number: usize| {
        let project = project(text);
        configure(&core, &Request::new(&project, "Kraftfile", &project.targets[number])).unwrap_err().to_string()
    };
    assert_eq!(of(LOADER_LIBRARY, 0), "cannot build for hyperlight/x86_64: there is no platform for Hyperlight");
    assert_eq!(of(CXX, 0), "cannot build for linuxu/x86_64: an image boots on a virtual machine monitor only");
    assert_eq!(of("spec: v0.6\nunikraft: x\ntargets: [qemu/arm]\n", 0), "cannot build for qemu/arm: there is no kernel for 32-bit ARM");
}

/// The names that the public catalogue's entries use, each known.
#[test]
fn names_of_the_catalogue_are_known() {
    let core = core();
    let names = include_str!("catalogue-names.txt").split_whitespace();
    let text: String = names.map(|name| format!("    CONFIG_{name}: 'y'\n")).collect();
    let project = project(&format!("spec: v0.6\nunikraft:\n  kconfig:\n{text}"));
    let configured = configure(&core, &Request::new(&project, "Kraftfile", &qemu())).unwrap();
    let unknown: Vec<&str> = configured.report.unknown.iter().map(|unknown| unknown.name.as_str()).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}
