//! Archives and images that nobody checked, on the host: an error, or a tree that becomes a cpio archive and an EROFS image which say the same.
//! The first byte says what the rest is: a tar archive (its checksums put right), a layer on top of it, a cpio archive, an EROFS image.
#![no_main]
use pith_rootfs::{Content, Format, Kind, Plan, SourceKind, SourceOptions, Tree, source};
use std::io::Write;
use std::path::Path;

/// Makes every 512-byte block that may be a header one with the right checksum, which no fuzzer guesses.
fn with_checksums(data: &[u8]) -> Vec<u8> {
    let mut out = data.to_vec();
    for block in out.chunks_exact_mut(512).filter(|block| block[156] != 0xff && block.iter().any(|b| *b != 0)) {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    }
    out
}

/// Everything but contents, which may be endless holes.
fn lines(tree: &Tree) -> Vec<String> {
    let of = |visit: pith_rootfs::Visit| {
        let node = tree.node(visit.id);
        let what = match &node.kind {
            Kind::File(content) => format!("{} bytes", content.size()),
            Kind::Directory(_) => "directory".to_owned(),
            other => format!("{other:?}"),
        };
        format!("{:?} {:o} {}:{} {what}", visit.path, node.meta.mode, node.meta.uid, node.meta.gid)
    };
    tree.walk().into_iter().map(of).collect()
}

fn small(tree: &Tree) -> bool {
    let size = |visit: &pith_rootfs::Visit| match &tree.node(visit.id).kind {
        Kind::File(content) => Content::size(content),
        _ => 0,
    };
    tree.walk().iter().map(size).fold(0, u64::saturating_add) < 1 << 20
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((choice, data)) = data.split_first() else { return };
    let options = SourceOptions::default();
    let read = |kind, bytes: &[u8]| {
        let mut file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file");
        file.write_all(bytes).expect("room");
        source::read(file.path(), kind, &options)
    };
    let read_tree = match choice % 4 {
        0 => read(SourceKind::Tarball, &with_checksums(data)),
        1 => {
            let mut file = tempfile::NamedTempFile::new_in("/dev/shm").expect("a file");
            let mut tree = Tree::default();
            let halves = data.split_at(data.len() / 1024 * 512);
            [halves.0, halves.1]
                .into_iter()
                .try_for_each(|layer| {
                    file.as_file_mut().set_len(0).expect("a file");
                    std::io::Seek::rewind(&mut file).expect("a file");
                    file.write_all(&with_checksums(layer)).expect("room");
                    source::apply_layer(&mut tree, Path::new(file.path()), &options)
                })
                .map(|()| tree)
        }
        2 => read(SourceKind::Cpio, data),
        _ => read(SourceKind::Erofs, data),
    };
    let Ok(tree) = read_tree else { return };
    if !small(&tree) {
        return;
    }
    for (format, kind) in [(Format::Cpio, SourceKind::Cpio), (Format::Erofs, SourceKind::Erofs)] {
        let Ok(plan) = Plan::new(&tree, format) else { continue };
        let mut out = Vec::new();
        // A layer's file has changed since; what matters is that nothing else goes wrong.
        if plan.write(&mut out).is_err() {
            continue;
        }
        assert_eq!(out.len() as u64, plan.packed().bytes);
        let back = read(kind, &out).expect("what we pack, we read");
        assert_eq!(lines(&back), lines(&tree));
    }
});
