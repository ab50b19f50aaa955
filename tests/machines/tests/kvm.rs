//! Real KVM: the command line on a Linux whose `/dev/kvm` works, whatever this host's does. That Linux is itself emulated, so only outcomes count.

use machines::{Place, fixture, linux, pith_path};
use std::path::Path;

/// Firmware that the command line asks QEMU for, where Debian and Ubuntu keep it.
const FIRMWARE: [&str; 5] = ["qboot.rom", "bios-256k.bin", "kvmvapic.bin", "linuxboot_dma.bin", "pvh.bin"];

#[test]
fn pith_finds_kvm_and_runs_on_it() {
    let place = Place::new();
    let root = place.directory("root");
    linux::install(&root, &pith_path(), "/bin/pith");
    linux::install(&root, Path::new("/usr/bin/qemu-system-x86_64"), "/usr/bin/qemu-system-x86_64");
    for name in FIRMWARE {
        let found = ["/usr/share/qemu", "/usr/share/seabios"].map(|dir| Path::new(dir).join(name)).into_iter().find(|path| path.exists());
        linux::install(&root, &found.unwrap_or_else(|| panic!("no {name}")), &format!("/usr/share/qemu/{name}"));
    }
    for name in ["hello-static", "hello-dynamic", "probe", "epoll-http"] {
        linux::install(&root, &fixture(name), name);
    }
    for program in ["/usr/bin/env", "/usr/bin/curl"] {
        linux::install(&root, Path::new(program), program);
    }
    linux::with_kvm(&root);
    let commands = [
        "pith run --rm /hello-static -- 7",
        "env PITH_QEMU_MACHINE=q35 pith run --rm /hello-static -- 8",
        "env PITH_QEMU_MACHINE=pc pith run --rm /hello-dynamic -- 9",
        "pith --log-level debug run --rm /probe -- exit 3",
        "pith run --rm /probe -- signal 11",
        "pith run -d --name web -p 127.0.0.1:8080:8080 /epoll-http",
        "curl -sS --fail --retry 50 --retry-connrefused --retry-all-errors --retry-delay 1 http://127.0.0.1:8080/",
        "pith stop web",
        "pith ps -a",
    ];
    linux::prepare(&root, &commands);
    let ran = linux::boot(&linux::pack(&root, &place), 1024);
    assert_eq!(ran.len(), commands.len(), "{ran:?}");
    // Nothing else: no word about emulation, because there is none.
    for (ran, number) in ran.iter().zip(7..=8) {
        assert_eq!((ran.output.as_str(), ran.status), (&*format!("hello from C\nargument 1: {number}"), number));
    }
    assert!(ran[2].output.ends_with("\nhello from C\nargument 1: 9") && ran[2].status == 9, "{:?}", ran[2]);
    assert!(ran[3].output.contains(" -accel kvm ") && ran[3].output.contains(" MHz by KVM\n") && ran[3].status == 3, "{:?}", ran[3]);
    assert_eq!((ran[4].output.as_str(), ran[4].status), ("pith: warning: ended by signal 11 (SIGSEGV)", 139));
    assert_eq!((ran[5].output.as_str(), ran[5].status), ("web", 0));
    assert!(ran[6].output.contains("It works") && ran[6].status == 0, "{:?}", ran[6]);
    assert_eq!((ran[7].output.as_str(), ran[7].status), ("web", 0));
    assert!(ran[8].output.contains("exited (0)"), "{:?}", ran[8]);
}
