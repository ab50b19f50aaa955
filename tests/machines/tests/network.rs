//! Machines on real networks: QEMU's user network and its DHCP, taps and bridges with IPv4 and IPv6, several cards, lost packets.

use machines::archive::{PROGRAM, archive, file};
use machines::guest::{Board, Running};
use machines::{DEADLINE, Namespace, Outcome, finish, fixture, free_port};
use std::process::{Command, Stdio};
use std::sync::LazyLock;

/// The archive with the program that tells what the machine knows of its network.
static PROBE: LazyLock<Vec<u8>> =
    LazyLock::new(|| archive(&[file("net-probe", PROGRAM, &std::fs::read(fixture("net-probe")).expect("net-probe"))]));

fn curl(namespace: Option<&Namespace>, words: &[&str]) -> Outcome {
    let mut command = namespace.map_or_else(|| Command::new("curl"), |namespace| namespace.command("curl"));
    command.args(["-sS", "--fail", "--globoff", "--noproxy", "*", "--max-time", "60"]).args(words);
    finish(command, Stdio::null())
}

/// What a `net-probe` answers at this base address, such as `http://[fd00::2]:8080`.
struct Probe<'a> {
    namespace: Option<&'a Namespace>,
    base: String,
}

impl<'a> Probe<'a> {
    fn new(namespace: Option<&'a Namespace>, host: &str, port: u16) -> Self {
        Self { namespace, base: format!("http://{host}:{port}") }
    }

    #[track_caller]
    fn get(&self, path: &str) -> String {
        let outcome = curl(self.namespace, &[&format!("{}{path}", self.base)]);
        assert!(outcome.status.success(), "{}{path}: {}", self.base, outcome.err());
        outcome.out()
    }

    /// Waits for the first answer.
    fn answers(&self, machine: &mut Running) {
        let url = format!("{}/interfaces", self.base);
        machine.wait_for("an answer", || curl(self.namespace, &["--max-time", "3", &url]).status.success());
    }

    /// Sends this many bytes of noise and fetches them again.
    #[track_caller]
    fn carries(&self, len: usize) {
        let place = machines::Place::new();
        let noise: Vec<u8> = (0..len as u64).map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 33) as u8).collect();
        let (sent, got) = (place.file("sent", &noise), place.file("got", b""));
        let (sent, got) = (sent.to_str().expect("UTF-8"), got.to_str().expect("UTF-8"));
        let url = format!("{}/store", self.base);
        let limit = DEADLINE.as_secs().to_string();
        let up = curl(self.namespace, &["--max-time", &limit, "-T", sent, &url]);
        assert_eq!((up.out(), up.code()), (format!("{len}\n"), 0), "{}", up.err());
        let down = curl(self.namespace, &["--max-time", &limit, "-o", got, &url]);
        assert_eq!(down.code(), 0, "{}", down.err());
        assert!(std::fs::read(got).expect("what came") == noise, "{len} bytes came back as others");
    }

    /// Asks the program to end, and says how the machine did.
    fn end(&self, machine: Running) {
        assert_eq!(self.get("/end"), "bye\n");
        let guest = machine.end();
        assert_eq!(guest.ending, "@exit 0", "{}", guest.console);
    }
}

/// A namespace with a bridge `br0`, these addresses on it, and taps `tap0`, `tap1`, ... behind it.
fn bridge(taps: usize, addresses: &[&str]) -> Namespace {
    let namespace = Namespace::new();
    // No duplicate address detection: the addresses are ours alone, and nobody would wait for it.
    namespace.sh("ip link add br0 type bridge; echo 0 >/proc/sys/net/ipv6/conf/br0/accept_dad; ip link set br0 up");
    for address in addresses {
        namespace.sh(&format!("ip address add {address} dev br0"));
    }
    for tap in 0..taps {
        namespace.sh(&format!("ip tuntap add tap{tap} mode tap; ip link set tap{tap} master br0 up"));
    }
    namespace
}

/// The backend for one of them.
fn tap(number: usize) -> String {
    format!("tap,ifname=tap{number},script=no,downscript=no")
}

fn ping(namespace: &Namespace, address: &str) {
    let outcome = namespace.run("ping", &["-c", "3", "-i", "0.2", "-W", "20", address]);
    assert!(outcome.out().contains("3 packets transmitted, 3 received"), "{address}: {}{}", outcome.out(), outcome.err());
}

const HARDWARE: [&str; 2] = ["52:54:00:00:00:10", "52:54:00:00:00:11"];

fn hardware(index: usize) -> String {
    format!(",mac={}", HARDWARE[index])
}

/// The link-local address that belongs to [`HARDWARE`]`[index]`, if the machine makes it from that (RFC 4291, appendix A).
const LINK_LOCAL: [&str; 2] = ["fe80::5054:ff:fe00:10", "fe80::5054:ff:fe00:11"];

