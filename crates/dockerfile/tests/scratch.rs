//! Builds that need nothing but files: no runtime, no privileges.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod common;

use common::{Project, list, tree};
use pith_dockerfile::plan::{Secret, SecretSource};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const FILES: &[(&str, &str)] = &[("a.txt", "a"), ("b.txt", "b"), ("dir/c.txt", "c"), ("dir/sub/d.txt", "d"), ("empty/", "")];

fn copied(instructions: &str) -> Vec<String> {
    list(&Project::new(&format!("FROM scratch\n{instructions}\n"), FILES).image())
}

#[test]
fn copy_puts_files_where_docker_does() {
    assert_eq!(copied("COPY a.txt /x"), ["644 0:0 x = \"a\""]);
    assert_eq!(copied("COPY a.txt /x/"), ["755 0:0 x/", "644 0:0 x/a.txt = \"a\""]);
    assert_eq!(copied("COPY a.txt b.txt /x/"), ["755 0:0 x/", "644 0:0 x/a.txt = \"a\"", "644 0:0 x/b.txt = \"b\""]);
    assert_eq!(copied("COPY dir /x"), ["755 0:0 x/", "644 0:0 x/c.txt = \"c\"", "755 0:0 x/sub/", "644 0:0 x/sub/d.txt = \"d\""]);
    assert_eq!(copied("COPY *.txt /x/"), ["755 0:0 x/", "644 0:0 x/a.txt = \"a\"", "644 0:0 x/b.txt = \"b\""]);
    assert_eq!(copied("COPY d?r/[c-d].txt /x/"), ["755 0:0 x/", "644 0:0 x/c.txt = \"c\""]);
    assert_eq!(copied("WORKDIR /w\nCOPY a.txt ."), ["755 0:0 w/", "644 0:0 w/a.txt = \"a\""]);
    assert_eq!(copied("COPY --chown=1:2 --chmod=700 dir/sub /x/y"), ["755 1:2 x/", "755 1:2 x/y/", "700 1:2 x/y/d.txt = \"d\""]);
    assert_eq!(copied("COPY --exclude=sub --exclude=*.md dir /x"), ["755 0:0 x/", "644 0:0 x/c.txt = \"c\""]);
    assert_eq!(
        copied("COPY --parents dir/./sub/d.txt a.txt /x/"),
        ["755 0:0 x/", "644 0:0 x/a.txt = \"a\"", "755 0:0 x/sub/", "644 0:0 x/sub/d.txt = \"d\""]
    );
    assert_eq!(
        copied("COPY --parents **/d.txt /x/"),
        ["755 0:0 x/", "755 0:0 x/dir/", "755 0:0 x/dir/sub/", "644 0:0 x/dir/sub/d.txt = \"d\""]
    );
    assert_eq!(copied("COPY empty /x"), ["755 0:0 x/"]);
    assert_eq!(copied("COPY nothing* /x/"), Vec::<String>::new());
}

#[test]
fn heredocs_are_files() {
    let text = "ENV V=\"v 1\"\nCOPY <<a.sh <<'b' /x/\n#!/bin/sh\necho \"$V\" \\$V 'q'\na.sh\n$V\nb\nCOPY --chmod=755 <<-c /c\n\ttab\nc";
    assert_eq!(
        copied(text),
        ["755 0:0 c = \"tab\\n\"", "755 0:0 x/", "644 0:0 x/a.sh = \"#!/bin/sh\\necho \\\"v 1\\\" $V 'q'\\n\"", "644 0:0 x/b = \"$V\\n\""]
    );
}

