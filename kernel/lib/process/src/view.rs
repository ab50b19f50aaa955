//! A process as /proc shows it.

use crate::{OnExec, Process, Resource, Thread};
use alloc::sync::Arc;
use alloc::vec::Vec;
use procfs::{Descriptor, Mapping, ProcessStatus, ProcessView, ThreadInfo, ThreadState};
use uapi::{Errno, Result};
use vfs::{Context, Location};

/// Argument and environment strings longer than this are cut: they are the application's to change, lengths included.
const STRINGS_MAX: u64 = 1 << 20;

impl Process {
    /// Bytes of the program's own strings, from its memory.
    fn strings(&self, (start, end): (u64, u64)) -> Vec<u8> {
        let len = end.saturating_sub(start).min(STRINGS_MAX);
        let mut bytes = alloc::vec![0; usize::try_from(len).unwrap_or(0)];
        let got = self.services().platform.user().copy_in(start, &mut bytes);
        bytes.truncate(got);
        bytes
    }

    fn find_thread(&self, tid: i32) -> Option<Arc<Thread>> {
        self.thread(tid).ok()
    }
}

impl ProcessView for Process {
    fn status(&self) -> ProcessStatus {
        let who = self.credentials();
        let memory = self.mm();
        let stats = memory.stats();
        let (pending, ignored, caught) = self.signals().summary();
        let program = self.program();
        let caps = who.caps;
        ProcessStatus {
            pid: self.pid(),
            ppid: self.ppid(),
            pgid: self.pid(),
            sid: self.pid(),
            uid: [who.uid.real, who.uid.effective, who.uid.saved, who.uid.fs],
            gid: [who.gid.real, who.gid.effective, who.gid.saved, who.gid.fs],
            groups: who.groups.to_vec(),
            umask: self.fs().umask,
            descriptor_slots: u32::try_from(self.files().slots()).unwrap_or(u32::MAX),
            vm_size: (stats.peak, stats.size),
            rss_peak: stats.resident_peak,
            rss: [stats.resident_anon, stats.resident_file, stats.resident_shmem],
            vm_locked: stats.locked,
            vm_data: stats.data,
            vm_stack: stats.stack,
            vm_text: stats.text,
            vm_tables: stats.tables,
            faults: (stats.minor_faults, 0),
            signals: [pending.0, ignored.0, caught.0],
            capabilities: [caps.inheritable, caps.permitted, caps.effective, caps.bounding, caps.ambient],
            no_new_privs: who.no_new_privs,
            addresses: [program.code.0, program.code.1, program.stack_start, program.code.1, memory.brk_range().0, memory.brk_range().0],
            strings: [program.arguments.0, program.arguments.1, program.environment.0, program.environment.1],
        }
    }

    fn threads(&self) -> Vec<i32> {
        Process::threads(self).iter().map(|thread| thread.tid()).collect()
    }

    fn thread(&self, tid: i32) -> Option<ThreadInfo> {
        let thread = self.find_thread(tid)?;
        let task = thread.task();
        let stats = task.stats(self.services().scheduler.now_ns());
        let name = thread.name();
        let state = match task.is_blocked() {
            true if self.signals().is_stopped() => ThreadState::Stopped,
            true => ThreadState::Sleeping,
            false => ThreadState::Running,
        };
        Some(ThreadInfo {
            tid,
            name: name.iter().copied().take_while(|b| *b != 0).collect(),
            state,
            cpu_ns: (stats.run_ns, 0),
            nice: task.nice().into(),
            cpu: u32::try_from(task.cpu()).unwrap_or(0),
            switches: (stats.voluntary_switches, stats.involuntary_switches),
            started_ns: thread.started_ns(),
            pending: self.signals().pending_of(thread.signals()).0,
            blocked: thread.signals().blocked().0,
            affinity: task.affinity(),
        })
    }

    fn set_name(&self, tid: i32, name: &[u8]) -> Result<()> {
        self.find_thread(tid).ok_or(Errno::ESRCH)?.set_name(name);
        Ok(())
    }

    fn arguments(&self) -> Vec<u8> {
        self.strings(self.program().arguments)
    }

    fn environment(&self) -> Vec<u8> {
        self.strings(self.program().environment)
    }

    fn auxv(&self) -> Vec<(u64, u64)> {
        let mut vector = self.program().auxv;
        vector.push((elf::stack::aux::NULL, 0));
        vector
    }

    fn exe(&self) -> Option<Location> {
        self.program().exe
    }

    fn context(&self) -> Arc<Context> {
        self.fs()
    }

    fn mappings(&self, each: &mut dyn FnMut(Mapping)) {
        let memory = self.mm();
        let mut at = 0;
        while let Some(vma) = memory.vma_from(at) {
            at = vma.end;
            let resident = memory.resident_in(vma.start, vma.end);
            each(Mapping {
                start: vma.start,
                end: vma.end,
                read: vma.prot.contains(mm::Prot::READ),
                write: vma.prot.contains(mm::Prot::WRITE),
                exec: vma.prot.contains(mm::Prot::EXEC),
                shared: vma.shared,
                offset: vma.offset,
                dev: vma.dev,
                ino: vma.ino,
                name: vma.name.as_bytes().to_vec(),
                resident: (resident.total, resident.anon),
            });
        }
    }

    fn descriptors(&self) -> Vec<i32> {
        self.files().list()
    }

    fn descriptor(&self, fd: i32) -> Option<Descriptor> {
        let open = self.files().get(fd).ok()?;
        let close_on_exec = self.files().on_exec(fd).ok()? == OnExec::Close;
        Some(Descriptor { file: open.file.clone(), access: open.access(), flags: open.flags(), close_on_exec })
    }

    fn limits(&self) -> [(u64, u64); 16] {
        Resource::ALL.map(|resource| {
            let limit = self.rlimit(resource);
            (limit.current, limit.maximum)
        })
    }
}
