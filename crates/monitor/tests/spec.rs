//! Ports as users write them, and the command lines that come of machine descriptions.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_abi::cmdline::{CmdlineBuilder, GuestConfig};
use pith_monitor::probe::{self, Verdict};
use pith_monitor::{
    Accelerator, Arch, Channels, MachineSpec, MachineType, Monitor, MonitorError, Network, PortForward, Qemu, Volume, VolumeOwners,
};
use std::path::PathBuf;

#[test]
fn ports_as_docker_writes_them() {
    let shown = |text: &str| -> Vec<String> { PortForward::parse(text).unwrap().iter().map(ToString::to_string).collect() };
    assert_eq!(shown("8080:80"), ["0.0.0.0:8080->80/tcp"]);
    assert_eq!(shown("127.0.0.1:8080:80/udp"), ["127.0.0.1:8080->80/udp"]);
    assert_eq!(shown("localhost:8080:80/tcp"), ["127.0.0.1:8080->80/tcp"]);
    assert_eq!(shown("[::1]:8080:80"), ["[::1]:8080->80/tcp"]);
    assert_eq!(shown(":8080:80"), ["0.0.0.0:8080->80/tcp"]);
    assert_eq!(shown("8000-8001:80-81"), ["0.0.0.0:8000->80/tcp", "0.0.0.0:8001->81/tcp"]);
    for text in ["", "80", "0:80", "80:0", "1:70000", "x:80", "80:x", "1.2.3:1:2", "1-2:1", "2-1:1-2", "1:1/x", "::1:80:80:1"] {
        assert!(PortForward::parse(text).is_err(), "{text}");
    }
}

fn spec() -> MachineSpec {
    let mut cmdline = CmdlineBuilder::new();
    cmdline.arg("/app").arg("a b");
    MachineSpec {
        name: "m,1".to_owned(),
        arch: Arch::X86_64,
        machine: MachineType::Microvm,
        accelerator: Accelerator::Tcg,
        kernel: PathBuf::from("/k"),
        initrd: Some(PathBuf::from("/a,b.cpio")),
        memory_mib: 64,
        cpus: 1,
        network: Network::User { ports: PortForward::parse("[::1]:8080:80").unwrap() },
        volumes: Vec::new(),
        volume_owners: None,
        cmdline,
    }
}

fn command(spec: &MachineSpec) -> Vec<String> {
    let qemu = Qemu::find(Some(PathBuf::from("/usr/bin/qemu-system-x86_64"))).unwrap();
    qemu.command(spec, &Channels::new().unwrap()).unwrap()
}

#[test]
fn volumes() {
    let volume = |source: &str, destination: &str, is_read_only| Volume {
        source: PathBuf::from(source),
        destination: destination.to_owned(),
        is_read_only,
    };
    let volumes = vec![volume("/srv/a,b", "/data", false), volume("/etc", "/a:b", true)];
    let owners = Some(VolumeOwners { uid: (1000, 33), gid: (100, 100) });
    let told = |machine| {
        let words = command(&MachineSpec { machine, volumes: volumes.clone(), volume_owners: owners, ..spec() });
        let config = GuestConfig::parse(after(&words, "-append")).unwrap();
        let fstab: Vec<String> = config.fstab.iter().map(ToString::to_string).collect();
        assert_eq!(fstab, ["fs1:/data:9pfs::uid=1000/33:mkmp", "fs2:/a\\:b:9pfs:1:uid=1000/33:mkmp"]);
        let shares = |word: &&String| word.starts_with("local,") || word.starts_with("virtio-9p");
        words.iter().filter(shares).cloned().collect::<Vec<_>>()
    };
    let local = "security_model=none,multidevs=remap";
    let files = [format!("local,id=fs1,path=/srv/a,,b,{local}"), format!("local,id=fs2,path=/etc,{local},readonly=on")];
    let device = |index: u32| format!("virtio-9p-device,bus=virtio-mmio-bus.{},fsdev=fs{index},mount_tag=fs{index}", 6 - index);
    assert_eq!(told(MachineType::Microvm), [files[0].clone(), device(1), files[1].clone(), device(2)]);
    let device = |index: u32| format!("virtio-9p-pci,disable-legacy=on,fsdev=fs{index},mount_tag=fs{index}");
    assert_eq!(told(MachineType::Q35), [files[0].clone(), device(1), files[1].clone(), device(2)]);
}

