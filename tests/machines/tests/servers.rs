//! Servers in the foreground and in the background, asked by the clients that people use, stopped as people stop them.

use machines::{Place, Server, finish, fixture, free_port, root_directory};
use std::net::UdpSocket;
use std::process::{Command, Stdio};

fn path(path: &std::path::Path) -> &str {
    path.to_str().expect("UTF-8")
}

/// Starts a program of `tests/fixtures` that listens on port 8080.
fn serve(name: &str) -> Server {
    Server::start(8080, [path(&fixture(name))])
}

/// Stops it as Ctrl-C does; the application ends with status 0.
fn stops_well(server: Server) {
    let outcome = server.stop();
    assert_eq!(outcome.code(), 0, "{}\n{}", outcome.out(), outcome.err());
}

/// `count` clients of curl at once, each `times` requests over one connection.
fn many_curls(server: &Server, count: usize, times: usize, expected: &str) {
    let url = format!("http://{}/", server.address);
    std::thread::scope(|scope| {
        for _ in 0..count {
            scope.spawn(|| {
                let mut command = Command::new("curl");
                command.args(["-sS", "--fail", "--max-time", "60"]).args(std::iter::repeat_n(url.as_str(), times));
                let outcome = finish(command, Stdio::null());
                assert_eq!((outcome.out(), outcome.code()), (expected.repeat(times), 0), "{}", outcome.err());
            });
        }
    });
}

#[test]
fn tokio() {
    let server = serve("tokio-http");
    assert_eq!(server.get("/"), "hello from tokio\n");
    assert_eq!(server.get("/sleep"), "hello from tokio\n");
    many_curls(&server, 16, 4, "hello from tokio\n");
    server.wrk("/");
    stops_well(server);
}

#[test]
fn go() {
    let server = serve("go-http");
    assert_eq!(server.get("/"), "hello from go\n");
    assert_eq!(server.get("/gc"), "64\n");
    many_curls(&server, 16, 4, "hello from go\n");
    server.wrk("/");
    assert_eq!(server.get("/gc"), "64\n");
    stops_well(server);
}

#[test]
fn nginx() {
    let root = root_directory("nginx");
    let server = Server::start(80, ["--rootfs", path(&root), "/usr/sbin/nginx"]);
    let page = std::fs::read_to_string(root.join("var/www/html/index.html")).expect("the page");
    assert_eq!(server.get("/"), page);
    assert_eq!(server.get("/large.txt"), "x".repeat(1 << 20));
    assert_eq!(server.get("/status"), "ok\n");
    assert_eq!(server.status_of("/none"), "404");
    many_curls(&server, 16, 4, &page);
    server.wrk("/");
    stops_well(server);
}

#[test]
fn redis() {
    let server = Server::start(6379, ["--rootfs", path(&root_directory("redis")), "/usr/bin/redis-server", "/etc/redis/redis.conf"]);
    let port = server.address.port().to_string();
    let ask = |words: &[&str]| server.client("redis-cli", &[&["-h", "127.0.0.1", "-p", &port], words].concat());
    assert_eq!(ask(&["PING"]), "PONG\n");
    assert_eq!(ask(&["SET", "key", "a value"]), "OK\n");
    assert_eq!(ask(&["GET", "key"]), "a value\n");
    assert_eq!(ask(&["INCRBY", "count", "41"]), "41\n");
    assert_eq!(ask(&["INCR", "count"]), "42\n");
    assert_eq!(ask(&["RPUSH", "list", "a", "b", "c"]), "3\n");
    assert_eq!(ask(&["LRANGE", "list", "0", "-1"]), "a\nb\nc\n");
    assert_eq!(ask(&["EVAL", "return redis.call('GET', KEYS[1])", "1", "count"]), "42\n");
    assert_eq!(ask(&["SETEX", "short", "1", "x"]), "OK\n");
    machines::wait_for(|| ask(&["EXISTS", "short"]) == "0\n");
    let large = "v".repeat(100_000);
    assert_eq!(ask(&["SET", "large", &large]), "OK\n");
    assert_eq!(ask(&["GET", "large"]).trim_end(), large);
    assert!(ask(&["INFO", "server"]).contains("redis_version:"));
    let bench = server
        .client("redis-benchmark", &["-h", "127.0.0.1", "-p", &port, "-n", "2000", "-c", "16", "-q", "-t", "set,get,lpush,lrange_100"]);
    assert!(bench.matches("requests per second").count() >= 4, "{bench}");
    // No saving: it forks, and the machine has one process.
    assert!(ask(&["CONFIG", "GET", "save"]).starts_with("save"));
    stops_well(server);
}

#[test]
fn python() {
    let root = root_directory("python3");
    let server =
        Server::start(8000, ["--rootfs", path(&root), "/usr/bin/python3", "--", "-u", "-m", "http.server", "--directory", "/srv", "8000"]);
    assert_eq!(server.get("/"), "hello from python\n");
    assert!(server.get("/script.py").contains("import asyncio"));
    many_curls(&server, 4, 2, "hello from python\n");
    let outcome = server.stop();
    // It has no handler for SIGTERM.
    assert_eq!(outcome.code(), 128 + 15, "{}\n{}", outcome.out(), outcome.err());
    assert!(outcome.out().starts_with("Serving HTTP on "), "{}", outcome.out());
}

#[test]
fn epoll_server_under_load() {
    let server = serve("epoll-http");
    server.wrk("/");
    many_curls(&server, 32, 8, &server.get("/"));
    server.wrk("/");
    stops_well(server);
}

#[test]
fn every_flavour_of_the_same_server() {
    for name in ["epoll-http-dynamic", "epoll-http-musl"] {
        let server = serve(name);
        assert!(server.get("/").contains("It works"), "{name}");
        stops_well(server);
    }
}

