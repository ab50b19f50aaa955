//! The errors of broken files, and what is said about values.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_kconfig::{Config, Kconfig, Origin, Variables};
use std::collections::HashMap;
use std::fmt::Write;
use std::path::Path;

fn load(text: &str) -> Result<Kconfig, pith_diagnostic::Problem> {
    Kconfig::load(&HashMap::from([("Kconfig", text), ("self", "source \"self\"\n")]), "Kconfig", &Variables::default())
}

const BROKEN: [&str; 32] = [
    "config\n\tbool\n",
    "config A B\n\tbool\n",
    "config A\n\thelp\n\t  no type\n",
    "confg A\n\tbool\n",
    "config A\n\tbol \"a\"\n",
    "config A\n\tbool \"never ends\n",
    "config A\n\tbool \"a\" if\n",
    "config A\n\tbool\n\tdepends A\n",
    "config A\n\tbool\n\tdepends on (B && C\n",
    "config A\n\tbool\n\tdepends on B &&\n",
    "config A\n\tbool\n\tdepends on B & C\n",
    "config A\n\tbool\n\tselect \"B\"\n",
    "config A\n\tint\n\trange 1\n",
    "config A\n\tbool\nconfig A\n\tint\n",
    "menu \"open\"\nconfig A\n\tbool\n",
    "endif\n",
    "if A\nmenu \"x\"\nendif\nendmenu\n",
    "default y\n",
    "choice\n\tselect A\nendchoice\n",
    "source \"missing\"\n",
    "source \"self\"\n",
    "config A\n\tbool\n\tdefault $(shell,uname)\n",
    "config A\n\tbool \"a\"\n\tdepends on B\nconfig B\n\tbool \"b\"\n\tselect A\n\tdepends on A\n",
    "config A\n\tbool \"a\"\n\toption modules\n",
    "config A\n\tint \"a\"\n\tdefault\n",
    "config A\n\tbool \"a\"\n\tdepends on B = \n",
    "config A\n\tbool \"a\"\n\tselect\n",
    "menu\nendmenu\n",
    "choice\n\tprompt \"c\"\nconfig A\n\tbool \"a\"\n",
    "config A-B.C\n\tbool \"a\"\n\tdepends on )\n",
    "mainmenu\n",
    "config A\n\tbool \"a\"\n\timply\n",
];

#[test]
fn broken_files_say_what_is_wrong_and_where() {
    let mut out = String::new();
    for text in BROKEN {
        let problem = load(text).expect_err(text);
        let handler = miette::GraphicalReportHandler::new_themed(miette::GraphicalTheme::none()).with_links(false);
        let _ = writeln!(out, "line {}, column {}", problem.line, problem.column);
        handler.render_report(&mut out, &problem).expect("a String takes everything");
        out.push('\n');
    }
    insta::assert_snapshot!(out);
}

#[test]
fn deep_nesting_is_an_error_and_no_overflow() {
    let deep = "if A\n".repeat(100_000);
    assert!(load(&deep).is_err());
    let deep = format!("config A\n\tbool\n\tdepends on {}B\n", "(".repeat(100_000));
    assert!(load(&deep).is_err());
}

const TREE: &str = r#"
mainmenu "Test"
config LIBNET
	bool "network"
	default y
	help
	  TCP/IP.
menu "Drivers"
	depends on LIBNET
config DRIVER
	bool "driver"
	default y
	select RING
config QUEUES
	int "queues"
	range 1 8
	default 2
	depends on DRIVER
endmenu
config RING
	bool
config BASE
	hex "base"
	default 0x1000
choice
	prompt "speed"
	default SMALL
config SMALL
	bool "small"
config FAST
	bool "fast"
	depends on LIBNET
endchoice
"#;

#[test]
fn wishes_that_come_to_nothing_are_explained() {
    let kconfig = load(TREE).unwrap();
    let mut config = Config::new(&kconfig);
    let notes = config.read(
        "defconfig",
        "# CONFIG_LIBNET is not set\nCONFIG_DRIVER=y\nCONFIG_QUEUES=99\nCONFIG_RING=y\nCONFIG_FAST=y\nCONFIG_DRIVR=y\nCONFIG_BASE=xyz\nnonsense\n",
    );
    let mut out = String::new();
    for note in &notes {
        let _ = writeln!(out, "line {}: {}", note.line, note.message);
    }
    let ignored = |config: &Config<'_>, out: &mut String| {
        for ignored in config.ignored() {
            let name = &kconfig.symbol(ignored.symbol).name;
            let _ = writeln!(out, "{name}: {} wanted by {}, is {}: {}", ignored.wanted, ignored.origin, ignored.got, ignored.reason);
        }
    };
    out.push_str("-- without network\n");
    ignored(&config, &mut out);
    out.push_str("-- with network\n");
    config.set(kconfig.find("CONFIG_LIBNET").unwrap(), "y", Origin::Other("the command line".into())).unwrap();
    ignored(&config, &mut out);
    for name in ["LIBNET", "QUEUES", "RING", "SMALL", "FAST"] {
        out.push_str(&config.explain(kconfig.find(name).unwrap()));
    }
    insta::assert_snapshot!(out);
}

#[test]
fn the_kernels_own_tree_is_read() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../kernel");
    let kconfig = Kconfig::load(&root, "Kconfig", &Variables::default()).unwrap();
    let config = Config::new(&kconfig);
    assert!(kconfig.defined().count() > 30);
    assert!(config.is_set("CONFIG_LIBVFSCORE"));
    assert!(config.unmet_selections().is_empty());
}
