//! The builder with stand-ins for cargo and rustc: what is compiled, how often, and what is said when it cannot be.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../../pith/tests/common/kill.rs"]
mod kill;

use kill::Processes::Own;
use pith_builder::{BuildError, Choice, Configuration, Constant, Core, Made, Order, Progress, Reuse, Toolchain, Value, build};
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

/// What cargo's stand-in does: notes that it was called, waits where it is told to, and leaves a kernel.
const CARGO: &str = include_str!("fake/cargo.sh");

const RUSTC: &str = include_str!("fake/rustc.sh");

/// A kernel as far as finishing one goes: one function and the byte for the number of vector registers.
const KERNEL: &str = include_str!("fake/kernel.s");

struct Place {
    directory: tempfile::TempDir,
}

fn script(path: &Path, text: &str) {
    fs::write(path, text).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

impl Place {
    fn new() -> Self {
        let place = Self { directory: tempfile::tempdir().unwrap() };
        for directory in ["core/kernel/image", "core/kernel/lib/vfs/src", "core/kernel/lib/vfs/tests", "core/crates/pith-abi", "lib"] {
            fs::create_dir_all(place.path(directory)).unwrap();
        }
        for (file, text) in [
            ("core/kernel/Kconfig", ""),
            ("core/kernel/Cargo.lock", "[[package]]\n"),
            ("core/kernel/Cargo.toml", "pith-abi = { path = \"../crates/pith-abi\" }\n"),
            (
                "core/kernel/image/Cargo.toml",
                "[features]\nminimal = [\"initrd\", \"small-code\"]\nhttp = [\"minimal\", \"net\"]\nnet = [\"dep:net\"]\n",
            ),
            ("core/kernel/lib/vfs/Cargo.toml", "[package]\n\n[[test]]\nname = \"slow\"\n\n[lints]\n"),
            ("core/kernel/lib/vfs/src/lib.rs", "// one\n"),
            ("core/kernel/lib/vfs/tests/slow.rs", "// a test\n"),
            ("core/kernel/lib/vfs/README.md", "# vfs\n"),
            ("core/crates/pith-abi/Cargo.toml", "[package]\n\n[dev-dependencies]\nproptest = \"1\"\n\n[lints]\n"),
            ("release", "1.95.0"),
            ("kernel.s", KERNEL),
        ] {
            fs::write(place.path(file), text).unwrap();
        }
        fs::write(place.path("libdir"), place.path("lib").as_os_str().as_encoded_bytes()).unwrap();
        script(&place.path("cargo"), CARGO);
        script(&place.path("rustc"), RUSTC);
        let mut linker = Command::new("cc");
        linker.args(["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none", "-o"]).arg(place.path("linked")).arg(place.path("kernel.s"));
        assert!(linker.status().unwrap().success());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    fn choice(&self) -> Choice {
        Choice { cargo: Some(self.path("cargo").into()), rustc: Some(self.path("rustc").into()), linker: None }
    }

    fn calls(&self) -> usize {
        fs::read_to_string(self.path("calls")).map_or(0, |text| text.lines().count())
    }

    fn build_with(
        &self,
        configuration: &Configuration,
        reuse: Reuse,
        reporter: &dyn Fn(Progress<'_>),
    ) -> Result<(PathBuf, Made), BuildError> {
        let core = Core::checkout(&self.path("core"))?;
        let toolchain = Toolchain::find(&self.choice(), &core.root().join("kernel"))?;
        let order =
            Order { core: &core, configuration, toolchain: &toolchain, cache: &self.path("cache"), jobs: None, log: None, reuse, reporter };
        build(&order).map(|(kernel, made)| (kernel.image(), made))
    }

    fn build(&self, configuration: &Configuration) -> Result<(PathBuf, Made), BuildError> {
        self.build_with(configuration, Reuse::Finished, &|_| ())
    }

    /// The error with its help, the place's own path taken out.
    fn error(&self, error: &BuildError) -> String {
        let help = error.help().map(|help| format!("\n  help: {help}")).unwrap_or_default();
        let text = format!("{error}{help}").replace(&self.directory.path().display().to_string(), "HERE");
        // The directory that a checkout is compiled in is named after its path.
        match text.split_once("checkout-") {
            Some((before, after)) => format!("{before}checkout-PLACE{}", &after[16..]),
            None => text,
        }
    }

    /// A compiler that waits until this is dropped.
    fn gate(&self) {
        let path = CString::new(self.path("gate").as_os_str().as_encoded_bytes()).unwrap();
        rustix::fs::mknodat(rustix::fs::CWD, path.as_c_str(), rustix::fs::FileType::Fifo, 0o600.into(), 0).unwrap();
    }
}

#[test]
fn the_same_kernel_is_compiled_once() {
    let place = Place::new();
    let runtime = Configuration::preset("runtime");
    assert_eq!(place.build(&runtime).unwrap().1, Made::Now);
    assert_eq!(place.build(&runtime).unwrap().1, Made::Before);
    // Documents and tests are no part of it, nor is the order of features.
    fs::write(place.path("core/kernel/lib/vfs/README.md"), "# other\n").unwrap();
    fs::write(place.path("core/kernel/lib/vfs/tests/slow.rs"), "// other\n").unwrap();
    assert_eq!(place.build(&runtime).unwrap().1, Made::Before);
    let two = |names: [&str; 2]| Configuration { features: names.map(str::to_owned).to_vec(), constants: Vec::new(), application: None };
    assert_eq!(place.build(&two(["net", "unix"])).unwrap().1, Made::Now);
    assert_eq!(place.build(&two(["unix", "net"])).unwrap().1, Made::Before);
    // Sources, constants and the compiler are.
    let constant = Constant { name: "A".to_owned(), value: Value::Number(1) };
    assert_eq!(place.build(&Configuration { constants: vec![constant], ..runtime.clone() }).unwrap().1, Made::Now);
    fs::write(place.path("core/kernel/lib/vfs/src/lib.rs"), "// two\n").unwrap();
    assert_eq!(place.build(&runtime).unwrap().1, Made::Now);
    fs::write(place.path("release"), "1.96.0").unwrap();
    assert_eq!(place.build(&runtime).unwrap().1, Made::Now);
    assert_eq!(place.calls(), 5);
    // Unless that is asked for.
    assert_eq!(place.build_with(&runtime, Reuse::Nothing, &|_| ()).unwrap().1, Made::Now);
    assert_eq!(place.calls(), 6);
}

#[test]
fn what_is_damaged_is_built_again() {
    let place = Place::new();
    let runtime = Configuration::preset("runtime");
    let (image, _) = place.build(&runtime).unwrap();
    let whole = fs::read(&image).unwrap();
    fs::write(&image, &whole[..whole.len() - 1]).unwrap();
    assert_eq!(place.build(&runtime).unwrap(), (image.clone(), Made::Now));
    assert_eq!(fs::read(&image).unwrap(), whole);
}

#[test]
fn an_image_is_its_segments_and_the_number_of_its_vector_registers() {
    let place = Place::new();
    let (image, _) = place.build(&Configuration::preset("runtime")).unwrap();
    let bytes = fs::read(&image).unwrap();
    let debug = fs::read(image.with_extension("dbg")).unwrap();
    assert!(bytes.len() < debug.len());
    assert_eq!((&bytes[40..48], &bytes[60..64]), (&[0; 8][..], &[0; 4][..]), "section headers are left");
    // xmm3 is the highest one: four.
    assert_eq!(bytes.last(), Some(&4));
    let symbols = fs::read_to_string(image.with_extension("sym")).unwrap();
    assert!(symbols.lines().count() == 1 && symbols.ends_with("  _start\n"), "{symbols}");
}

#[test]
fn the_copy_that_is_compiled_has_everything_below_one_directory() {
    let place = Place::new();
    place.build(&Configuration::preset("runtime")).unwrap();
    let work = fs::read_dir(place.path("cache/compile")).unwrap().next().unwrap().unwrap().path().join("src");
    let read = |name: &str| fs::read_to_string(work.join(name)).unwrap();
    assert_eq!(read("Cargo.toml"), "pith-abi = { path = \"pith-abi\" }\n");
    assert_eq!(read("pith-abi/Cargo.toml"), "[package]\n\n[lints]\n");
    assert_eq!(read("lib/vfs/Cargo.toml"), "[package]\n\n[lints]\n");
    fs::rename(place.path("core/kernel/lib/vfs/src/lib.rs"), place.path("core/kernel/lib/vfs/src/new.rs")).unwrap();
    place.build(&Configuration::preset("runtime")).unwrap();
    assert!(work.join("lib/vfs/src/new.rs").is_file() && !work.join("lib/vfs/src/lib.rs").exists());
}

#[test]
fn two_builds_at_once_compile_once() {
    let place = Place::new();
    place.gate();
    let waiting = AtomicU32::new(0);
    let reporter = |progress: Progress<'_>| {
        if progress == Progress::Waiting {
            // The first one has the lock and waits for this.
            waiting.fetch_add(1, Ordering::SeqCst);
            drop(fs::File::options().write(true).open(place.path("gate")).unwrap());
        }
    };
    let made: Vec<Made> = std::thread::scope(|scope| {
        let start = || scope.spawn(|| place.build_with(&Configuration::preset("runtime"), Reuse::Finished, &reporter).unwrap().1);
        let threads = [start(), start()];
        threads.map(|thread| thread.join().unwrap()).to_vec()
    });
    assert!(made.contains(&Made::Now) && made.contains(&Made::Before), "{made:?}");
    assert_eq!((waiting.load(Ordering::SeqCst), place.calls()), (1, 1));
}

#[test]
fn a_killed_build_leaves_nothing_in_the_way() {
    let place = Place::new();
    let runtime = Configuration::preset("runtime");
    let (image, _) = place.build(&runtime).unwrap();
    let whole = fs::read(&image).unwrap();
    // The program that `make images` runs, over this place's checkout and cache.
    fs::create_dir_all(place.path("core/kernel/target/images")).unwrap();
    std::os::unix::fs::symlink(place.path("cache"), place.path("core/kernel/target/images/cache")).unwrap();
    let victim = || {
        let mut victim = Command::new(env!("CARGO_BIN_EXE_pith-kernel"));
        victim.arg("--core").arg(place.path("core")).args(["--anew", "runtime"]).arg(place.path("out"));
        let path = [place.path("").into_os_string(), std::env::var_os("PATH").unwrap()].join(std::ffi::OsStr::new(":"));
        victim.env("PATH", path);
        victim
    };
    let (undisturbed, calls) = kill::calls(&victim(), Own, &place.path("list"));
    assert!(undisturbed.status.success(), "{undisturbed:?}");
    assert_eq!(fs::read(place.path("out/runtime-x86_64")).unwrap(), whole);
    // It walks through the whole build.
    let mut kills = 0;
    for step in 0..24 {
        let killed = kill::killed_at(&victim(), Own, &calls[calls.len() * step / 24]);
        kills += usize::from(killed.status.signal() == Some(9));
        let (found, _) = place.build(&runtime).unwrap();
        assert_eq!(fs::read(found).unwrap(), whole, "step {step}");
        let left: Vec<_> = fs::read_dir(place.path("cache/kernels")).unwrap().flatten().map(|entry| entry.file_name()).collect();
        place.build_with(&runtime, Reuse::Nothing, &|_| ()).unwrap();
        let after = fs::read_dir(place.path("cache/kernels")).unwrap().count();
        assert_eq!(after, 1, "step {step}: {left:?} before");
    }
    assert!(kills > 12, "only {kills} of 24 were killed");
}

#[test]
fn what_is_missing_is_named_with_how_to_get_it() {
    let place = Place::new();
    let find = |choice: &Choice| place.error(&Toolchain::find(choice, &place.path("core/kernel")).unwrap_err());
    let nowhere = || Some("/nowhere/program".into());
    let mut said = vec![
        find(&Choice { cargo: nowhere(), ..place.choice() }),
        find(&Choice { rustc: nowhere(), ..place.choice() }),
        find(&Choice { linker: nowhere(), ..place.choice() }),
        find(&Choice { linker: Some("false".into()), ..place.choice() }),
    ];
    fs::write(place.path("release"), "1.85.1").unwrap();
    said.push(find(&place.choice()));
    fs::write(place.path("release"), "1.95.0").unwrap();
    let runtime = Configuration::preset("runtime");
    let failure = || place.error(&place.build(&runtime).unwrap_err());
    fs::write(place.path("libdir"), "/nowhere").unwrap();
    said.push(failure());
    fs::write(place.path("libdir"), "/").unwrap();
    fs::write(place.path("error"), "   Compiling vfs v0.1.0\nerror[E0425]: cannot find value `x`\n --> lib/vfs/src/lib.rs:1:1\n").unwrap();
    said.push(failure());
    fs::remove_file(place.path("error")).unwrap();
    fs::write(place.path("linked"), "no kernel").unwrap();
    said.push(failure());
    fs::remove_dir_all(place.path("cache")).unwrap();
    fs::write(place.path("cache"), "a file").unwrap();
    said.push(failure());
    fs::write(place.path("core/kernel/Cargo.toml"), "[workspace]\n").unwrap();
    fs::remove_file(place.path("cache")).unwrap();
    said.push(failure());
    fs::remove_file(place.path("core/kernel/Kconfig")).unwrap();
    said.push(failure());
    insta::assert_snapshot!(said.join("\n\n"));
}

#[test]
fn a_log_has_all_that_the_compiler_says() {
    let place = Place::new();
    let core = Core::checkout(&place.path("core")).unwrap();
    let toolchain = Toolchain::find(&place.choice(), &core.root().join("kernel")).unwrap();
    let (configuration, log) = (Configuration::preset("http"), place.path("log"));
    let order = Order {
        core: &core,
        configuration: &configuration,
        toolchain: &toolchain,
        cache: &place.path("cache"),
        jobs: Some(3),
        log: Some(&log),
        reuse: Reuse::Finished,
        reporter: &|_| (),
    };
    build(&order).unwrap();
    let text = fs::read_to_string(log).unwrap();
    assert!(text.contains("--features") && text.contains("http") && text.contains("   Compiling vfs v0.1.0\n"), "{text}");
    assert!(fs::read_to_string(place.path("calls")).unwrap().contains("--jobs=3"));
}

#[test]
fn what_is_kept_can_be_removed() {
    let place = Place::new();
    let runtime = Configuration::preset("runtime");
    place.build(&runtime).unwrap();
    let cache = place.path("cache");
    let usage = pith_builder::usage(&cache);
    assert!(usage.kernels == 1 && usage.bytes > 0, "{usage:?}");
    // Not from under a build that is at work.
    let compile = fs::read_dir(cache.join("compile")).unwrap().next().unwrap().unwrap().path();
    let lock = fs::File::options().write(true).open(compile.join("lock")).unwrap();
    lock.lock().unwrap();
    pith_builder::prune(&cache).unwrap();
    assert!(compile.join("src").is_dir());
    // Not by closing: a program that another test is starting may still have it.
    lock.unlock().unwrap();
    pith_builder::prune(&cache).unwrap();
    assert_eq!(pith_builder::usage(&cache).kernels, 0);
    assert!(!compile.exists());
    assert_eq!(place.build(&runtime).unwrap().1, Made::Now);
}

#[test]
fn options_that_the_compiler_does_not_know_are_left_out_and_asked_for_once() {
    let place = Place::new();
    fs::write(place.path("unknown"), "enable-pre=false\ndisable-lsr\n").unwrap();
    let runtime = Configuration::preset("runtime");
    let told = std::cell::RefCell::new(Vec::new());
    let reporter = |progress: Progress<'_>| {
        if let Progress::WithoutOption { name } = progress {
            told.borrow_mut().push(name.to_owned());
        }
    };
    let record = |reuse| {
        let core = Core::checkout(&place.path("core")).unwrap();
        let toolchain = Toolchain::find(&place.choice(), &core.root().join("kernel")).unwrap();
        let cache = place.path("cache");
        let order = Order {
            core: &core,
            configuration: &runtime,
            toolchain: &toolchain,
            cache: &cache,
            jobs: None,
            log: None,
            reuse,
            reporter: &reporter,
        };
        build(&order).unwrap().0.record
    };
    let flags = record(Reuse::Finished).flags;
    assert_eq!(*told.borrow(), ["enable-pre=false", "disable-lsr"]);
    let has = |name: &str| flags.iter().any(|flag| flag.ends_with(name));
    assert!(has("-align-loops=1") && !has("-enable-pre=false") && !has("-disable-lsr"), "{flags:?}");
    let asked = || fs::read_to_string(place.path("asked")).unwrap().lines().count();
    let first = asked();
    record(Reuse::Nothing);
    assert_eq!(asked(), first, "asked again");
    // Another compiler is another matter.
    fs::remove_file(place.path("unknown")).unwrap();
    fs::write(place.path("release"), "1.96.0").unwrap();
    told.borrow_mut().clear();
    assert!(record(Reuse::Finished).flags.len() > flags.len() && told.borrow().is_empty());
}

#[test]
fn a_preset_chooses_small_code_as_an_option_does() {
    let place = Place::new();
    let outlined = |features: &[&str]| {
        let features = features.iter().map(|name| (*name).to_owned()).collect();
        let (image, _) = place.build(&Configuration { features, ..Configuration::default() }).unwrap();
        let record = fs::read_to_string(image.with_file_name("built.json")).unwrap();
        let calls = fs::read_to_string(place.path("calls")).unwrap();
        (record.contains("enable-machine-outliner"), calls.lines().last().unwrap().contains("opt-level"))
    };
    assert_eq!(outlined(&["initrd"]), (false, false));
    assert_eq!(outlined(&["initrd", "small-code"]), (true, true));
    assert_eq!(outlined(&["minimal"]), (true, true));
    // Requests pass through the network: there speed counts.
    assert_eq!(outlined(&["http"]), (false, false));
}
