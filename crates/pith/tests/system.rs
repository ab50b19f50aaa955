//! Settings, and what Pith says about itself.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Done, Home};
use std::fs;

fn with(home: &Home, variables: &[(&str, &str)], arguments: &[&str]) -> Done {
    home.finish(home.command(arguments).envs(variables.iter().copied()).output().unwrap())
}

/// Where the setting comes from, and its value.
fn setting(home: &Home, variables: &[(&str, &str)], flags: &[&str], name: &str) -> (String, String) {
    let done = with(home, variables, &[flags, &["system", "list", "-o", "json"]].concat());
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    let list: serde_json::Value = serde_json::from_str(&done.out).unwrap();
    let row = list.as_array().unwrap().iter().find(|row| row["setting"] == name).unwrap().clone();
    (row["from"].as_str().unwrap().to_owned(), row["value"].as_str().unwrap().to_owned())
}

#[test]
fn flags_win_over_variables_over_the_file_over_defaults() {
    let home = Home::new();
    let level = |variables: &[(&str, &str)], flags: &[&str]| setting(&home, variables, flags, "log.level");
    let pair = |from: &str, value: &str| (from.to_owned(), value.to_owned());
    assert_eq!(level(&[], &[]), pair("default", "info"));
    assert_eq!(home.pith(&["system", "set", "log.level=warn", "log.type=basic"]).code, 0);
    assert_eq!(fs::read_to_string(home.path(".config/pith/config.yaml")).unwrap(), "log:\n  level: warn\n  type: basic\n");
    assert_eq!(level(&[], &[]), pair("file", "warn"));
    let kraft = ("KRAFTKIT_LOG_LEVEL", "error");
    assert_eq!(level(&[kraft], &[]), pair("KRAFTKIT_LOG_LEVEL", "error"));
    assert_eq!(level(&[kraft, ("PITH_LOG_LEVEL", "debug")], &[]), pair("PITH_LOG_LEVEL", "debug"));
    assert_eq!(level(&[kraft], &["--log-level", "trace"]), pair("flag", "trace"));
    assert_eq!(home.pith(&["system", "unset", "log.level", "log.type"]).code, 0);
    assert_eq!(fs::read_to_string(home.path(".config/pith/config.yaml")).unwrap(), "");
    assert_eq!(level(&[], &[]), pair("default", "info"));
}

#[test]
fn which_file_is_read_and_written() {
    let home = Home::new();
    let write = |directory: &str, level: &str| {
        fs::create_dir_all(home.path(directory)).unwrap();
        fs::write(home.path(directory).join("config.yaml"), format!("# mine\nlog: {{level: {level}}}\neditor: vim\n")).unwrap();
    };
    let level = |variables: &[(&str, &str)], flags: &[&str]| setting(&home, variables, flags, "log.level").1;
    write(".config/kraftkit", "warn");
    assert_eq!(level(&[], &[]), "warn");
    assert_eq!(home.pith(&["system", "set", "qemu=/opt/qemu"]).code, 0);
    assert!(
        fs::read_to_string(home.path(".config/kraftkit/config.yaml"))
            .unwrap()
            .starts_with("# mine\nlog: {level: warn}\neditor: vim\nqemu:")
    );
    write(".config/pith", "error");
    assert_eq!(level(&[], &[]), "error");
    write("xdg/pith", "debug");
    let xdg = home.path("xdg").display().to_string();
    assert_eq!(level(&[("XDG_CONFIG_HOME", &xdg)], &[]), "debug");
    write("named", "trace");
    let named = home.path("named").display().to_string();
    for variable in ["PITH_CONFIG_DIR", "KRAFTKIT_CONFIG_DIR", "KRAFTKIT_PATHS_CONFIG"] {
        assert_eq!(level(&[(variable, &named)], &[]), "trace");
    }
    assert_eq!(level(&[], &["--config-dir", "named"]), "trace");
    assert_eq!(setting(&home, &[], &[], "editor"), ("file".to_owned(), "vim".to_owned()));
}

