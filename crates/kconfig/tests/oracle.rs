//! Random trees and configurations, ours against kconfiglib (Debian's python3-kconfiglib): `.config` and the minimal
//! configuration have to be equal to the byte.

use pith_kconfig::{Config, Kconfig, Variables};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config as Settings, RngAlgorithm, TestRng, TestRunner};
use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

/// Files that every tree sources: forms that no generator is needed for.
const MORE: [(&str, &str); 2] = [
    (
        "more/Kconfig",
        "rsource \"below\"\nosource \"more/missing\"\norsource \"missing\"\nmenuconfig FEATURE\n\tbool\n\tprompt \"feature\" if B1\n\tdefault y if B0\nif FEATURE\nconfig INNER\n\tdef_bool B2 || B3\n\tselect RING if B4\nendif\n\
         config LOW\n\tdef_int 3\nconfig BOUNDED\n\tint \"bounded\"\n\trange LOW NUM\n\tdefault NUM if B5\n\tdefault 1\n\
         comment \"only with a feature\"\n\tdepends on FEATURE\n",
    ),
    (
        "more/below",
        "config RING\n\tbool\n\t---help---\n\t  No question.\nconfig TWICE\n\tbool \"once\" if B0\n\tdefault y if B1\nconfig TWICE\n\tbool \"twice\" if B2\n\tdefault y\n\timply RING\n\
         config ADDRESS\n\tdef_hex 0x10 if B3\n\tdefault HEX\nconfig NAME\n\tdef_string \"pith\" if B6\n",
    ),
];

/// Reads `count` of `length kconfig length config` and answers with `length .config length minimal` each.
const ORACLE: &str = r#"
import sys, os, tempfile, kconfiglib
os.chdir(tempfile.mkdtemp())
data = sys.stdin.buffer
def take():
    return data.read(int(data.readline()))
def give(name):
    text = open(name, "rb").read()
    sys.stdout.buffer.write(b"%d\n" % len(text) + text)
os.mkdir("more")
for name in ["more/Kconfig", "more/below"]:
    open(name, "wb").write(take())
for _ in range(int(data.readline())):
    open("Kconfig", "wb").write(take())
    open("in", "wb").write(take())
    k = kconfiglib.Kconfig("Kconfig", warn=False)
    k.load_config("in")
    k.write_config("out", header="", save_old=False)
    k.write_min_config("min", header="")
    give("out")
    give("min")
"#;

const BOOLS: usize = 8;

/// A dependency on symbols before `limit`, so that nothing depends on itself.
fn expr(limit: usize) -> BoxedStrategy<String> {
    let limit = limit.max(1);
    let leaf = prop_oneof![
        4 => (0..limit).prop_map(|n| format!("B{n}")),
        1 => (0..limit, any::<bool>()).prop_map(|(n, y)| format!("B{n} = {}", if y { "y" } else { "n" })),
        1 => (0..4_usize, 0..40_u32).prop_map(|(op, n)| format!("NUM {} {n}", ["=", "!=", "<", ">="][op])),
        1 => any::<bool>().prop_map(|y| if y { "WORD = \"a\"".to_owned() } else { "WORD != \"b c\"".to_owned() }),
        1 => Just("NOWHERE".to_owned()),
    ];
    leaf.prop_recursive(2, 6, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a} && {b})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("{a} || {b}")),
            inner.prop_map(|a| format!("!({a})")),
        ]
    })
    .boxed()
}