#[test]
fn an_address_gateway_and_resolver_by_dhcp_from_the_user_network() {
    for machine_type in ["microvm", "q35"] {
        let port = free_port();
        // Nothing here is QEMU's default, so it can only have come with the lease.
        let backend = format!(
            "user,net=10.7.5.0/24,host=10.7.5.1,dns=10.7.5.9,dhcpstart=10.7.5.40,domainname=lab.example,ipv6-net=fd07:5::/64,hostfwd=tcp:127.0.0.1:{port}-10.7.5.40:8080"
        );
        let mut machine = Board::new(&PROBE, 128, "-- /net-probe").on(machine_type).card(&backend, &hardware(0)).start();
        let probe = Probe::new(None, "127.0.0.1", port);
        probe.answers(&mut machine);
        let interfaces = probe.get("/interfaces");
        let has = |line: &str| interfaces.lines().any(|l| l == line);
        assert!(has(&format!("eth0 {} 10.7.5.40/24", HARDWARE[0])), "{interfaces}");
        assert!(has(&format!("eth0 {} {}/64", HARDWARE[0], LINK_LOCAL[0])), "{interfaces}");
        assert!(interfaces.lines().any(|l| l.starts_with(&format!("eth0 {} fd07:5::", HARDWARE[0]))), "{interfaces}");
        assert!(has("lo  127.0.0.1/8") && has("lo  ::1/128"), "{interfaces}");
        assert!(probe.get("/routes").lines().any(|l| l == "10.7.5.1 eth0"), "{}", probe.get("/routes"));
        assert_eq!(probe.get("/file?/etc/resolv.conf"), "nameserver 10.7.5.9\nsearch lab.example\n");
        // The way out: the host's loopback is at the gateway's address.
        assert_eq!(probe.get(&format!("/fetch?http://10.7.5.1:{port}/interfaces")), interfaces);
        probe.carries(1 << 20);
        probe.end(machine);
    }
}

#[test]
fn a_tap_with_addresses_from_a_dhcp_server_and_router_advertisements() {
    let namespace = bridge(1, &["10.31.0.1/24", "fd31::1/64"]);
    let place = machines::Place::new();
    let leases = place.file("leases", b"");
    let _dnsmasq = namespace.background(
        "dnsmasq",
        &[
            "--keep-in-foreground",
            "--conf-file=/dev/null",
            "--user=root",
            "--group=root",
            "--pid-file=",
            "--port=0",
            "--interface=br0",
            "--bind-interfaces",
            "--no-ping",
            "--dhcp-range=10.31.0.50,10.31.0.59,1h",
            "--dhcp-option=option:router,10.31.0.1",
            "--dhcp-option=option:dns-server,10.31.0.7,10.31.0.8",
            "--domain=tap.example",
            "--enable-ra",
            "--dhcp-range=fd31::,ra-only",
            &format!("--dhcp-leasefile={}", leases.display()),
        ],
    );
    let cmdline = "pith.hostname=leaseholder -- /net-probe";
    let mut machine = Board::new(&PROBE, 128, cmdline).card(&tap(0), &hardware(0)).within(&namespace).start();
    let lease = || {
        let text = place.read("leases");
        text.lines().find(|l| l.contains(HARDWARE[0])).map(|l| l.split(' ').map(str::to_owned).collect::<Vec<_>>())
    };
    machine.wait_for("a lease", || lease().is_some());
    let lease = lease().expect("as waited for");
    let (address, name) = (&lease[2], &lease[3]);
    assert_eq!(name, "leaseholder");

    let probe = Probe::new(Some(&namespace), address, 8080);
    probe.answers(&mut machine);
    ping(&namespace, address);
    let interfaces = probe.get("/interfaces");
    assert!(interfaces.lines().any(|l| l == format!("eth0 {} {address}/24", HARDWARE[0])), "{interfaces}");
    assert_eq!(probe.get("/routes").lines().filter(|l| *l == "10.31.0.1 eth0").count(), 1);
    assert_eq!(probe.get("/file?/etc/resolv.conf"), "nameserver 10.31.0.7\nnameserver 10.31.0.8\nsearch tap.example\n");

    let own = "fd31::5054:ff:fe00:10";
    machine.wait_for("an address from a router advertisement", || probe.get("/interfaces").contains(own));
    ping(&namespace, own);
    let six = Probe::new(Some(&namespace), &format!("[{own}]"), 8080);
    six.carries(1 << 20);
    assert!(six.get("/routes").lines().any(|l| l.starts_with("fe80::") && l.ends_with(" eth0")), "{}", six.get("/routes"));
    six.end(machine);
}