#[test]
fn links_in_the_image_are_followed_and_links_in_the_context_kept() {
    let project =
        Project::new("FROM scratch AS base\nCOPY root /\nFROM base\nCOPY a.txt /bin/\nCOPY links /l\nCOPY links/one /two\n", FILES);
    project.write("root/usr/bin/", "");
    symlink("usr/bin", project.request.context.join("root/bin")).unwrap();
    project.write("links/", "");
    symlink("../a.txt", project.request.context.join("links/one")).unwrap();
    fs::write(project.request.context.join("links/hard"), "h").unwrap();
    fs::hard_link(project.request.context.join("links/hard"), project.request.context.join("links/hard2")).unwrap();
    let image = project.image();
    assert_eq!(
        list(&image),
        [
            "777 0:0 bin -> usr/bin",
            "755 0:0 l/",
            "644 0:0 l/hard = \"h\"",
            "644 0:0 l/hard2 = \"h\"",
            "777 0:0 l/one -> ../a.txt",
            "644 0:0 two = \"a\"",
            "755 0:0 usr/",
            "755 0:0 usr/bin/",
            "644 0:0 usr/bin/a.txt = \"a\""
        ]
    );
    let inode = |name: &str| match tree(&image).get(name.as_bytes()).unwrap().node {
        pith_dockerfile::tree::Node::File { inode, .. } => inode,
        _ => 0,
    };
    assert_eq!(inode("l/hard"), inode("l/hard2"));
}

#[test]
fn the_ignore_file_counts_and_the_dockerfiles_own_counts_more() {
    let project = Project::new("FROM scratch\nCOPY . /\n", FILES);
    project.write(".dockerignore", "*.txt\n!b.txt\nDockerfile*\n.dockerignore\nempty\n**/sub\n");
    assert_eq!(list(&project.image()), ["644 0:0 b.txt = \"b\"", "755 0:0 dir/", "644 0:0 dir/c.txt = \"c\""]);
    project.write("Dockerfile.dockerignore", "*\n!a.txt\n");
    assert_eq!(list(&project.image()), ["644 0:0 a.txt = \"a\""]);
    project.write("Dockerfile", "FROM scratch\nCOPY b.txt /\n");
    assert_eq!(project.error(), "2:6: /b.txt is not there (it is in the build context, but .dockerignore leaves it out)");
}

#[test]
fn users_by_name_are_those_of_the_image() {
    let files = [("etc/passwd", "root:x:0:0::/:/bin/sh\nme:x:10:20::/:/bin/sh\n"), ("etc/group", "root:x:0:\nstaff:x:50:\n"), ("f", "")];
    let owners = |chown: &str| {
        let project = Project::new(&format!("FROM scratch\nCOPY etc /etc\nCOPY --chown={chown} f /f\n"), &files);
        list(&project.image()).pop().unwrap()
    };
    assert_eq!(owners("me"), "644 10:20 f = \"\"");
    assert_eq!(owners("me:staff"), "644 10:50 f = \"\"");
    assert_eq!(owners("7"), "644 7:7 f = \"\"");
    assert_eq!(owners("7:0"), "644 7:0 f = \"\"");
    let project = Project::new("FROM scratch\nCOPY etc /etc\nCOPY --chown=you f /f\n", &files);
    assert_eq!(
        project.error(),
        "3:1: --chown=you: there is no user \"you\" in the image's /etc/passwd (use numbers, or make the user in an earlier step)"
    );
}

#[test]
fn the_configuration_is_what_the_instructions_say() {
    let text = "ARG V=1\nFROM scratch\nARG V\nENV A=$V B=\"x y\" C=${A:-unset}\nENV A=2\nLABEL l=$A \"m\"='$A'\nWORKDIR /a\nWORKDIR b\nUSER me:staff\n\
                EXPOSE 80 53/udp 8000-8001\nVOLUME /data [\"x\"]\nSTOPSIGNAL SIGINT\nSHELL [\"/bin/bash\", \"-c\"]\nENTRYPOINT run $A\nCMD [\"a\", \"b\"]\n\
                HEALTHCHECK --interval=1s --retries=2 CMD true\nONBUILD RUN x\nMAINTAINER m\n";
    let project = Project::new(text, &[]);
    let config = project.image().config;
    let run = &config.config;
    assert_eq!(run.env, ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "A=2", "B=x y", "C=unset"]);
    assert_eq!(run.labels.iter().map(|(key, value)| format!("{key}={value}")).collect::<Vec<_>>(), ["l=2", "m=$A"]);
    assert_eq!((run.working_dir.as_str(), run.user.as_str()), ("/a/b", "me:staff"));
    assert_eq!(run.exposed_ports.iter().collect::<Vec<_>>(), ["53/udp", "80/tcp", "8000/tcp", "8001/tcp"]);
    assert_eq!(run.stop_signal.as_deref(), Some("SIGINT"));
    assert_eq!(run.entrypoint.clone().unwrap(), ["/bin/bash", "-c", "run $A"]);
    assert_eq!(run.cmd.clone().unwrap(), ["a", "b"]);
    assert_eq!(run.healthcheck.clone().unwrap().to_string(), r#"{"Interval":1000000000,"Retries":2,"Test":["CMD-SHELL","true"]}"#);
    assert_eq!(run.on_build, ["RUN x"]);
    assert_eq!(config.author.as_deref(), Some("m"));
    assert_eq!(config.history.len(), 16);
    assert_eq!(config.history.iter().filter(|step| !step.empty_layer).count(), 2);
    assert_eq!(config.rootfs.diff_ids.len(), 2);
    assert_eq!(config.created.as_deref(), Some("1970-01-01T00:00:00Z"));
}

