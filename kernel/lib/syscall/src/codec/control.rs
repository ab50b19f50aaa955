//! Ancillary data: the `msg_control` area of sendmsg(2) and recvmsg(2) (cmsg(3)).

use alloc::vec::Vec;
use file::{Credentials, UserMemory};
use uapi::types::{CmsgHeader, Ucred};
use uapi::{Errno, Result};
use zerocopy::{FromBytes, IntoBytes};

const SOL_SOCKET: i32 = 1;
const SCM_RIGHTS: i32 = 1;
const SCM_CREDENTIALS: i32 = 2;
const HEADER: usize = size_of::<CmsgHeader>();

/// Linux's SCM_MAX_FD: descriptors in one message.
pub const MAX_RIGHTS: usize = 253;
/// Longest control area that is accepted (net.core.optmem_max).
const MAX_CONTROL: u64 = 20480;

/// One piece of ancillary data as the application wrote it, descriptors still numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sent {
    /// SCM_RIGHTS.
    Rights(Vec<i32>),
    /// SCM_CREDENTIALS.
    Credentials(Credentials),
    /// Anything else.
    Raw {
        /// cmsg_level.
        level: i32,
        /// cmsg_type.
        kind: i32,
        /// Payload.
        data: Vec<u8>,
    },
}

/// Parses a control area. EINVAL: a length that is too small or reaches past the end, a payload that does not fit its type;
/// ETOOMANYREFS is left to the receiver; ENOBUFS: more than 20 KiB.
pub fn read(user: &dyn UserMemory, addr: u64, len: u64) -> Result<Vec<Sent>> {
    if len > MAX_CONTROL {
        return Err(Errno::ENOBUFS);
    }
    let mut area = alloc::vec![0u8; len as usize];
    user.read_bytes(addr, &mut area)?;
    parse(&area)
}

/// Parses the bytes of a control area.
pub fn parse(mut area: &[u8]) -> Result<Vec<Sent>> {
    let mut sent = Vec::new();
    let mut rights = 0;
    while let Ok((header, _)) = CmsgHeader::read_from_prefix(area) {
        let len = usize::try_from(header.len).ok().filter(|len| (HEADER..=area.len()).contains(len)).ok_or(Errno::EINVAL)?;
        let data = &area[HEADER..len];
        sent.push(match (header.level, header.kind) {
            (SOL_SOCKET, SCM_RIGHTS) => {
                let fds: Vec<i32> = data.as_chunks::<4>().0.iter().map(|fd| i32::from_ne_bytes(*fd)).collect();
                rights += fds.len();
                if rights > MAX_RIGHTS {
                    return Err(Errno::EINVAL);
                }
                Sent::Rights(fds)
            }
            (SOL_SOCKET, SCM_CREDENTIALS) => {
                let raw = Ucred::read_from_bytes(data).map_err(|_| Errno::EINVAL)?;
                Sent::Credentials(Credentials { pid: raw.pid, uid: raw.uid, gid: raw.gid })
            }
            (level, kind) => Sent::Raw { level, kind, data: data.to_vec() },
        });
        area = area.get(len.next_multiple_of(8)..).unwrap_or_default();
    }
    Ok(sent)
}

/// Whether everything fitted into the application's control area.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fit {
    /// All of it.
    Whole,
    /// Some was cut off: recvmsg(2) sets MSG_CTRUNC.
    Cut,
}

/// Fills a control area piece by piece, as Linux's put_cmsg does.
pub struct Writer<'a> {
    user: &'a dyn UserMemory,
    start: u64,
    at: u64,
    room: u64,
}

impl<'a> Writer<'a> {
    /// A writer into the `room` bytes at `addr`.
    pub fn new(user: &'a dyn UserMemory, addr: u64, room: u64) -> Self {
        Self { user, start: addr, at: addr, room: if addr == 0 { 0 } else { room } }
    }

    /// Bytes used so far: what `msg_controllen` becomes.
    pub fn used(&self) -> u64 {
        self.at - self.start
    }

    /// How many descriptors an SCM_RIGHTS message here could hold.
    pub fn room_for_rights(&self) -> usize {
        (self.room.saturating_sub(HEADER as u64) / 4).min(MAX_RIGHTS as u64) as usize
    }