/// One bool, depending on earlier ones, selecting and implying later ones.
fn boolean(n: usize) -> BoxedStrategy<String> {
    let later = (n + 1)..(BOOLS + 1);
    (
        any::<bool>(),
        proptest::option::of(expr(n)),
        proptest::option::of((any::<bool>(), proptest::option::of(expr(n)))),
        proptest::option::of((later.clone(), proptest::option::of(expr(n)))),
        proptest::option::of(later),
        0..6_u8,
    )
        .prop_map(move |(has_prompt, depends, default, select, imply, wrap)| {
            let mut out = format!("config B{n}\n\tbool{}\n", if has_prompt { format!(" \"bool {n}\"") } else { String::new() });
            let condition = |expr: &Option<String>| expr.as_ref().map_or(String::new(), |expr| format!(" if {expr}"));
            if let Some(depends) = depends.filter(|_| n > 0) {
                let _ = writeln!(out, "\tdepends on {depends}");
            }
            if let Some((value, when)) = default {
                let _ =
                    writeln!(out, "\tdefault {}{}", if value { "y" } else { "n" }, if n > 0 { condition(&when) } else { String::new() });
            }
            if let Some((target, when)) = select.filter(|(target, _)| *target < BOOLS) {
                let _ = writeln!(out, "\tselect B{target}{}", if n > 0 { condition(&when) } else { String::new() });
            }
            if let Some(target) = imply.filter(|target| *target < BOOLS) {
                let _ = writeln!(out, "\timply B{target}");
            }
            out.push_str("\thelp\n\t  Some text.\n\n\t  config NOT_AN_ENTRY\n");
            match wrap {
                0 if n > 0 => format!("if B{}\n{out}endif\n", n - 1),
                1 if n > 0 => format!("menu \"Menu {n}\"\n\tvisible if B{}\n{out}endmenu\n", n - 1),
                2 => format!("menu \"Menu {n}\"\n{out}endmenu\ncomment \"after {n}\"\n"),
                _ => out,
            }
        })
        .boxed()
}

fn tree() -> BoxedStrategy<String> {
    let bools: Vec<BoxedStrategy<String>> = (0..BOOLS).map(boolean).collect();
    let late = || expr(BOOLS);
    (bools, late(), late(), late(), late(), any::<bool>(), 0..3_usize, (0..20_u32, 0..60_u32), any::<bool>())
        .prop_map(|(bools, a, b, c, d, is_optional, chosen, (low, span), has_value)| {
            let mut out = String::from("mainmenu \"Test\"\nTITLE := Numbers\nmenu \"$(TITLE)\"\n");
            let _ = write!(
                out,
                "config NUM\n\tint \"a number\"\n\trange {low} {}\n{}",
                low + span,
                if has_value { "\tdefault 7\n" } else { "" }
            );
            out.push_str("config WORD\n\tstring \"a word\"\n\tdefault \"a\"\nendmenu\n");
            out.push_str(&bools.concat());
            let _ = write!(out, "config HEX\n\thex \"an address\"\n\trange 0x10 0xff if {a}\n\tdefault 0x8 if {b}\n\tdefault 0x1000\n");
            let _ = write!(
                out,
                "choice\n\tprompt \"one of\"\n\tdepends on {c}\n\tdefault C{chosen} if {d}\n{}",
                if is_optional { "\toptional\n" } else { "" }
            );
            for n in 0..3 {
                let _ = write!(
                    out,
                    "config C{n}\n\tbool \"choice {n}\"\n{}",
                    if n == 1 { format!("\tdepends on {b}\n") } else { String::new() }
                );
            }
            out.push_str("endchoice\n");
            out.push_str("source \"more/Kconfig\"\n");
            let _ = write!(out, "config LAST\n\tstring\n\tdefault \"quote \\\" and \\\\\" if C1\n\tdefault WORD if {a}\n");
            out
        })
        .boxed()
}

