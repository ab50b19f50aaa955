//! madvise, mincore.

use super::*;
use uapi::Errno;

const BASE: u64 = 0x10_0000_0000;

fn resident(w: &World, addr: u64, pages: u64) -> Vec<u8> {
    let mut seen = Vec::new();
    w.space
        .mincore(addr, pages * PAGE, &mut |bytes| {
            seen.extend_from_slice(bytes);
            Ok(())
        })
        .unwrap();
    seen
}

#[test]
fn dontneed_and_free_give_frames_back_and_zeroes_later() {
    let w = world(4);
    w.fixed(BASE, 8 * PAGE, RW);
    let before = w.used();
    for advice in [4, 8] {
        for page in 0..8 {
            w.poke(BASE + page * PAGE, 1);
        }
        w.space.madvise(BASE + PAGE, 6 * PAGE, advice).unwrap();
        assert_eq!(resident(&w, BASE, 8), [1, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!((w.peek(BASE), w.peek(BASE + PAGE)), (1, 0));
        w.space.madvise(BASE, 8 * PAGE, 4).unwrap();
        assert!(w.used() - before <= 3 * PAGE, "tables at most");
    }
}

#[test]
fn advice_has_linux_errors() {
    let w = world(4);
    w.fixed(BASE, 2 * PAGE, RW);
    w.fixed(BASE + 3 * PAGE, PAGE, RW);
    w.poke(BASE + 3 * PAGE, 1);
    assert_eq!(w.space.madvise(BASE, 4 * PAGE, 4), Err(Errno::ENOMEM));
    assert_eq!(w.peek(BASE + 3 * PAGE), 0, "what is mapped was done all the same");
    assert_eq!(w.space.madvise(BASE, PAGE, 12), Err(Errno::EINVAL));
    assert_eq!(w.space.madvise(BASE + 1, PAGE, 4), Err(Errno::EINVAL));
    assert_eq!(w.space.madvise(BASE, 0, 4), Ok(()));
    w.space.mlock(BASE, PAGE, 0).unwrap();
    assert_eq!(w.space.madvise(BASE, PAGE, 4), Err(Errno::EINVAL));
    for harmless in [0, 1, 2, 3, 14, 15, 16, 17, 20, 21] {
        assert_eq!(w.space.madvise(BASE, PAGE, harmless), Ok(()), "{harmless}");
    }
    w.space.madvise(BASE + PAGE, PAGE, 23).unwrap();
    assert!(w.space.translate(BASE + PAGE).is_some());
    assert_eq!(w.space.mincore(BASE, 4 * PAGE, &mut |_| Ok(())), Err(Errno::ENOMEM));
    assert_eq!(w.space.mincore(BASE, PAGE, &mut |_| Err(Errno::EFAULT)), Err(Errno::EFAULT));
}

#[test]
fn long_ranges_are_reported_in_pieces() {
    let w = world(4);
    w.fixed(BASE, 300 * PAGE, RW);
    w.poke(BASE + 299 * PAGE, 1);
    let seen = resident(&w, BASE, 300);
    assert_eq!((seen.len(), seen.iter().sum::<u8>(), seen[299]), (300, 1, 1));
}
