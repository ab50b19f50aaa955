//! The guest command line: every form from the documentation, what goes wrong, and builder against parser.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_abi::cmdline::{
    CmdlineBuilder, FstabEntry, GuestConfig, IpCidr, LogLevel, MmioDevice, NetdevIp, RandomSeed, StderrChannel, User, WindowSize,
};
use proptest::prelude::*;

fn parse(text: &str) -> GuestConfig {
    GuestConfig::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn the_runtime_line_by_hand() {
    let config = parse("vfs.fstab=[ \"initrd0:/:extract:::\" ] -- /server --port 80");
    assert_eq!(config.fstab.len(), 1);
    assert_eq!(config.fstab[0].device, "initrd0");
    assert_eq!(config.fstab[0].driver, "extract");
    assert_eq!(config.argv, ["/server", "--port", "80"]);
}

#[test]
fn an_application_alone() {
    assert_eq!(parse("/usr/bin/nginx").argv, ["/usr/bin/nginx"]);
    assert_eq!(parse("netdev.ip=10.0.0.2/24 /app A=1 netdev.ip=x").argv, ["/app", "A=1", "netdev.ip=x"]);
    assert_eq!(parse("").argv, [""; 0]);
    assert_eq!(parse(" -- ").argv, [""; 0]);
}

#[test]
fn words_that_loaders_add() {
    let config = parse("vmlinux netdev.ip=10.0.0.2/24 -- /app");
    assert_eq!((config.unknown, config.argv), (vec!["vmlinux".to_owned()], vec!["/app".to_owned()]));
    let config = parse("vmlinux netdev.ip=10.0.0.2/24 /app");
    assert_eq!((config.unknown, config.argv), (vec!["vmlinux".to_owned()], vec!["/app".to_owned()]));
    let config = parse("console=ttyS0 quiet i8042.noaux pci=off /app quiet");
    assert_eq!(config.argv, ["/app", "quiet"]);
    assert_eq!(config.unknown.len(), 4);
    let config = parse("foo.bar=[ 1 2 ] odd baz.x=\"a b\" -- /app");
    assert_eq!(config.unknown, ["foo.bar=[ 1 2 ]", "odd", "baz.x=\"a b\""]);
}

#[test]
fn transports_at_the_end() {
    let config = parse("-- /app x virtio_mmio.device=512@0xfeb00e00:12 virtio_mmio.device=512@0xfeb00c00:11");
    assert_eq!(config.argv, ["/app", "x"]);
    let device = |base, irq| MmioDevice { base, size: 512, irq };
    assert_eq!(config.virtio_mmio, [device(0xfeb0_0e00, 12), device(0xfeb0_0c00, 11)]);
    let config = parse("virtio_mmio.device=4K@0xd0000000:5:0 -- a");
    assert_eq!(config.virtio_mmio, [MmioDevice { base: 0xd000_0000, size: 4096, irq: 5 }]);
    let config = parse("virtio_mmio.device=512@0x1000:3 -- /app virtio_mmio.device=512@0xfeb00e00:12");
    assert_eq!(config.virtio_mmio, [device(0x1000, 3), device(0xfeb0_0e00, 12)], "in the order of the line");
    assert_eq!(parse("-- a virtio_mmio.device=x").argv.len(), 2);
    assert_eq!(parse("virtio_mmio.device=512@0x1000:3").virtio_mmio.len(), 1);
}

#[test]
fn addresses() {
    let ip = &parse("netdev.ip=172.44.0.2/24:172.44.0.1:8.8.8.8:8.8.4.4:web:example.org -- a").netdev_ip[0];
    assert_eq!(ip.cidr, IpCidr { address: "172.44.0.2".parse().unwrap(), prefix: 24 });
    assert_eq!(ip.dns.len(), 2);
    assert_eq!((ip.hostname.as_deref(), ip.domain.as_deref()), (Some("web"), Some("example.org")));
    let ip = &parse("netdev.ip=[fd00::2]/64:[fd00::1]::[fd00::53] -- a").netdev_ip[0];
    assert_eq!(ip.to_string(), "[fd00::2]/64:[fd00::1]:[fd00::53]");
    assert_eq!(parse("netdev.ip=[fd00::2/64] -- a").netdev_ip[0].cidr.prefix, 64);
    let many = parse("netdev.ip=[ \"10.0.0.1/8\" \"10.0.0.2/8\" ] netdev.ip=10.0.0.3/8 -- a");
    assert_eq!(many.netdev_ip.len(), 3);
    assert_eq!(parse("netdev.ip=10.0.2.15/24:10.0.2.2:10.0.2.3::: -- a").netdev_ip[0].dns.len(), 1);
}

#[test]
fn quotes() {
    let line = r#"env.vars=[ "A=b c" 'D="e"' F=\ g ] environ.vars="X=\"\\" -- "a b" 'c d'e \-- "" "\d""#;
    let config = parse(line);
    assert_eq!(config.env, ["A=b c", "D=\"e\"", "F= g", "X=\"\\"]);
    assert_eq!(config.argv, ["a b", "c de", "--", "", "\\d"]);
    assert_eq!(parse(r#"env.vars=["A=1" "B=2"] -- a"#).env, ["A=1", "B=2"]);
    assert_eq!(parse("env.vars=[ ] env.vars=[] -- a").env, [""; 0]);
    assert_eq!(parse("env.vars=[ \"A=-- x\" B=-- ] -- a").argv, ["a"]);
}

#[test]
fn errors_point_at_the_place() {
    for (line, position, expected) in [
        ("env.vars=[ \"A=1\" -- /app", 9, "a closing ']'"),
        ("-- \"abc", 3, "a closing '\"'"),
        ("-- 'abc", 3, "a closing \"'\""),
        ("-- abc\\", 6, "a character after '\\'"),
        ("netdev.ip=10.0.0.1 -- a", 10, "ADDRESS/PREFIX"),
        ("netdev.ip=10.0.0.1/33 -- a", 10, "ADDRESS/PREFIX"),
        ("netdev.ip=10.0.0.1/8:fd00::1 -- a", 10, "an address (IPv6 in brackets)"),
        ("vfs.fstab=[ initrd0 ] -- a", 12, "device:/mountpoint:driver"),
        ("env.vars=[ =x ] -- a", 11, "NAME=VALUE"),
        ("random.seed=[ 0x1 0x2 ] -- a", 0, "eight numbers for random.seed"),
        ("random.seed=[ 1 2 3 4 5 6 7 8 9 ] -- a", 30, "eight numbers"),
        ("pith.log=loud -- a", 9, "error, warn, info, debug or trace"),
        ("pith.workdir=tmp -- a", 13, "an absolute path"),
        ("pith.tty=80 -- a", 9, "COLUMNSxROWS"),
        ("pith.tty=80x65536 -- a", 9, "COLUMNSxROWS"),
        ("pith.user=app -- a", 10, "UID:GID[:GROUP,...]"),
        ("pith.user=1 -- a", 10, "UID:GID[:GROUP,...]"),
        ("pith.user=1:4294967295 -- a", 10, "UID:GID[:GROUP,...]"),
        ("pith.user=1:2: -- a", 10, "UID:GID[:GROUP,...]"),
        ("env.vars=[ \"A=1\" ]x -- a", 18, "a space after ']'"),
    ] {
        let Err(error) = GuestConfig::parse(line) else { panic!("{line} was accepted") };
        assert_eq!((error.position, error.expected), (position, expected), "{line}");
    }
}

#[test]
fn what_cannot_be_written_is_refused() {
    assert!(CmdlineBuilder::new().arg("a\0b").build().is_err());
    assert!(CmdlineBuilder::new().raw_parameter("nodot=1").is_err());
    assert!(CmdlineBuilder::new().raw_parameter("a.b").is_err());
    assert!(CmdlineBuilder::new().raw_parameter("a.b=\"open").is_err());
    let mut builder = CmdlineBuilder::new();
    builder.raw_parameter("pith.workdir=/a b").unwrap().raw_parameter("x.y=[ 1 2 ]").unwrap();
    let config = parse(&builder.build().unwrap());
    assert_eq!(config.workdir.as_deref(), Some("/a b"));
    assert_eq!(config.unknown, ["x.y=[ 1 2 ]"]);
}

/// Any text a command line can carry.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[^\0]{0,20}",
        "[ \"'\\\\\\[\\]=:a]{0,8}",
        Just("--".to_owned()),
        Just("virtio_mmio.device=512@0xfeb00e00:12".to_owned()),
        Just("netdev.ip=1".to_owned()),
    ]
}

fn fstab_entry() -> impl Strategy<Value = FstabEntry> {
    (text(), text(), "[a-z0-9]{1,6}", text(), text(), text()).prop_map(|(device, path, driver, flags, opts, ukopts)| FstabEntry {
        device,
        mountpoint: format!("/{path}"),
        driver,
        flags,
        opts,
        ukopts,
    })
}

fn address(v4: bool) -> impl Strategy<Value = core::net::IpAddr> {
    any::<u128>().prop_map(move |bits| {
        if v4 {
            core::net::IpAddr::V4(core::net::Ipv4Addr::from(u32::try_from(bits >> 96).unwrap()))
        } else {
            core::net::IpAddr::V6(core::net::Ipv6Addr::from(bits))
        }
    })
}

fn netdev_ip() -> impl Strategy<Value = NetdevIp> {
    let name = || proptest::option::of("[a-z][a-z0-9.-]{0,10}");
    any::<bool>().prop_flat_map(move |v4| {
        let prefix = 0..=if v4 { 32_u8 } else { 128 };
        let dns = proptest::collection::vec(address(v4), 0..3);
        (address(v4), prefix, proptest::option::of(address(v4)), dns, name(), name()).prop_map(
            |(address, prefix, gateway, dns, hostname, domain)| NetdevIp {
                cidr: IpCidr { address, prefix },
                gateway,
                dns,
                hostname,
                domain,
            },
        )
    })
}

fn user() -> impl Strategy<Value = User> {
    (0..u32::MAX, 0..u32::MAX, proptest::collection::vec(0..u32::MAX, 0..3)).prop_map(|(uid, gid, groups)| User { uid, gid, groups })
}

fn config() -> impl Strategy<Value = GuestConfig> {
    let many = || proptest::collection::vec(text(), 0..4);
    let device = (any::<u64>(), any::<u32>()).prop_map(|(base, irq)| MmioDevice { base, size: 512, irq });
    (
        proptest::collection::vec(netdev_ip(), 0..3),
        proptest::collection::vec(fstab_entry(), 0..3),
        proptest::collection::vec(("[^\0=]{1,6}", text()).prop_map(|(n, v)| format!("{n}={v}")), 0..4),
        proptest::collection::vec(device, 0..3),
        proptest::option::of(proptest::sample::select(LogLevel::ALL.to_vec())),
        proptest::option::of(any::<[u32; 8]>().prop_map(RandomSeed)),
        proptest::option::of(text().prop_map(|t| format!("/{t}"))),
        proptest::option::of(user()),
        proptest::option::of(text()),
        proptest::option::of(any::<(u16, u16)>().prop_map(|(rows, columns)| WindowSize { rows, columns })),
        any::<bool>(),
        many(),
    )
        .prop_map(|(netdev_ip, fstab, env, virtio_mmio, log_level, random_seed, workdir, user, hostname, tty, merge, argv)| {
            GuestConfig {
                netdev_ip,
                fstab,
                env,
                virtio_mmio,
                log_level,
                random_seed,
                workdir,
                user,
                hostname,
                tty,
                stderr: if merge { StderrChannel::Merge } else { StderrChannel::Separate },
                argv,
                unknown: Vec::new(),
            }
        })
}

fn write(config: &GuestConfig) -> String {
    let mut builder = CmdlineBuilder::new();
    for ip in &config.netdev_ip {
        builder.netdev_ip(ip);
    }
    for entry in &config.fstab {
        builder.fstab(entry);
    }
    for (name, value) in config.env.iter().filter_map(|pair| pair.split_once('=')) {
        builder.env(name, value);
    }
    for device in &config.virtio_mmio {
        builder.virtio_mmio(device);
    }
    if let Some(level) = config.log_level {
        builder.log_level(level);
    }
    if let Some(seed) = &config.random_seed {
        builder.random_seed(seed);
    }
    if let Some(path) = &config.workdir {
        builder.workdir(path);
    }
    if let Some(user) = &config.user {
        builder.user(user);
    }
    if let Some(name) = &config.hostname {
        builder.hostname(name);
    }
    if let Some(size) = config.tty {
        builder.tty(size);
    }
    builder.stderr(config.stderr);
    for word in &config.argv {
        builder.arg(word);
    }
    builder.build().unwrap()
}

proptest! {
    #[test]
    fn what_is_written_is_read(config in config()) {
        let line = write(&config);
        prop_assert_eq!(GuestConfig::parse(&line).unwrap(), config.clone(), "{}", line);
        // QEMU's own words after it change nothing but the transports.
        let mut more = config;
        more.virtio_mmio.push(MmioDevice { base: 0xfeb0_0e00, size: 512, irq: 12 });
        let line = format!("{line} virtio_mmio.device=512@0xfeb00e00:12");
        prop_assert_eq!(GuestConfig::parse(&line).unwrap(), more, "{}", line);
    }

    #[test]
    fn no_line_panics(line in "[^\0]{0,80}") {
        let _ = GuestConfig::parse(&line);
    }

    #[test]
    fn no_parameter_soup_panics(words in proptest::collection::vec(
        prop_oneof![Just("netdev.ip=".to_owned()), Just("vfs.fstab=[ ".to_owned()), Just("random.seed=".to_owned()),
                    Just(" -- ".to_owned()), Just("\"".to_owned()), Just("] ".to_owned()), text()], 0..10)) {
        let _ = GuestConfig::parse(&words.concat());
    }
}