    /// Puts SCM_RIGHTS with descriptors that were counted with [`room_for_rights`](Self::room_for_rights).
    pub fn put_rights(&mut self, fds: &[i32]) -> Result<Fit> {
        self.put(SOL_SOCKET, SCM_RIGHTS, fds.as_bytes())
    }

    /// Puts SCM_CREDENTIALS.
    pub fn put_credentials(&mut self, of: Credentials) -> Result<Fit> {
        self.put(SOL_SOCKET, SCM_CREDENTIALS, Ucred { pid: of.pid, uid: of.uid, gid: of.gid }.as_bytes())
    }

    /// Puts one message, cut to the room that is left.
    pub fn put(&mut self, level: i32, kind: i32, data: &[u8]) -> Result<Fit> {
        if self.room < HEADER as u64 {
            return Ok(Fit::Cut);
        }
        let full = (HEADER + data.len()) as u64;
        let len = full.min(self.room);
        self.user.write(self.at, &CmsgHeader { len, level, kind })?;
        self.user.write_bytes(self.at + HEADER as u64, &data[..len as usize - HEADER])?;
        let step = len.next_multiple_of(8).min(self.room);
        self.at += step;
        self.room -= step;
        Ok(if len < full { Fit::Cut } else { Fit::Whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use usermem::testing::FakeMemory;

    fn message(level: i32, kind: i32, data: &[u8]) -> Vec<u8> {
        let mut bytes = CmsgHeader { len: (HEADER + data.len()) as u64, level, kind }.as_bytes().to_vec();
        bytes.extend_from_slice(data);
        bytes.resize(bytes.len().next_multiple_of(8), 0);
        bytes
    }

    #[test]
    fn several_messages_are_parsed_in_order() {
        let mut area = message(1, 1, &[3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0]);
        area.extend(message(1, 2, &[7, 0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0]));
        area.extend(message(0, 8, &[9; 12]));
        assert_eq!(
            parse(&area).unwrap(),
            [
                Sent::Rights([3, 4, 5].to_vec()),
                Sent::Credentials(Credentials { pid: 7, uid: 1, gid: 2 }),
                Sent::Raw { level: 0, kind: 8, data: [9; 12].to_vec() },
            ]
        );
        assert_eq!(parse(&[]), Ok(Vec::new()));
        // Fewer bytes than a header are no message.
        assert_eq!(parse(&[0; 15]), Ok(Vec::new()));
    }

    #[test]
    fn lying_lengths_and_wrong_payloads_are_einval() {
        for len in [0u64, 15, 25, u64::MAX] {
            let mut area = message(1, 1, &[0; 8]);
            area[..8].copy_from_slice(&len.to_ne_bytes());
            assert_eq!(parse(&area), Err(Errno::EINVAL), "{len}");
        }
        assert_eq!(parse(&message(1, 2, &[0; 8])), Err(Errno::EINVAL));
        assert_eq!(parse(&message(1, 1, &[0; 254 * 4])), Err(Errno::EINVAL));
        assert!(parse(&message(1, 1, &[0; 253 * 4])).is_ok());
    }

    #[test]
    fn what_does_not_fit_is_cut_as_linux_cuts_it() {
        let memory = FakeMemory::new(0x1000, 128);
        let mut writer = Writer::new(&memory, 0x1000, 40);
        assert_eq!(writer.room_for_rights(), 6);
        assert_eq!(writer.put_rights(&[3]), Ok(Fit::Whole));
        assert_eq!(writer.used(), 24);
        assert_eq!(writer.put(0, 8, &[1; 12]), Ok(Fit::Cut));
        assert_eq!(writer.used(), 40);
        assert_eq!(writer.put(0, 8, &[1; 12]), Ok(Fit::Cut));
        let user: &dyn UserMemory = &memory;
        assert_eq!(user.read::<CmsgHeader>(0x1000), Ok(CmsgHeader { len: 20, level: 1, kind: 1 }));
        assert_eq!(user.read::<CmsgHeader>(0x1018), Ok(CmsgHeader { len: 16, level: 0, kind: 8 }));
        assert_eq!(Writer::new(user, 0, 100).put_rights(&[1]), Ok(Fit::Cut));
    }
}