#[test]
fn machines_are_kept_where_the_user_says() {
    let home = Home::new();
    assert_eq!(home.pith(&["--runtime-dir", "elsewhere", "create", "-W", "--name", "m", "root", "/bin/app", "hello"]).code, 0);
    assert!(home.path("elsewhere/names/m").exists());
    assert_eq!(home.machines(), [""; 0]);
    let there = home.path("elsewhere").display().to_string();
    let done = with(&home, &[("KRAFTKIT_RUNTIME_DIR", &there)], &["start", "m"]);
    assert_eq!((done.code, done.out.as_str()), (0, "m\n"));
    assert_eq!(with(&home, &[("PITH_RUNTIME_DIR", &there)], &["wait", "m"]).out, "3\n");
}

/// What root makes under sudo belongs to the user who called it.
#[test]
fn files_stay_the_users_under_sudo() {
    use std::os::unix::fs::MetadataExt;
    if !rustix::process::geteuid().is_root() {
        // Only root can act as root for another user.
        return;
    }
    let users = fs::read_to_string("/etc/passwd").unwrap();
    let fields: Vec<&str> = users.lines().map(|line| line.split(':').collect::<Vec<_>>()).find(|fields| fields[0] == "nobody").unwrap();
    let (uid, gid) = (fields[2], fields[3]);
    let home = Home::new();
    let variables = [("SUDO_UID", uid), ("SUDO_GID", gid)];
    assert_eq!(with(&home, &variables, &["run", "-W", "--name", "m", "root", "/bin/app", "hello"]).code, 3);
    for file in
        ["data/machines", "data/names", "data/store.lock", "data/events.log", "data/names/m/machine.json", "data/names/m/output.log"]
    {
        assert_eq!(fs::metadata(home.path(file)).unwrap().uid().to_string(), uid, "{file}");
    }
}

#[test]
fn versions_and_health() {
    let home = Home::new();
    let version = home.pith(&["version"]).out;
    assert!(version.starts_with("pith 0."), "{version}");
    let json: serde_json::Value = serde_json::from_str(&home.pith(&["version", "-o", "json"]).out).unwrap();
    assert_eq!(version, format!("pith {} ({})\n", json["version"].as_str().unwrap(), json["commit"].as_str().unwrap()));
    let doctor = |variables: &[(&str, &str)]| with(&home, variables, &["doctor", "-o", "json"]);
    let rows: serde_json::Value = serde_json::from_str(&doctor(&[]).out).unwrap();
    let row = |name: &str| rows.as_array().unwrap().iter().find(|row| row["what"] == name).unwrap().clone();
    assert_eq!(row("machines")["found"], "HOME/data");
    assert!(["ok", "lacking"].contains(&row("accelerator")["state"].as_str().unwrap()));
    let done = doctor(&[("PITH_QEMU", "/nonexistent/qemu")]);
    assert_eq!(done.code, 125);
    assert!(done.out.contains("/nonexistent/qemu"), "{}", done.out);
}

#[test]
fn disk_space_and_pruning() {
    let home = Home::new();
    home.pith(&["run", "-W", "--name", "ended", "root", "/bin/app", "hello"]);
    home.pith(&["create", "-W", "--name", "made", "root", "/bin/app"]);
    fs::create_dir_all(home.path("data/cache")).unwrap();
    fs::write(home.path("data/cache/runtime-x86_64-0123456789abcdef"), vec![1; 100_000]).unwrap();
    let df: serde_json::Value = serde_json::from_str(&home.pith(&["system", "df", "-o", "json"]).out).unwrap();
    assert_eq!((&df[0]["total"], &df[0]["active"]), (&2.into(), &0.into()));
    assert!(df[0]["reclaimable_bytes"].as_u64() > Some(0) && df[1]["reclaimable_bytes"].as_u64() >= Some(100_000), "{df}");
    assert_eq!(home.pith(&["system", "prune"]).code, 125);
    let done = home.pith(&["system", "prune", "-f"]);
    assert!(done.out.starts_with("ended\n") && done.out.ends_with(" freed\n"), "{}", done.out);
    assert_eq!(home.machines().len(), 1);
    assert!(!home.path("data/cache/runtime-x86_64-0123456789abcdef").exists());
}

