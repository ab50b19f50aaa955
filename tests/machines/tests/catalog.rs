//! Every entry of the catalogue, built from its Dockerfile, run as its README says, asked, and stopped.

use libtest_mimic::{Arguments, Failed, Trial};
use machines::Server;
use machines::catalog::Catalog;
use std::sync::Arc;

fn http_c(server: &Server) {
    assert_eq!(server.get("/any/path"), "Hello from C\n");
}

fn http_go(server: &Server) {
    assert_eq!(server.get("/fibonacci/10"), "55\n");
    assert_eq!(server.status_of("/fibonacci/none"), "400");
    server.wrk("/");
}

fn http_rust(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get_with(&["--json", "[]"], "/sum"), "{\"count\":0,\"sum\":0}");
    assert_eq!(server.get_with(&["--json", "[-1, 1]"], "/sum"), "{\"count\":2,\"sum\":0}");
    server.wrk("/");
}

fn http_node(server: &Server) {
    assert_eq!(server.get("/later"), "done\n");
    // Express takes lists and objects only, unless told otherwise.
    assert_eq!(server.status_with(&["--json", "7"], "/echo"), "400");
    server.wrk("/");
}

fn flask_sqlite(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert!(server.get("/static/style.css").starts_with("body {"));
    assert!(server.get("/").contains("<li>Ada</li>"));
    server.get_with(&["--location", "--data", "name=<b>Grace</b>"], "/guests");
    assert!(server.get("/").contains("<li>&lt;b&gt;Grace&lt;/b&gt;</li>"));
    assert_eq!(server.get("/guests.json"), "[{\"id\":1,\"name\":\"Ada\"},{\"id\":2,\"name\":\"<b>Grace</b>\"}]\n");
}

fn nginx(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    server.wrk("/");
}

fn redis(server: &Server) {
    let port = server.address.port().to_string();
    let bench = server.client("redis-benchmark", &["-p", &port, "-n", "2000", "-c", "16", "-q", "-t", "set,get"]);
    assert!(bench.matches("requests per second").count() >= 2, "{bench}");
}

fn http_lua(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get("/repeat/la/1000").split(' ').count(), 100);
}

fn http_perl(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get("/count/zyx"), "x1 y1 z1\n");
}

fn http_php(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    // PHP's server closes every connection in a way that wrk counts as an error, on Linux too.
    (0..20).for_each(|_| assert_eq!(server.get_with(&["--data", "12345"], "/reverse"), "54321\n"));
}

fn http_ruby(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get("/primes/2"), "[2]\n");
}

fn http_java(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get("/upper/abc"), "ABC\n");
    server.wrk("/");
}

fn memcached(server: &Server) {
    let port = server.address.port();
    let talk = format!(
        "{{ for i in $(seq 500); do printf 'set k%d 0 0 3\\r\\nabc\\r\\n' $i; done; printf 'get k1 k500\\r\\nquit\\r\\n'; }} | curl -sS telnet://127.0.0.1:{port}"
    );
    let said = server.client("sh", &["-c", &talk]);
    assert_eq!((said.matches("STORED").count(), said.matches("VALUE").count()), (500, 2), "{said}");
}

fn haproxy(server: &Server) {
    assert_eq!(server.get("/back"), "from behind\n");
    server.wrk("/");
    server.wrk("/back");
}

fn caddy(server: &Server) {
    assert_eq!(server.status_of("/none"), "404");
    assert_eq!(server.get("/version"), "caddy");
    server.wrk("/");
}

/// Entry, what more it is asked, and the status with which it ends when it is asked to.
type Row = (&'static str, fn(&Server), i32);

const ENTRIES: [Row; 15] = [
    ("examples/http-c", http_c, 0),
    ("examples/http-go", http_go, 0),
    ("examples/http-rust", http_rust, 0),
    ("examples/http-node", http_node, 0),
    // Flask's own server has no handler for SIGTERM.
    ("examples/flask-sqlite", flask_sqlite, 128 + 15),
    ("examples/http-java", http_java, 128 + 15),
    ("examples/http-lua", http_lua, 128 + 15),
    ("examples/http-perl", http_perl, 0),
    ("examples/http-php", http_php, 128 + 15),
    ("examples/http-ruby", http_ruby, 0),
    ("library/caddy", caddy, 0),
    // HAProxy says with its status which signal ended it.
    ("library/haproxy", haproxy, 128 + 15),
    ("library/memcached", memcached, 0),
    ("library/nginx", nginx, 0),
    ("library/redis", redis, 0),
];

/// Nothing in the catalogue is untested.
fn all_are_here() -> Result<(), Failed> {
    for kind in ["library", "examples"] {
        for entry in std::fs::read_dir(machines::root().join("catalog").join(kind)).expect("the catalogue").flatten() {
            let name = format!("{kind}/{}", entry.file_name().to_string_lossy());
            assert!(ENTRIES.iter().any(|(entry, ..)| *entry == name), "{name} has no test");
        }
    }
    Ok(())
}

fn main() {
    let mut arguments = Arguments::from_args();
    arguments.test_threads.get_or_insert(2);
    let mut trials = vec![Trial::test("all_are_here", all_are_here)];
    let catalog = (!arguments.list).then(|| Arc::new(Catalog::open()));
    for (entry, ask, status) in ENTRIES {
        let catalog = catalog.clone();
        trials.push(Trial::test(entry, move || {
            let server = catalog.expect("opened, as this is no listing").start(entry);
            ask(&server);
            let outcome = server.stop();
            assert_eq!(outcome.code(), status, "{}\n{}", outcome.out(), outcome.err());
            Ok(())
        }));
    }
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Some(catalog) = catalog {
        catalog.place().assert_clean();
        catalog.shrink();
    }
    conclusion.exit();
}