#[test]
fn arguments_have_their_scopes() {
    let text = "ARG BASE=scratch\nARG G=global\nFROM $BASE AS a\nARG L=local\nARG G\nARG TARGETARCH\nENV R=\"$G/$L/$TARGETARCH/$N\"\nFROM ${BASE}\nENV R=\"$G\"\nARG L\nENV S=\"$L\"\n";
    let mut project = Project::new(text, &[]);
    project.request.inputs.platform = "linux/arm64".parse().unwrap();
    project.request.inputs.target = Some("a".into());
    let env = |project: &Project| project.image().config.config.env.into_iter().skip(1).collect::<Vec<_>>();
    assert_eq!(env(&project), ["R=global/local/arm64/"]);
    project.request.inputs.build_args = vec![("G".into(), "given".into()), ("L".into(), "too".into())];
    assert_eq!(env(&project), ["R=given/too/arm64/"]);
    project.request.inputs.target = Some("1".into());
    assert_eq!(env(&project), ["R=", "S=too"]);
    let (_, log) = project.run();
    assert_eq!(*log.warnings.lock().unwrap(), ["9: UndefinedVar: $G has no value here"]);
    project.request.inputs.target = Some("nope".into());
    assert_eq!(project.error(), "there is no stage \"nope\" in /context/Dockerfile; its stages are a, 1");
}

#[test]
fn only_needed_stages_are_built() {
    let text = "FROM missing AS unused\nCOPY nothing /\nFROM scratch AS used\nCOPY a.txt /from/\nFROM scratch\nCOPY --from=used /from/ /\nCOPY --from=1 /from/a.txt /b\n";
    assert_eq!(list(&Project::new(text, FILES).image()), ["644 0:0 a.txt = \"a\"", "644 0:0 b = \"a\""]);
}

#[test]
fn triggers_of_the_base_come_first() {
    let text = "FROM scratch AS base\nONBUILD COPY a.txt /a\nONBUILD ENV X=1\nFROM base\nENV Y=$X\n";
    let project = Project::new(text, FILES);
    let image = project.image();
    assert_eq!(list(&image), ["644 0:0 a = \"a\""]);
    assert!(image.config.config.env.contains(&"Y=1".to_owned()) && image.config.config.on_build.is_empty());
}

