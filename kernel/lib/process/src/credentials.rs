//! Who a process acts for: user and group ids, capabilities (credentials(7), capabilities(7)).

use alloc::sync::Arc;
use uapi::{Errno, Result};

/// Real, effective, saved and file-system id of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Ids {
    /// Whose process it is.
    pub real: u32,
    /// Whose rights it has.
    pub effective: u32,
    /// What the effective one may be set back to.
    pub saved: u32,
    /// Whose rights count on files.
    pub fs: u32,
}

/// Capability sets, bit n for capability n.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Capabilities {
    pub effective: u64,
    pub permitted: u64,
    pub inheritable: u64,
    pub bounding: u64,
    pub ambient: u64,
}

/// CAP_SETGID.
pub const CAP_SETGID: u32 = 6;
/// CAP_SETUID.
pub const CAP_SETUID: u32 = 7;
/// CAP_SETPCAP.
pub const CAP_SETPCAP: u32 = 8;
/// CAP_SYS_RESOURCE.
pub const CAP_SYS_RESOURCE: u32 = 24;
/// The last capability, CAP_CHECKPOINT_RESTORE.
pub const CAP_LAST: u32 = 40;
const CAP_ALL: u64 = (1 << (CAP_LAST + 1)) - 1;
/// The value that leaves an id as it is.
const KEEP: u32 = u32::MAX;

/// A process's credentials. All threads share them; C libraries keep per-thread credentials of Linux in step by hand.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Credentials {
    /// User ids.
    pub uid: Ids,
    /// Group ids.
    pub gid: Ids,
    /// Supplementary groups.
    pub groups: Arc<[u32]>,
    /// Capabilities.
    pub caps: Capabilities,
    /// PR_SET_KEEPCAPS and SECBIT_*.
    pub securebits: u32,
    /// PR_SET_NO_NEW_PRIVS.
    pub no_new_privs: bool,
}

/// SECBIT_KEEP_CAPS.
pub const SECBIT_KEEP_CAPS: u32 = 1 << 4;
/// SECBIT_NOROOT.
const SECBIT_NOROOT: u32 = 1;
/// SECBIT_NO_SETUID_FIXUP.
const SECBIT_NO_SETUID_FIXUP: u32 = 1 << 2;

impl Default for Credentials {
    /// Root with every capability.
    fn default() -> Self {
        let caps = Capabilities { effective: CAP_ALL, permitted: CAP_ALL, inheritable: 0, bounding: CAP_ALL, ambient: 0 };
        Self { uid: Ids::default(), gid: Ids::default(), groups: Arc::from([]), caps, securebits: 0, no_new_privs: false }
    }
}

impl Credentials {
    /// Whether `capability` is effective.
    pub fn capable(&self, capability: u32) -> bool {
        capability <= CAP_LAST && self.caps.effective & (1 << capability) != 0
    }

    /// setuid(2).
    pub fn setuid(&mut self, uid: u32) -> Result<()> {
        let old = self.uid;
        if self.capable(CAP_SETUID) {
            self.uid = Ids { real: uid, effective: uid, saved: uid, fs: uid };
        } else if uid == old.real || uid == old.saved {
            self.uid = Ids { effective: uid, fs: uid, ..old };
        } else {
            return Err(Errno::EPERM);
        }
        self.uid_changed(old);
        Ok(())
    }

    /// setgid(2).
    pub fn setgid(&mut self, gid: u32) -> Result<()> {
        let old = self.gid;
        if self.capable(CAP_SETGID) {
            self.gid = Ids { real: gid, effective: gid, saved: gid, fs: gid };
        } else if gid == old.real || gid == old.saved {
            self.gid = Ids { effective: gid, fs: gid, ..old };
        } else {
            return Err(Errno::EPERM);
        }
        Ok(())
    }

    /// setreuid(2); `u32::MAX` keeps an id.
    pub fn setreuid(&mut self, real: u32, effective: u32) -> Result<()> {
        let old = self.uid;
        self.uid = set_re(old, real, effective, self.capable(CAP_SETUID))?;
        self.uid_changed(old);
        Ok(())
    }

    /// setregid(2).
    pub fn setregid(&mut self, real: u32, effective: u32) -> Result<()> {
        self.gid = set_re(self.gid, real, effective, self.capable(CAP_SETGID))?;
        Ok(())
    }

    /// setresuid(2).
    pub fn setresuid(&mut self, real: u32, effective: u32, saved: u32) -> Result<()> {
        let old = self.uid;
        self.uid = set_res(old, [real, effective, saved], self.capable(CAP_SETUID))?;
        self.uid_changed(old);
        Ok(())
    }

    /// setresgid(2).
    pub fn setresgid(&mut self, real: u32, effective: u32, saved: u32) -> Result<()> {
        self.gid = set_res(self.gid, [real, effective, saved], self.capable(CAP_SETGID))?;
        Ok(())
    }