fn wishes() -> impl Strategy<Value = String> {
    let one = prop_oneof![
        6 => (0..BOOLS, any::<bool>()).prop_map(|(n, y)| if y { format!("CONFIG_B{n}=y\n") } else { format!("# CONFIG_B{n} is not set\n") }),
        2 => (0..3_usize, any::<bool>()).prop_map(|(n, y)| if y { format!("CONFIG_C{n}=y\n") } else { format!("# CONFIG_C{n} is not set\n") }),
        1 => any::<bool>().prop_map(|y| if y { "CONFIG_FEATURE=y\n".to_owned() } else { "# CONFIG_FEATURE is not set\n".to_owned() }),
        1 => any::<bool>().prop_map(|y| if y { "CONFIG_TWICE=y\n".to_owned() } else { "# CONFIG_TWICE is not set\n".to_owned() }),
        1 => (0..50_u32).prop_map(|n| format!("CONFIG_BOUNDED={n}\n")),
        1 => (0..100_u32).prop_map(|n| format!("CONFIG_NUM={n}\n")),
        1 => (0..0x200_u32).prop_map(|n| format!("CONFIG_HEX={n:#x}\n")),
        1 => Just("CONFIG_WORD=\"b c\"\n".to_owned()),
        1 => Just("CONFIG_WORD=\"x \\\" \\\\ y\"\n".to_owned()),
    ];
    // An option twice in a file is a matter of taste.
    proptest::collection::vec(one, 0..8).prop_map(|lines| {
        let mut seen = Vec::new();
        let name = |line: &str| line.trim_start_matches("# ").split(['=', ' ']).next().unwrap_or_default().to_owned();
        lines
            .into_iter()
            .filter(|line| {
                !seen.contains(&name(line)) && {
                    seen.push(name(line));
                    true
                }
            })
            .collect()
    })
}

#[test]
fn values_are_those_of_kconfiglib() {
    let count = 400;
    let settings = Settings::default();
    let mut runner = TestRunner::new_with_rng(settings, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let cases: Vec<(String, String)> =
        (0..count).map(|_| (tree(), wishes()).new_tree(&mut runner).expect("a strategy that always has a value").current()).collect();

    let mut oracle = Command::new("/usr/bin/python3")
        .args(["-c", ORACLE])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 with python3-kconfiglib");
    let mut input = oracle.stdin.take().expect("piped");
    let sent = cases.clone();
    let writer = std::thread::spawn(move || {
        for (_, text) in MORE {
            write!(input, "{}\n{text}", text.len()).expect("the oracle reads");
        }
        writeln!(input, "{count}").expect("the oracle reads");
        for (tree, wishes) in sent {
            write!(input, "{}\n{tree}{}\n{wishes}", tree.len(), wishes.len()).expect("the oracle reads");
        }
    });
    let output = oracle.wait_with_output().expect("the oracle ends");
    writer.join().expect("all was sent");
    assert!(output.status.success());
    let mut rest = output.stdout.as_slice();
    let mut take = || {
        let end = rest.iter().position(|byte| *byte == b'\n').expect("a length");
        let (length, after) = rest.split_at(end);
        let length: usize = String::from_utf8_lossy(length).parse().expect("a length");
        let (text, after) = after[1..].split_at(length);
        rest = after;
        String::from_utf8_lossy(text).into_owned()
    };
    for (tree, wishes) in &cases {
        let mut files = std::collections::HashMap::from(MORE);
        files.insert("Kconfig", tree.as_str());
        let kconfig = Kconfig::load(&files, "Kconfig", &Variables::default()).unwrap_or_else(|error| panic!("{error}\n{tree}"));
        let mut config = Config::new(&kconfig);
        config.read("in", wishes);
        assert_eq!(config.write(""), take(), ".config of\n{wishes}\nin\n{tree}");
        assert_eq!(config.minimal(), take(), "minimal configuration of\n{wishes}\nin\n{tree}");

        // What is written reads back to the same.
        let mut again = Config::new(&kconfig);
        again.read(".config", &config.write(""));
        assert_eq!(again.write(""), config.write(""));
        let mut again = Config::new(&kconfig);
        again.read("defconfig", &config.minimal());
        assert_eq!(again.write(""), config.write(""), "from the minimal configuration\n{}in\n{tree}", config.minimal());
    }
}
