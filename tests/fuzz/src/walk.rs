//! A look at everything in a tree of files.

use file::{FileType, OpenFlags, SliceSink, Stat};
use vfs::{Context, Follow, OpenHow};

/// Looks at all below `path`, at most `left` entries. `then` is told of each with its whole path, and `None` when it could not be asked.
pub fn walk(context: &Context, path: &[u8], left: &mut usize, then: &dyn Fn(&[u8], Option<&Stat>)) {
    let Ok(location) = context.resolve(None, path, Follow::No) else { return };
    let mut names = Vec::new();
    let _ = location.inode().read_dir(0, &mut |entry| {
        names.push(entry.name.to_vec());
        names.len() < 64
    });
    for name in names.iter().filter(|name| *name != b"." && *name != b"..") {
        if *left == 0 {
            return;
        }
        *left -= 1;
        let below = [path, b"/", name].concat();
        let stat = context.stat(None, &below, Follow::No).ok();
        if let Some(stat) = stat {
            let _ = context.read_link(None, &below);
            if stat.kind == FileType::Regular
                && let Ok(opened) = context.open(None, &below, &OpenHow::read())
            {
                let mut bytes = [0; 512];
                let mut sink = SliceSink::new(&mut bytes);
                let _ = opened.read(&mut sink, OpenFlags::empty());
                assert_eq!(sink.filled() as u64, stat.size.min(512));
            }
            if stat.kind == FileType::Directory {
                walk(context, &below, left, then);
            }
        }
        then(&below, stat.as_ref());
    }
}
