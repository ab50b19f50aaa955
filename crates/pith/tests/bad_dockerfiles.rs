//! Dockerfiles that read well and cannot be built or run: each has one clear error, exit code 125, and nothing is left behind. What does not even read well is
//! in the tests of the Dockerfile engine.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::Home;
use std::fs;

#[test]
fn broken_builds() {
    let home = Home::new();
    fs::create_dir(home.path("project")).unwrap();
    fs::write(home.path("project/data"), "x").unwrap();
    fs::write(home.path("project/.dockerignore"), "hidden\n").unwrap();
    fs::write(home.path("project/hidden"), "x").unwrap();
    let mut all = String::new();
    for (flags, dockerfile) in [
        ("", "FROM scratch\nCOPY dta /\n"),
        ("", "FROM scratch\nCOPY hidden /\n"),
        ("", "FROM scratch\nCOPY data/inside /\n"),
        ("", "FROM scratch\nCOPY data data /file\n"),
        ("", "FROM scratch\nCOPY --from=0 /a /b\n"),
        ("", "FROM scratch AS a\nFROM scratch\nCOPY --from=a /nothing /b\n"),
        ("", "FROM scratch\nCOPY --chown=app data /\n"),
        ("", "FROM scratch\nCOPY --chown=0:app data /\n"),
        ("", "FROM scratch\nCOPY --chmod=rwx data /\n"),
        ("", "FROM scratch\nUSER app\nWORKDIR /srv\n"),
        ("", "FROM ${BASE}\n"),
        ("", "ARG BASE\nFROM debian:${BASE:?which}\n"),
        ("", "FROM Debian:12\n"),
        ("", "FROM pith-test.invalid/base:1\n"),
        ("--pull never", "FROM pith-test.invalid/base:1\n"),
        ("--build-target web", "FROM scratch AS wbe\n"),
        ("", "FROM scratch\nADD https://pith-test.invalid/x /\n"),
        ("", "FROM scratch\nADD --checksum=sha256:12 https://pith-test.invalid/x /\n"),
        ("", "FROM scratch\nADD git@pith-test.invalid:a/b.git /\n"),
        ("", "FROM scratch\nRUN --mount=type=secret,id=key,required true\n"),
        ("", "FROM scratch\nRUN --mount=type=ssh,required true\n"),
        ("", "FROM scratch\nRUN --mount=type=tmpfs,target=/ true\n"),
        ("", "FROM scratch\nRUN [\"/no/such/program\"]\n"),
        ("", "FROM scratch\nCOPY data /\n"),
        ("", "FROM scratch\nCOPY data /\nUSER app\nCMD [\"/data\"]\n"),
        ("", "FROM scratch\nCOPY data /\nUSER 1:app\nCMD [\"/data\"]\n"),
        ("", "FROM scratch\nSTOPSIGNAL SIGNOTHING\nCMD [\"/data\"]\n"),
    ] {
        fs::write(home.path("project/Dockerfile"), dockerfile).unwrap();
        let mut words = vec!["--log-level", "error", "run", "-W"];
        words.extend(flags.split_whitespace());
        words.push("project");
        let done = home.pith(&words);
        all += &format!(
            "{dockerfile}$ pith run {flags}{}project\nexit {}\n{}\n",
            if flags.is_empty() { "" } else { " " },
            done.code,
            done.err
        );
        assert_eq!(done.out, "", "{dockerfile}");
        assert_eq!(home.machines(), [""; 0], "{dockerfile}");
    }
    insta::assert_snapshot!(all);
}
