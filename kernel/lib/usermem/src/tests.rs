use super::testing::FakeMemory;
use super::*;
use uapi::types::Timespec;

fn user(memory: &FakeMemory) -> &dyn UserMemory {
    memory
}

#[test]
fn values_go_both_ways_and_bad_addresses_fault() {
    let memory = FakeMemory::new(0x1000, 64);
    let time = Timespec { sec: 7, nsec: 9 };
    user(&memory).write(0x1010, &time).unwrap();
    assert_eq!(user(&memory).read::<Timespec>(0x1010).unwrap(), time);
    assert_eq!(user(&memory).read::<Timespec>(0x1038), Err(Errno::EFAULT));
    assert_eq!(user(&memory).read_optional::<Timespec>(0), Ok(None));
}

#[test]
fn strings_end_at_their_nul_fault_at_the_edge_and_have_a_limit() {
    let memory = FakeMemory::new(0x1000, 300);
    memory.copy_out(0x1000, &[b'a'; 300]);
    assert_eq!(user(&memory).read_cstr(0x1000, 4095, Errno::ENAMETOOLONG), Err(Errno::EFAULT));
    assert_eq!(user(&memory).read_cstr(0x1000, 200, Errno::ENAMETOOLONG), Err(Errno::ENAMETOOLONG));
    memory.copy_out(0x1000 + 200, &[0]);
    assert_eq!(user(&memory).read_cstr(0x1000, 200, Errno::ENAMETOOLONG).unwrap().len(), 200);
}

#[test]
fn vectors_are_walked_in_order_skipping_empty_parts_and_stop_at_a_fault() {
    let memory = FakeMemory::new(0x1000, 256);
    let parts = [(0x1080u64, 3u64), (0x1000, 0), (0x1090, 4), (0xdead_0000, 5)];
    for (i, (base, len)) in parts.iter().enumerate() {
        user(&memory).write(0x1000 + 16 * i as u64, &Iovec { base: *base, len: *len }).unwrap();
    }
    let mut buf = UserBuf::vectored(&memory, 0x1000, 4).unwrap();
    assert_eq!(Sink::remaining(&buf), 12);
    assert_eq!(buf.put(b"abcdefghijkl"), Ok(7));
    assert_eq!(buf.put(b"h"), Err(Errno::EFAULT));
    let mut seen = [0; 20];
    memory.copy_in(0x1080, &mut seen);
    assert_eq!((&seen[..3], &seen[16..20]), (&b"abc"[..], &b"defg"[..]));
    assert!(matches!(UserBuf::vectored(&memory, 0x1000, 1025), Err(Errno::EINVAL)));
}
