//! The application: which one it is, and its first thread.

#[cfg(feature = "exec")]
use alloc::string::String;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use machine::end;
use pith_abi::cmdline::GuestConfig;
use pith_abi::exit;
#[cfg(feature = "embedded-app")]
use process::LaidOut;
#[cfg(feature = "exec")]
use process::LoadError;
use process::{Arguments, Credentials, Process, Services, Thread};
use signal::{SigInfo, Signal};
use spin::Once;
use uapi::Errno;
use vfs::Context;

#[cfg(not(any(feature = "exec", feature = "embedded-app")))]
compile_error!("an image starts its application from a file (exec), carries it (embedded-app), or both");

/// The default search path of an application without PATH, as container engines set it.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What this machine is for.
pub enum Application {
    /// The program that the image carries.
    #[cfg(feature = "embedded-app")]
    Carried(LaidOut),
    /// The program that the command line names.
    #[cfg(feature = "exec")]
    Named(String),
}

impl Application {
    /// The program that the image carries, else the one that the command line names.
    pub fn find(config: &GuestConfig) -> Self {
        #[cfg(feature = "embedded-app")]
        if let Some(program) = crate::program::find() {
            return Self::Carried(program);
        }
        #[cfg(feature = "exec")]
        if let Some(command) = config.argv.first() {
            return Self::Named(command.clone());
        }
        #[cfg(feature = "exec")]
        end::failed(exit::NOT_FOUND, format_args!("no command: the guest command line names no program (put it behind --)"));
        #[cfg(not(feature = "exec"))]
        {
            let _ = config;
            end::failed(
                exit::NOT_FOUND,
                format_args!("this image carries no program, and cannot start one from a file: it was built without CONFIG_LIBELF"),
            );
        }
    }

    /// What it is called.
    pub fn name(&self) -> &[u8] {
        match self {
            #[cfg(feature = "embedded-app")]
            Self::Carried(program) => program.name,
            #[cfg(feature = "exec")]
            Self::Named(command) => command.as_bytes(),
        }
    }

    /// Its first thread, ready to run.
    pub fn start(&self, services: &Arc<Services>, context: Context, config: &GuestConfig) -> Arc<Thread> {
        match self {
            #[cfg(feature = "embedded-app")]
            Self::Carried(program) => start_carried(services, context, config, program),
            #[cfg(feature = "exec")]
            Self::Named(command) => start_file(services, context, config, command),
        }
    }
}

/// The environment: a default PATH, then what the command line says; of equal names the last wins.
fn environment(config: &GuestConfig) -> Vec<Vec<u8>> {
    let name = |entry: &[u8]| entry.iter().position(|b| *b == b'=').unwrap_or(entry.len());
    let mut list = alloc::vec![[b"PATH=", PATH.as_bytes()].concat()];
    for entry in &config.env {
        let entry = entry.as_bytes();
        list.retain(|old| old[..name(old)] != entry[..name(entry)]);
        list.push(entry.to_vec());
    }
    list
}

/// Whom the command line wants the application to run as.
fn credentials(config: &GuestConfig) -> Credentials {
    let mut who = Credentials::default();
    if let Some(user) = &config.user {
        let groups = who.setgroups(&user.groups).and_then(|()| who.setgid(user.gid));
        if groups.and_then(|()| who.setuid(user.uid)).is_err() {
            panic!("root may become anybody");
        }
    }
    who
}

/// Maps the program that lies in the image. Its name is its first argument; the command line has the others.
#[cfg(feature = "embedded-app")]
fn start_carried(services: &Arc<Services>, context: Context, config: &GuestConfig, program: &LaidOut) -> Arc<Thread> {
    let words = config.argv.iter().map(|word| word.clone().into_bytes());
    let arguments = Arguments { argv: core::iter::once(program.name.to_vec()).chain(words).collect(), envp: environment(config) };
    match Process::prepare_laid_out(services, &machine::memory::FRAMES, context, credentials(config), program, &arguments) {
        Ok(thread) => thread,
        Err(error) if error.errno == Errno::ENOMEM => end::out_of_memory(format_args!("starting the application: {}", error.reason)),
        Err(error) => end::failed(exit::NOT_EXECUTABLE, format_args!("the image's application: {}", error.reason)),
    }
}

/// Bytes as text, made when somebody looks.
#[cfg(feature = "exec")]
struct Lossy<'a>(&'a [u8]);

#[cfg(feature = "exec")]
impl core::fmt::Display for Lossy<'_> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&String::from_utf8_lossy(self.0))
    }
}

/// Loads the program from its file: a name with a slash as it is, another along PATH.
#[cfg(feature = "exec")]
fn start_file(services: &Arc<Services>, context: Context, config: &GuestConfig, command: &str) -> Arc<Thread> {
    let envp = environment(config);
    let argv: Vec<Vec<u8>> = config.argv.iter().map(|a| a.clone().into_bytes()).collect();
    let search = envp.iter().find_map(|e| e.strip_prefix(b"PATH=")).unwrap_or(PATH.as_bytes()).to_vec();
    let mut candidates: Vec<Vec<u8>> = Vec::new();
    if command.as_bytes().contains(&b'/') {
        candidates.push(command.as_bytes().to_vec());
    } else {
        // An image that holds nothing but the program has it at its top.
        for dir in search.split(|b| *b == b':').chain(core::iter::once(&b"/"[..])) {
            let mut path = if dir.is_empty() { b".".to_vec() } else { dir.to_vec() };
            if path.last() != Some(&b'/') {
                path.push(b'/');
            }
            path.extend_from_slice(command.as_bytes());
            candidates.push(path);
        }
    }
    let who = credentials(config);
    let mut worst: Option<LoadError> = None;
    for path in &candidates {
        let arguments = Arguments { argv: argv.clone(), envp: envp.clone() };
        match Process::prepare(services, context.clone(), who.clone(), path, arguments) {
            Ok(thread) => return thread,
            // The first candidate that exists and cannot run tells more than those that do not exist.
            Err(error) if worst.as_ref().is_none_or(|w| w.errno == Errno::ENOENT) => worst = Some(error),
            Err(_) => {}
        }
    }
    match worst {
        Some(error) if error.errno == Errno::ENOENT && candidates.len() > 1 => {
            end::failed(exit::NOT_FOUND, format_args!("{command} is not in the image (looked in {})", Lossy(&search)))
        }
        Some(error) if error.errno == Errno::ENOENT => end::failed(exit::NOT_FOUND, format_args!("{}", error.reason)),
        Some(error) if error.errno == Errno::ENOMEM => end::out_of_memory(format_args!("starting {command}: {}", error.reason)),
        Some(error) => end::failed(exit::NOT_EXECUTABLE, format_args!("{}", error.reason)),
        None => end::failed(exit::NOT_FOUND, format_args!("{command} is not in the image")),
    }
}

static STARTED: Once<Weak<Process>> = Once::new();

/// Signals from outside go to `process` from here on.
pub fn reach(process: &Arc<Process>) {
    STARTED.call_once(|| Arc::downgrade(process));
}

#[unsafe(no_mangle)]
extern "Rust" fn pith_signal(number: u8) -> bool {
    match (STARTED.get().and_then(Weak::upgrade), Signal::new(number.into())) {
        (Some(process), Ok(signal)) => {
            // A full queue means that the application is being told already.
            let _ = process.send_signal(SigInfo::kernel(signal), None);
            true
        }
        _ => false,
    }
}
