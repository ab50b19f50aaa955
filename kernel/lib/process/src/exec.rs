//! Starting the first program, and replacing the one that runs: execve(2).

use crate::arch::UserRegs;
use crate::load::load;
use crate::{Arguments, Credentials, Interruptible, LoadError, Process, Resource, Rlimit, Services, Thread};
use alloc::sync::Arc;
use uapi::{Errno, Result};
use vfs::{Context, Follow, Location, LockOwner};
use wait::Events;

impl Process {
    /// Loads the program at `path` into a new process, whose address space becomes the active one. The thread it answers with begins the program
    /// once [`Thread::start`] is called; descriptors 0, 1 and 2 are the caller's to fill before. `who` takes the place of the user that `fs` has.
    pub fn prepare(
        services: &Arc<Services>,
        mut fs: Context,
        who: Credentials,
        path: &[u8],
        arguments: Arguments,
    ) -> Result<Arc<Thread>, LoadError> {
        (fs.uid, fs.gid, fs.groups) = (who.uid.fs, who.gid.fs, who.groups.clone());
        let location = fs.resolve(None, path, Follow::Yes).map_err(|errno| match errno {
            Errno::ENOENT => LoadError::new(errno, path, " is not in the image"),
            _ => LoadError::failed(errno, path, ": "),
        })?;
        let stack_limit = Rlimit::at_start(Resource::Stack).current;
        let program = load(services, &fs, &who, location, path, arguments, stack_limit)?;
        Self::begin(services, fs, who, program)
    }
}

/// Replaces the program of the calling thread's process by the one at `location`, found under the name `path`: on success `regs` are the new
/// program's, all other threads have ended, and the system call must not write a result into them. On failure nothing has changed, unless
/// the thread itself was told to end meanwhile.
#[cfg(feature = "execve")]
pub fn exec(thread: &Arc<Thread>, regs: &mut UserRegs, location: Location, path: &[u8], arguments: Arguments) -> Result<(), LoadError> {
    let process = thread.process().clone();
    let services = thread.services().clone();
    let stack_limit = process.rlimit(Resource::Stack).current;
    let who = process.credentials().after_exec();
    let program = load(&services, &process.fs(), &who, location, path, arguments, stack_limit)?;
    become_only_thread(thread)?;

    // From here on there is no way back, and nothing that can fail.
    crate::exit::release_futexes(thread);
    if thread.tid() != process.pid() {
        services.unregister(thread.tid());
        thread.set_tid(process.pid());
        services.register(thread);
    }
    services.platform.activate(&program.space);
    process.set_mm(program.space);
    process.apply_memory_limits();
    process.set_program(program.info);
    process.identify(&who);
    process.set_credentials(who);
    for closed in process.files().close_on_exec() {
        if let Some(file) = vfs::opened(&*closed.file) {
            file.release_record_locks(LockOwner::Process(u64::from(process.pid().unsigned_abs())));
        }
    }
    process.signals().reset_for_exec();
    thread.signals().clear_alt_stack();
    process.set_dumpable(1);
    process.update_ticks();
    thread.set_name(&program.name);
    services.platform.set_fs_base(0);
    services.platform.set_gs_base(0);
    services.platform.fpu_reset();
    let (cs, ss) = (regs.cs, regs.ss);
    *regs = program.regs;
    (regs.cs, regs.ss) = (cs, ss);
    Ok(())
}

/// Ends all other threads of the process and waits for it.
#[cfg(feature = "execve")]
fn become_only_thread(thread: &Arc<Thread>) -> Result<()> {
    let process = thread.process();
    // Of two threads that try at once the second one ends here.
    if !process.begin_exec() {
        return Err(Errno::EAGAIN);
    }
    for other in process.threads() {
        if !Arc::ptr_eq(&other, thread) {
            other.leave();
        }
    }
    let alone = || process.thread_count() == 1;
    let waited = thread.wait_on(&[(process.thread_ended(), Events::IN)], None, Interruptible::OnlyByEnd, &mut || alone());
    process.end_exec();
    waited.map(drop)
}