/// `pith COMMAND...` at this place: standard output, after checking success.
fn pith(place: &Place, words: &[&str]) -> String {
    let mut command = place.pith();
    command.args(words);
    let outcome = finish(command, Stdio::null());
    assert_eq!((outcome.code(), outcome.err().as_str()), (0, ""), "pith {words:?}");
    outcome.out()
}

#[test]
fn in_the_background() {
    let place = Place::new();
    let port = free_port();
    let publish = format!("127.0.0.1:{port}:8080");
    let server = fixture("epoll-http");
    assert_eq!(pith(&place, &["run", "-W", "-d", "--name", "web", "-p", &publish, path(&server)]), "web\n");
    let url = format!("http://127.0.0.1:{port}/");
    machines::wait_for(|| {
        Command::new("curl").args(["-s", "--fail", "-o", "/dev/null", "--max-time", "20", &url]).status().is_ok_and(|s| s.success())
    });
    let listed = pith(&place, &["ps"]);
    assert!(listed.lines().any(|l| l.starts_with("web") && l.contains("running") && l.contains(&port.to_string())), "{listed}");
    let id = pith(&place, &["ps", "-q"]);
    assert!(id.trim_end().len() == 12 && listed.lines().count() == 2 && id.lines().count() == 1, "{id}{listed}");
    assert_eq!(pith(&place, &["logs", id.trim_end()]), "listening on port 8080\n");
    assert_eq!(pith(&place, &["logs", "web"]), "listening on port 8080\n");

    let mut second = place.pith();
    second.args(["run", "-W", "-d", "--name", "web"]).arg(&server);
    let second = finish(second, Stdio::null());
    assert_eq!(second.code(), 125, "a name that is taken: {}", second.err());
    let mut removed = place.pith();
    removed.args(["rm", "web"]);
    assert_eq!(finish(removed, Stdio::null()).code(), 125, "a running machine is not removed without -f");

    assert_eq!(pith(&place, &["stop", "web"]), "web\n");
    assert_eq!(pith(&place, &["ps", "-q"]), "");
    let ended = pith(&place, &["ps", "-a"]);
    assert!(ended.lines().any(|l| l.starts_with("web") && l.contains("exited (0)")), "{ended}");
    assert_eq!(pith(&place, &["logs", "web"]), "listening on port 8080\n");
    assert_eq!(pith(&place, &["rm", "web"]), "web\n");
    place.assert_clean();
}

#[test]
fn in_the_background_and_removed_by_itself() {
    let place = Place::new();
    let name = pith(&place, &["run", "-W", "-d", "--rm", path(&fixture("probe")), "--", "wait"]);
    let name = name.trim_end();
    assert!(pith(&place, &["ps"]).lines().any(|l| l.starts_with(name)));
    place.wait_for_output(name, "waiting\n");
    assert_eq!(pith(&place, &["stop", name]), format!("{name}\n"));
    place.assert_clean();
}

#[test]
fn following_the_log_ends_with_the_machine() {
    let place = Place::new();
    assert_eq!(pith(&place, &["run", "-W", "-d", "--name", "waiter", path(&fixture("probe")), "--", "wait"]), "waiter\n");
    let mut follow = place.pith();
    let follow = follow.args(["logs", "-f", "waiter"]).stdout(Stdio::piped()).spawn().expect("pith logs");
    place.wait_for_output("waiter", "waiting\n");
    pith(&place, &["stop", "waiter"]);
    let followed = follow.wait_with_output().expect("its end");
    assert_eq!(String::from_utf8_lossy(&followed.stdout), "waiting\nsignal 15\n");
    let ended = pith(&place, &["ps", "-a"]);
    assert!(ended.contains("exited (9)"), "{ended}");
    pith(&place, &["rm", "-f", "waiter"]);
    place.assert_clean();
}

#[test]
fn a_port_is_published_on_the_address_that_was_asked_for() {
    let place = Place::new();
    let server = Server::start_in(place, 8080, [path(&fixture("epoll-http-musl"))]);
    let other = std::net::SocketAddr::from(([127, 0, 0, 2], server.address.port()));
    assert!(std::net::TcpStream::connect(other).is_err(), "{other} answers too");
    assert!(server.get("/").contains("It works"));
    stops_well(server);
}

#[test]
fn datagrams_through_a_published_port() {
    let port = free_port();
    let server = Server::start(8080, ["-p", &format!("127.0.0.1:{port}:8080/udp"), path(&fixture("net-probe"))]);
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.connect(("127.0.0.1", port)).expect("a peer");
    socket.set_read_timeout(Some(machines::DEADLINE)).expect("a limit");
    for len in [1, 1000, 8000] {
        let sent: Vec<u8> = (0..len).map(|i: u32| (i % 251) as u8).collect();
        socket.send(&sent).expect("sent");
        let mut got = vec![0; 65536];
        let len = socket.recv(&mut got).expect("an echo");
        assert_eq!(got[..len], sent);
    }
    assert_eq!(server.get("/end"), "bye\n");
}

#[test]
fn a_published_port_has_room_for_many_clients_at_once() {
    let server = serve("epoll-http");
    server.get("/");
    let limit: u32 = std::fs::read_to_string("/proc/sys/net/core/somaxconn").expect("a limit").trim().parse().expect("a number");
    // The guest may answer before the supervisor has heard that the monitor is up.
    machines::wait_for(|| {
        let sockets = server.client("ss", &["-Hltn", "sport", "=", &format!(":{}", server.address.port())]);
        let backlog: u32 = sockets.split_whitespace().nth(2).and_then(|word| word.parse().ok()).expect("ss prints the backlog");
        backlog == limit.min(4096)
    });
    stops_well(server);
}