#[test]
fn more_devices_than_places() {
    let volume = |index| Volume { source: "/srv".into(), destination: format!("/{index}"), is_read_only: false };
    let spec = MachineSpec { volumes: (0..7).map(volume).collect(), ..spec() };
    let qemu = Qemu::find(Some(PathBuf::from("/usr/bin/qemu-system-x86_64"))).unwrap();
    let error = qemu.command(&spec, &Channels::new().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "9 devices do not fit into a microvm machine, which has room for 8");
}

fn after<'c>(command: &'c [String], flag: &str) -> &'c str {
    &command[command.iter().position(|word| word == flag).unwrap() + 1]
}

#[test]
fn a_microvm() {
    let command = command(&spec());
    assert_eq!(after(&command, "-name"), "m,,1");
    assert_eq!(after(&command, "-initrd"), "/a,,b.cpio");
    assert_eq!(after(&command, "-netdev"), "user,id=n0,hostfwd=tcp:[::1]:8080-:80");
    let config = GuestConfig::parse(after(&command, "-append")).unwrap();
    assert_eq!(config.virtio_mmio[0].to_string(), "512@0xfeb00e00:12");
    assert_eq!(config.argv, ["/app", "a b"]);
    assert!(config.unknown.is_empty());
}

#[test]
fn several_processors() {
    let one = command(&spec());
    assert!(!one.iter().any(|word| word == "-smp"));
    assert_eq!(after(&one, "-accel"), "tcg");
    let four = command(&MachineSpec { cpus: 4, ..spec() });
    assert_eq!((after(&four, "-smp"), after(&four, "-accel")), ("4", "tcg,thread=multi"));
}

#[test]
fn other_machines() {
    for (machine, word) in [(MachineType::Pc, "pc"), (MachineType::Q35, "q35,smbus=off,sata=off")] {
        let command = command(&MachineSpec { machine, accelerator: Accelerator::Kvm, ..spec() });
        assert_eq!((after(&command, "-M"), after(&command, "-accel"), after(&command, "-cpu")), (word, "kvm", "host"));
        assert!(GuestConfig::parse(after(&command, "-append")).unwrap().virtio_mmio.is_empty());
    }
    let command = command(&MachineSpec { network: Network::None, ..spec() });
    assert_eq!(after(&command, "-net"), "none");
}

#[test]
fn what_cannot_be_passed_is_refused() {
    let mut spec = spec();
    spec.cmdline.arg("a\0b");
    let qemu = Qemu::find(Some(PathBuf::from("/q"))).unwrap();
    assert!(matches!(qemu.command(&spec, &Channels::new().unwrap()), Err(MonitorError::Cmdline(_))));
    assert!(matches!(Qemu::find(Some(PathBuf::from("no-such-qemu"))), Err(MonitorError::NotInstalled { .. })));
}

#[test]
fn the_verdict_on_kvm_is_kept_per_boot() {
    let directory = tempfile::tempdir().unwrap();
    let cache = directory.path().join("kvm.json");
    if !std::fs::exists("/dev/kvm").unwrap() {
        assert_eq!(probe::kvm(&cache, &["true"]), Verdict::Unusable("there is no /dev/kvm".to_owned()));
        return;
    }
    assert_eq!(probe::kvm(&cache, &["echo", "it is made of cheese"]), Verdict::Unusable("it is made of cheese".to_owned()));
    assert_eq!(probe::kvm(&cache, &["echo", "usable"]), Verdict::Unusable("it is made of cheese".to_owned()));
    std::fs::remove_file(&cache).unwrap();
    assert_eq!(probe::kvm(&cache, &["echo", "usable"]), Verdict::Usable);
    std::fs::remove_file(&cache).unwrap();
    assert_eq!(probe::kvm(&cache, &["true"]), Verdict::Unusable("the trial machine crashed".to_owned()));
    std::fs::remove_file(&cache).unwrap();
    let busy = probe::kvm(&cache, &["sh", "-c", "echo computed; while :; do :; done"]);
    assert!(matches!(&busy, Verdict::Unusable(reason) if reason.contains("interprets")), "{busy:?}");
    std::fs::remove_file(&cache).unwrap();
    let silent = probe::kvm(&cache, &["sh", "-c", "while :; do :; done"]);
    assert!(matches!(&silent, Verdict::Unusable(reason) if reason.contains("no result")), "{silent:?}");
    std::fs::remove_file(&cache).unwrap();
    // What was computed before the loop does not count against it.
    let slow_start = probe::kvm(&cache, &["sh", "-c", "i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done; echo computed; echo usable"]);
    assert_eq!(slow_start, Verdict::Usable);
}
