//! Random calls against a simple model: one record per page.

use super::*;
use std::collections::BTreeMap;

const BASE: u64 = 0x10_0000_0000;
const PAGES: u64 = 64;

struct Choices(u64);
impl Choices {
    fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % n
    }
}

#[derive(Clone, Copy)]
struct Cell {
    prot: Prot,
    byte: u8,
}

fn check(space: &AddressSpace, model: &BTreeMap<u64, Cell>) {
    for page in 0..PAGES {
        let addr = BASE + page * PAGE;
        match model.get(&page) {
            None => assert_eq!(space.handle_fault(addr, FaultKind::Read), Err(MAPERR), "page {page}"),
            Some(cell) if cell.prot.is_empty() => assert_eq!(space.handle_fault(addr, FaultKind::Read), Err(ACCERR), "page {page}"),
            Some(cell) => assert_eq!(peek(space, addr), cell.byte, "page {page}"),
        }
    }
    assert_eq!(space.stats().size, model.len() as u64 * PAGE);
    let data = model.values().filter(|c| c.prot.contains(Prot::WRITE)).count() as u64;
    assert_eq!(space.stats().data, data * PAGE);
}

#[test]
fn random_calls_agree_with_a_page_by_page_model() {
    let w = world(16);
    // The zero page is made once and stays.
    w.fixed(BASE, PAGE, Prot::READ);
    w.peek(BASE);
    w.space.munmap(BASE, PAGE).unwrap();
    let before = w.used();
    for seed in 1..40 {
        let mut choose = Choices(seed * 0x9e37_79b9);
        let mut model: BTreeMap<u64, Cell> = BTreeMap::new();
        let mut child: Option<(Arc<AddressSpace>, BTreeMap<u64, Cell>)> = None;
        for _ in 0..150 {
            let first = choose.below(PAGES);
            let count = 1 + choose.below((PAGES - first).min(12));
            let (addr, len) = (BASE + first * PAGE, count * PAGE);
            let range = first..first + count;
            let prot = [Prot::empty(), Prot::READ, RW, RW, Prot::all()][choose.below(5) as usize];
            match choose.below(8) {
                0 | 1 => {
                    w.fixed(addr, len, prot);
                    model.extend(range.map(|p| (p, Cell { prot, byte: 0 })));
                }
                2 => {
                    w.space.munmap(addr, len).unwrap();
                    model.retain(|p, _| !range.contains(p));
                }
                3 => {
                    let covered = range.clone().all(|p| model.contains_key(&p));
                    assert_eq!(w.space.mprotect(addr, len, prot.bits()).is_ok(), covered);
                    // Up to the first hole, as Linux does it.
                    let hole = range.clone().find(|p| !model.contains_key(p)).unwrap_or(range.end);
                    model.range_mut(range.start..hole).for_each(|(_, c)| c.prot = prot);
                }
                4 => {
                    let _ = w.space.madvise(addr, len, 4);
                    model.range_mut(range).for_each(|(_, c)| c.byte = 0);
                }
                5 if choose.below(4) == 0 => child = Some((w.space.fork().unwrap(), model.clone())),
                6 => {
                    let to = choose.below(PAGES - count + 1);
                    let apart = to + count <= first || first + count <= to;
                    let one = w.space.vma_from(addr).is_some_and(|v| v.start <= addr && v.end >= addr + len);
                    let result = w.space.mremap(addr, len, len, 3, BASE + to * PAGE);
                    assert_eq!(result.is_ok(), apart && one);
                    if result.is_ok() {
                        for step in 0..count {
                            let cell = model.remove(&(first + step)).unwrap();
                            model.insert(to + step, cell);
                        }
                    }
                }
                _ => {
                    for page in range {
                        if let Some(cell) = model.get_mut(&page).filter(|c| c.prot.contains(Prot::WRITE)) {
                            cell.byte = choose.below(256) as u8;
                            w.poke(BASE + page * PAGE, cell.byte);
                        }
                    }
                }
            }
        }
        check(&w.space, &model);
        if let Some((space, model)) = child {
            check(&space, &model);
        }
        w.space.munmap(BASE, PAGES * PAGE).unwrap();
        assert_eq!(w.space.stats().resident(), 0);
    }
    assert_eq!(w.used(), before);
}
