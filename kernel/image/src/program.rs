//! The program that the host attached to this image, laid out in memory already.

use machine::attached;
use pith_abi::attached::{Program, Range, rights};

/// The program; `None` when there is none.
pub fn find() -> Option<process::LaidOut> {
    let (program, segments, name) = Program::read(attached::program())?;
    let segments = segments.map(|segment| {
        let range = Range { start: u32::try_from(segment.start).ok()?, bytes: u32::try_from(segment.stored).ok()? };
        let contents = attached::bytes(range);
        let whole = contents.len() as u64 == segment.stored && segment.stored <= segment.bytes;
        let mut prot = mm::Prot::empty();
        prot.set(mm::Prot::READ, segment.rights & rights::READ != 0);
        prot.set(mm::Prot::WRITE, segment.rights & rights::WRITE != 0);
        prot.set(mm::Prot::EXEC, segment.rights & rights::EXECUTE != 0);
        whole.then_some(process::LaidOutSegment { addr: segment.addr, bytes: segment.bytes, contents, prot })
    });
    Some(process::LaidOut {
        name,
        entry: program.entry,
        headers: program.headers,
        header_count: program.header_count,
        data_end: program.data_end,
        code: (program.code_start, program.code_end),
        segments: segments.collect::<Option<_>>()?,
    })
}