#[test]
fn add_unpacks_archives_and_fetches_files() {
    let project = Project::new(
        "FROM scratch\nADD t.tar /t\nADD t.tar.gz t.tar.bz2 t.tar.xz t.tar.zst /z/\nADD a.txt /\nADD --unpack=false t.tar /raw/\nADD http://test/b.txt /u/\nADD --checksum=sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d http://test/b.txt /v\n",
        FILES,
    );
    let script =
        "mkdir -p t/d && echo x > t/d/f && chmod 4750 t/d/f && ln -s f t/d/s && ln t/d/f t/d/h && tar -C t --owner=5 --group=6 -cf t.tar d
                  gzip -k t.tar && bzip2 -k t.tar && xz -k t.tar && zstd -q t.tar";
    assert!(std::process::Command::new("sh").args(["-ec", script]).current_dir(&project.request.context).status().unwrap().success());
    let found = list(&project.image());
    let unpacked = |at: &str| {
        ["755 5:6 AT/d/", "4750 5:6 AT/d/f = \"x\\n\"", "4750 5:6 AT/d/h = \"x\\n\"", "777 5:6 AT/d/s -> f"]
            .map(|line| line.replace("AT", at))
    };
    for line in unpacked("t").iter().chain(&unpacked("z")) {
        assert!(found.contains(line), "{line}\n{found:#?}");
    }
    for line in ["600 0:0 u/b.txt = \"b\"", "600 0:0 v = \"b\"", "644 0:0 a.txt = \"a\""] {
        assert!(found.iter().any(|found| found == line), "{line}\n{found:#?}");
    }
    assert!(found.iter().any(|line| line.starts_with("644 0:0 raw/t.tar")));
    project.write(
        "Dockerfile",
        "FROM scratch\nADD --checksum=sha256:0000000000000000000000000000000000000000000000000000000000000000 http://test/b.txt /\n",
    );
    assert!(project.error().contains("2:88: http://test/b.txt: the file's digest is sha256:3e23e81600"), "{}", project.error());
}

#[test]
fn times_do_not_count_and_contents_do() {
    let project = Project::new("FROM scratch\nCOPY a.txt /a\nCOPY dir /dir\n", FILES);
    let first = project.image();
    let cached = |project: &Project| project.run().1.cached.lock().unwrap().clone();
    assert!(cached(&project).values().all(|cached| *cached));
    project.write("a.txt", "a");
    assert_eq!(project.image().layers, first.layers);
    project.write("a.txt", "A");
    let after = cached(&project);
    assert_eq!((after["COPY a.txt /a"], after["COPY dir /dir"]), (false, true));
    fs::set_permissions(project.request.context.join("dir/c.txt"), fs::Permissions::from_mode(0o755)).unwrap();
    assert!(!cached(&project)["COPY dir /dir"]);
    let mut project = project;
    project.request.no_cache = true;
    assert!(!cached(&project)["COPY a.txt /a"]);
}

#[test]
fn the_same_inputs_give_the_same_bytes() {
    let build = |epoch_s| {
        let mut project = Project::new("FROM scratch\nWORKDIR /w\nCOPY . .\nCOPY <<x /y\nz\nx\n", FILES);
        project.request.inputs.epoch_s = Some(epoch_s);
        let image = project.image();
        (image.config.clone(), image.layers.iter().map(|layer| layer.digest.clone()).collect::<Vec<_>>())
    };
    assert_eq!(build(1_000_000_000), build(1_000_000_000));
    assert_ne!(build(1_000_000_000).1, build(1_000_000_001).1);
    assert_eq!(build(1_000_000_000).0.created.as_deref(), Some("2001-09-09T01:46:40Z"));
}

#[test]
fn damaged_cache_files_are_made_again() {
    let project = Project::new("FROM scratch\nCOPY a.txt /a\n", FILES);
    let first = project.image();
    fs::write(&first.layers[0].blob, "cut").unwrap();
    assert_eq!(list(&project.image()), ["644 0:0 a = \"a\""]);
    for step in fs::read_dir(project.cache().join("steps")).unwrap() {
        fs::write(step.unwrap().path(), "nonsense").unwrap();
    }
    assert_eq!(project.image().layers, first.layers);
    assert_eq!(fs::read_dir(project.cache().join("tmp")).unwrap().count(), 0);
}