    /// setfsuid(2): returns the old one, whether it was changed or not.
    pub fn setfsuid(&mut self, uid: u32) -> u32 {
        let old = self.uid.fs;
        if self.capable(CAP_SETUID) || [self.uid.real, self.uid.effective, self.uid.saved, old].contains(&uid) {
            self.uid.fs = if uid == KEEP { old } else { uid };
        }
        old
    }

    /// setfsgid(2).
    pub fn setfsgid(&mut self, gid: u32) -> u32 {
        let old = self.gid.fs;
        if self.capable(CAP_SETGID) || [self.gid.real, self.gid.effective, self.gid.saved, old].contains(&gid) {
            self.gid.fs = if gid == KEEP { old } else { gid };
        }
        old
    }

    /// setgroups(2): EPERM without CAP_SETGID.
    pub fn setgroups(&mut self, groups: &[u32]) -> Result<()> {
        if !self.capable(CAP_SETGID) {
            return Err(Errno::EPERM);
        }
        self.groups = Arc::from(groups);
        Ok(())
    }

    /// capset(2): EPERM for a permitted set that grows, an effective one beyond it, or inheritable ones out of reach.
    pub fn capset(&mut self, effective: u64, permitted: u64, inheritable: u64) -> Result<()> {
        let old = self.caps;
        let reach = if self.capable(CAP_SETPCAP) { CAP_ALL } else { old.inheritable | old.permitted };
        let within = |set: u64, limit: u64| set & CAP_ALL & !limit == 0;
        if !within(inheritable, reach)
            || !within(inheritable, old.inheritable | old.bounding)
            || !within(permitted, old.permitted)
            || !within(effective, permitted)
        {
            return Err(Errno::EPERM);
        }
        self.caps.effective = effective & CAP_ALL;
        self.caps.permitted = permitted & CAP_ALL;
        self.caps.inheritable = inheritable & CAP_ALL;
        self.caps.ambient &= self.caps.permitted & self.caps.inheritable;
        Ok(())
    }

    /// What becomes of them under a new program without set-id bits or file capabilities (capabilities(7)): root has all that the bounding set allows, others
    /// the ambient ones.
    pub fn after_exec(&self) -> Self {
        let mut new = self.clone();
        for ids in [&mut new.uid, &mut new.gid] {
            (ids.saved, ids.fs) = (ids.effective, ids.effective);
        }
        new.securebits &= !SECBIT_KEEP_CAPS;
        let is_root = self.securebits & SECBIT_NOROOT == 0;
        let caps = &mut new.caps;
        caps.permitted = match is_root && (self.uid.real == 0 || self.uid.effective == 0) {
            true => caps.inheritable | caps.bounding,
            false => caps.ambient,
        };
        caps.effective = if is_root && self.uid.effective == 0 { caps.permitted } else { caps.ambient };
        new
    }

    /// What changing user ids does to capabilities (capabilities(7)).
    fn uid_changed(&mut self, old: Ids) {
        if self.securebits & SECBIT_NO_SETUID_FIXUP != 0 {
            return;
        }
        let root = |ids: Ids| [ids.real, ids.effective, ids.saved].contains(&0);
        if root(old) && !root(self.uid) {
            if self.securebits & SECBIT_KEEP_CAPS == 0 {
                self.caps.permitted = 0;
                self.caps.effective = 0;
            }
            self.caps.ambient = 0;
        }
        if old.effective == 0 && self.uid.effective != 0 {
            self.caps.effective = 0;
        } else if old.effective != 0 && self.uid.effective == 0 {
            self.caps.effective = self.caps.permitted;
        }
    }
}

fn set_re(old: Ids, real: u32, effective: u32, privileged: bool) -> Result<Ids> {
    let mut new = old;
    if real != KEEP {
        if !privileged && real != old.real && real != old.effective {
            return Err(Errno::EPERM);
        }
        new.real = real;
    }
    if effective != KEEP {
        if !privileged && ![old.real, old.effective, old.saved].contains(&effective) {
            return Err(Errno::EPERM);
        }
        new.effective = effective;
    }
    if real != KEEP || (effective != KEEP && effective != old.real) {
        new.saved = new.effective;
    }
    new.fs = new.effective;
    Ok(new)
}

fn set_res(old: Ids, new: [u32; 3], privileged: bool) -> Result<Ids> {
    let known = [old.real, old.effective, old.saved];
    if !privileged && new.iter().any(|id| *id != KEEP && !known.contains(id)) {
        return Err(Errno::EPERM);
    }
    let pick = |id: u32, keep: u32| if id == KEEP { keep } else { id };
    let effective = pick(new[1], old.effective);
    Ok(Ids { real: pick(new[0], old.real), effective, saved: pick(new[2], old.saved), fs: effective })
}