#[test]
fn a_tap_with_addresses_given() {
    let namespace = bridge(1, &["10.32.0.1/24", "fd32::1/64"]);
    let mut machine = Board::new(&PROBE, 128, "netdev.ip=10.32.0.2/24:10.32.0.1:10.32.0.3::hand:hand.example -- /net-probe")
        .card(&tap(0), &hardware(0))
        .within(&namespace)
        .start();
    let four = Probe::new(Some(&namespace), "10.32.0.2", 8080);
    four.answers(&mut machine);
    ping(&namespace, "10.32.0.2");
    ping(&namespace, &format!("{}%br0", LINK_LOCAL[0]));
    assert_eq!(four.get("/file?/etc/resolv.conf"), "nameserver 10.32.0.3\nsearch hand.example\n");
    assert_eq!(four.get("/file?/proc/sys/kernel/hostname"), "hand\n");
    // Segmentation offload on: large frames go through the card whole.
    four.carries(8 << 20);
    Probe::new(Some(&namespace), &format!("[{}%br0]", LINK_LOCAL[0]), 8080).carries(8 << 20);
    four.end(machine);

    let mut machine =
        Board::new(&PROBE, 128, "netdev.ip=[fd32::2]/64:[fd32::1] -- /net-probe").card(&tap(0), "").within(&namespace).start();
    let six = Probe::new(Some(&namespace), "[fd32::2]", 8080);
    six.answers(&mut machine);
    ping(&namespace, "fd32::2");
    assert!(six.get("/routes").lines().any(|l| l == "fd32::1 eth0"), "{}", six.get("/routes"));
    six.end(machine);
}

/// Three frames in a hundred vanish, each way; whole files arrive all the same.
#[test]
fn lost_packets_are_sent_again() {
    let namespace = bridge(1, &["10.33.0.1/24", "fd33::1/64"]);
    let rules = "table netdev loss {
        chain from { type filter hook ingress device tap0 priority 0; numgen random mod 100 < 3 counter drop; }
        chain to { type filter hook egress device tap0 priority 0; numgen random mod 100 < 3 counter drop; }
    }";
    // Without segmentation offload every frame is one segment, and there are thousands.
    let plain = ",csum=off,gso=off,guest_csum=off,guest_tso4=off,guest_tso6=off,host_tso4=off,host_tso6=off,mrg_rxbuf=off";
    let mut machine = Board::new(&PROBE, 128, "netdev.ip=10.33.0.2/24 -- /net-probe")
        .card(&tap(0), &format!("{}{plain}", hardware(0)))
        .within(&namespace)
        .start();
    let four = Probe::new(Some(&namespace), "10.33.0.2", 8080);
    four.answers(&mut machine);
    namespace.sh(&format!("nft '{rules}'"));
    four.carries(4 << 20);
    Probe::new(Some(&namespace), &format!("[{}%br0]", LINK_LOCAL[0]), 8080).carries(2 << 20);
    let counted = namespace.sh("nft list ruleset");
    let dropped: Vec<u64> = counted.lines().filter_map(|l| l.split_once("counter packets ")?.1.split(' ').next()?.parse().ok()).collect();
    assert!(dropped.len() == 2 && dropped.iter().all(|count| *count > 10), "{counted}");
    namespace.sh("nft flush ruleset");
    four.end(machine);
}

#[test]
fn two_cards_on_two_networks() {
    for machine_type in ["microvm", "q35"] {
        let namespace = Namespace::new();
        for number in 0..2 {
            namespace.sh(&format!(
                "ip tuntap add tap{number} mode tap; ip address add 10.34.{number}.1/24 dev tap{number}; ip link set tap{number} up"
            ));
        }
        let mut machine = Board::new(&PROBE, 128, "netdev.ip=10.34.0.2/24:10.34.0.1 netdev.ip=10.34.1.2/24 -- /net-probe")
            .on(machine_type)
            .card(&tap(0), &hardware(0))
            .card(&tap(1), &hardware(1))
            .within(&namespace)
            .start();
        let [first, second] = [0, 1].map(|number| Probe::new(Some(&namespace), &format!("10.34.{number}.2"), 8080));
        first.answers(&mut machine);
        second.answers(&mut machine);
        let interfaces = second.get("/interfaces");
        for (number, hardware) in HARDWARE.iter().enumerate().take(2) {
            let line = format!("eth{number} {} 10.34.{number}.2/24", hardware);
            assert!(interfaces.lines().any(|l| l == line), "{machine_type}: {interfaces}");
            ping(&namespace, &format!("10.34.{number}.2"));
        }
        assert_eq!(second.get("/routes").lines().filter(|l| l.starts_with("10.")).collect::<Vec<_>>(), ["10.34.0.1 eth0"]);
        first.carries(1 << 20);
        second.carries(1 << 20);
        first.end(machine);
    }
}