#[test]
fn what_cannot_be_done_is_refused_with_its_line() {
    let cases = [
        ("FROM scratch\nCOPY missing /x\n", "2:6: /missing is not there (paths are relative to the build context, /context)"),
        ("FROM scratch\nCOPY a.txt b.txt /x\n", "2:18: several sources, but the destination is no directory (write /x/)"),
        (
            "FROM scratch\nADD git://host/x /x\n",
            "2:5: git repositories cannot be added (clone it before the build, or in a stage with RUN git clone)",
        ),
        (
            "FROM scratch\nADD https://host/x.git#v1 /x\n",
            "2:5: git repositories cannot be added (clone it before the build, or in a stage with RUN git clone)",
        ),
        ("FROM scratch\nCOPY http://host/x /x\n", "2:6: COPY does not fetch from servers (use ADD, with --checksum=sha256:...)"),
        (
            "FROM scratch\nADD --checksum=sha256:12 http://test/a.txt /x\n",
            "2:16: \"sha256:12\" is no digest: expected sha256:<64 hexadecimal digits, lower case> or sha512:<128>",
        ),
        (
            "FROM scratch\nCOPY --chmod=u+x a.txt /x\n",
            "2:14: the permissions are \"u+x\" (expected an octal number up to 7777, such as 755 or 0644)",
        ),
        ("FROM scratch\nCOPY --from=later /a /x\nFROM scratch AS later\nFROM 0\n", ""),
        (
            "FROM scratch AS build\nFROM scratch\nCOPY --from=biuld /a /x\n",
            "3:13: the image biuld is not there (did you mean the stage \"build\"?)",
        ),
        ("FROM scratch\nCOPY --from=0 /a /x\n", "2:13: there is no stage 0 before this one (this is stage 0; expected less)"),
        (
            "FROM scratch\nCOPY --from=$X /a /x\n",
            "2:13: \"$X\" holds a variable, which has no value here (give the image a name with FROM ... AS NAME, and use that)",
        ),
        (
            "FROM $NOTHING\n",
            "1:6: the name of the base image is empty; $NOTHING has no value (only ARGs before the first FROM count here; give it a default or --build-arg)",
        ),
        (
            "FROM scratch\nCOPY ${X:?needed} /x\n",
            "2:6: ${X} is required: needed (a literal '$' or quote is written with the escape character in front of it)",
        ),
        (
            "FROM scratch\nCOPY \"a b\" /x\n",
            "2:6: a double quote has no partner (a literal '$' or quote is written with the escape character in front of it)",
        ),
        ("FROM scratch\nEXPOSE 80x\n", "2:8: \"80x\" is no port (expected PORT, PORT/udp or FIRST-LAST)"),
        ("FROM scratch\nSTOPSIGNAL TREM\n", "2:12: \"TREM\" is no signal (expected a name such as SIGTERM, or a number)"),
        (
            "FROM --platform=nonsense scratch\n",
            "1:17: \"nonsense\" is no platform: expected os/architecture[/variant], for example linux/amd64",
        ),
        ("FROM scratch\nCOPY a.txt /d/\nCOPY dir /d/a.txt\n", "3:6: /d/a.txt is a file, not a directory"),
        ("FROM scratch\nCOPY dir /d\nCOPY a.txt /d/c.txt/x\n", "3:6: /d/c.txt is a file, not a directory"),
        (
            "FROM scratch\nCOPY [a.txt /x\n",
            "2:6: the pattern \"[a.txt\" cannot be read: a '[' without ']' (a literal '[' or '*' is written with a backslash in front of it)",
        ),
    ];
    for (text, expected) in cases {
        if !expected.is_empty() {
            assert_eq!(Project::new(text, FILES).error(), expected, "{text}");
        }
    }
    let mut project = Project::new("FROM scratch\nRUN --mount=type=secret,id=key,required x\n", &[]);
    assert!(project.error().starts_with("2:5: the secret \"key\" is required, but not given"), "{}", project.error());
    project.request.inputs.secrets = vec![Secret { id: "other".into(), source: SecretSource::Variable("HOME".into()) }];
    assert!(project.error().starts_with("2:5: the secret \"key\" is required"));
    project.write(".dockerignore", "ok\n[x\n");
    project.write("Dockerfile", "FROM scratch\nCOPY . /\n");
    assert_eq!(project.error(), "/context/.dockerignore: line 2: the pattern \"[x\" cannot be read: a '[' without ']'");
    fs::write(project.request.dockerfile, b"FROM scratch\nRUN \xff\n").unwrap();
}