#[test]
fn pruning_takes_the_build_cache() {
    let home = Home::new();
    fs::create_dir(home.path("project")).unwrap();
    fs::write(home.path("project/Dockerfile"), "FROM scratch\nCOPY data /\nCMD [\"/bin/app\"]\n").unwrap();
    fs::write(home.path("project/data"), vec![7; 300_000]).unwrap();
    let build = || home.pith(&["create", "-W", "--name", "m", "project"]);
    let row = || {
        let df: serde_json::Value = serde_json::from_str(&home.pith(&["system", "df", "-o", "json"]).out).unwrap();
        df.as_array().unwrap().iter().find(|row| row["type"] == "Build cache").unwrap().clone()
    };
    assert_eq!((&row()["total"], &row()["size_bytes"]), (&0.into(), &0.into()));
    assert_eq!(build().code, 0);
    assert!(row()["total"].as_u64() == Some(1) && row()["reclaimable_bytes"].as_u64() >= Some(300_000), "{}", row());
    assert_eq!(home.pith(&["rm", "m"]).code, 0);
    // Not while somebody builds: a shared lock is what builds hold.
    let lock = fs::File::open(home.path("data/build/lock")).unwrap();
    lock.lock_shared().unwrap();
    let done = home.pith(&["system", "prune", "-f"]);
    assert_eq!((done.code, done.err.as_str()), (0, "pith: warning: a Dockerfile is being built: the build cache stays\n"));
    assert_eq!(row()["total"].as_u64(), Some(1));
    // Not by closing: a program that another test is starting may still have it.
    lock.unlock().unwrap();
    let done = home.pith(&["system", "prune", "-f"]);
    assert_eq!((done.code, done.err.as_str()), (0, ""));
    assert_eq!(row()["total"].as_u64(), Some(0));
    assert_eq!(build().code, 0);
    assert_eq!(row()["total"].as_u64(), Some(1));
}

#[test]
fn completion_knows_commands_flags_and_machines() {
    let home = Home::new();
    home.pith(&["create", "-W", "--name", "web", "root", "/bin/app"]);
    for (shell, word) in [("bash", "complete "), ("zsh", "#compdef pith"), ("fish", "complete ")] {
        let done = home.pith(&["completion", shell]);
        assert!(done.code == 0 && done.out.contains(word) && done.out.contains("PITH_COMPLETE"), "{shell}: {}", done.out);
    }
    let complete = |words: &[&str]| {
        let mut all = vec!["--", "pith"];
        all.extend(words);
        let index = (all.len() - 2).to_string();
        with(&home, &[("PITH_COMPLETE", "bash"), ("_CLAP_COMPLETE_INDEX", &index), ("_CLAP_IFS", "\n")], &all).out
    };
    assert_eq!(complete(&["rm", "w"]), "web");
    assert_eq!(complete(&["ren"]), "rename");
    assert!(complete(&["run", "--res"]).contains("--restart"));
}

/// The script in a real shell.
#[test]
fn completion_in_bash() {
    let home = Home::new();
    home.pith(&["create", "-W", "--name", "webserver", "root", "/bin/app"]);
    let script = home.pith(&["completion", "bash"]).out;
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_pith")).parent().unwrap().display().to_string();
    fs::write(home.path("script"), script).unwrap();
    let test = r#". ./script
spec=$(complete -p pith); function=${spec#*-F }; function=${function%% *}
COMP_WORDS=(pith inspect webs) COMP_CWORD=2 COMP_TYPE=9
"$function" pith webs inspect
echo "${COMPREPLY[*]}""#;
    let mut command = std::process::Command::new("bash");
    command.args(["--norc", "-c", test]).current_dir(home.path(".")).env_clear();
    command.env("PATH", format!("{binary}:/usr/bin:/bin")).env("HOME", home.path(".")).env("PITH_DATA_DIR", home.path("data"));
    let done = home.finish(command.output().unwrap());
    assert_eq!((done.out.trim(), done.err.as_str()), ("webserver", ""));
}

#[test]
fn manual_pages() {
    let home = Home::new();
    assert_eq!(home.pith(&["system", "man", "pages"]).code, 0);
    let page = fs::read_to_string(home.path("pages/pith-run.1")).unwrap();
    assert!(page.contains(".TH pith-run 1") && page.contains("Publish a port"), "{page}");
    assert!(home.path("pages/pith.1").exists() && home.path("pages/pith-system-set.1").exists());
}
