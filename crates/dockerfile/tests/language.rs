//! Every instruction in every form, as the Dockerfile reference has them.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use pith_dockerfile::lang::ast::{Command, CopySource, Dockerfile, Healthcheck, Kind, Network};
use pith_dockerfile::lang::{MountType, Sharing, parse};

fn read(text: &str) -> Dockerfile {
    parse("Dockerfile", text).unwrap_or_else(|problem| panic!("{}:{}: {problem}\n{text}", problem.line, problem.column))
}

/// The only instruction of a stage.
fn one(text: &str) -> Kind {
    let mut file = read(&format!("FROM scratch\n{text}\n"));
    file.stages.remove(0).instructions.remove(0).kind
}

fn warnings(text: &str) -> Vec<String> {
    let short = |text: &str| text.split(':').next().unwrap_or_default().to_owned();
    read(text).warnings.iter().map(|warning| format!("{}:{} {}", warning.line, warning.column, short(&warning.message))).collect()
}

#[test]
fn directives_stand_at_the_top_only() {
    let file =
        read("# syntax=docker/dockerfile:1\n# escape=`\n# check=skip=JSONArgsRecommended,StageNameCasing;error=true\nFROM scratch\n");
    assert_eq!(file.directives.syntax.as_deref(), Some("docker/dockerfile:1"));
    assert_eq!(file.directives.escape, '`');
    assert_eq!(file.directives.skipped_checks, ["JSONArgsRecommended", "StageNameCasing"]);
    assert!(file.directives.warnings_are_errors);
    assert_eq!(read("# a comment\n# escape=`\nFROM scratch\n").directives.escape, '\\');
    assert_eq!(read("#unknown=x\n# escape=`\nFROM scratch\n").directives.escape, '\\');
    assert_eq!(read("\u{feff}#Escape = `\r\nFROM scratch\r\n").directives.escape, '`');
}

#[test]
fn lines_continue_over_comments_and_blanks() {
    let Kind::Run(run) = one("RUN a \\\n  # a comment\n\n  b \\  \n  && c") else { panic!() };
    assert_eq!(run.command, Command::Shell("a   b   && c".into()));
    let Kind::Run(run) = one("RUN echo \\\\\n") else { panic!() };
    assert_eq!(run.command, Command::Shell("echo \\\\".into()));
    let file = read("# escape=`\nFROM scratch\nCOPY C:\\a `\n  /b\n");
    let Kind::Copy(copy) = &file.stages[0].instructions[0].kind else { panic!() };
    assert_eq!((copy.sources.len(), copy.destination.text.as_str()), (1, "/b"));
}

#[test]
fn stages_have_bases_names_and_platforms() {
    let file = read("ARG V=1\nARG A B=\"x y\"\nFROM --platform=$BUILDPLATFORM debian:$V AS Build\nFROM build\nFROM scratch as final\n");
    let names: Vec<_> =
        file.global_args.iter().map(|arg| (arg.name.as_str(), arg.default.as_ref().map(|word| word.text.as_str()))).collect();
    assert_eq!(names, [("V", Some("1")), ("A", None), ("B", Some("\"x y\""))]);
    let stages: Vec<_> =
        file.stages.iter().map(|stage| (stage.base.text.as_str(), stage.name.as_ref().map(|word| word.text.as_str()))).collect();
    assert_eq!(stages, [("debian:$V", Some("build")), ("build", None), ("scratch", Some("final"))]);
    assert_eq!(file.stages[0].platform.as_ref().map(|word| word.text.as_str()), Some("$BUILDPLATFORM"));
}

#[test]
fn run_has_shell_exec_and_heredoc_forms() {
    let Kind::Run(run) = one("RUN [\"/bin/echo\", \"a b\"]") else { panic!() };
    assert_eq!(run.command, Command::Exec(vec!["/bin/echo".into(), "a b".into()]));
    let Kind::Run(run) = one("RUN [ -f /x ] && echo yes") else { panic!() };
    assert_eq!(run.command, Command::Shell("[ -f /x ] && echo yes".into()));
    let Kind::Run(run) = one("RUN <<EOF cat <<-'TWO' > /x\necho $a\nEOF\n\ttabs $b\n\tTWO") else { panic!() };
    let texts: Vec<_> = run.heredocs.iter().map(|doc| (doc.name.as_str(), doc.expand, doc.text())).collect();
    assert_eq!(texts, [("EOF", true, "echo $a\n".into()), ("TWO", false, "tabs $b\n".into())]);
    assert_eq!(run.heredocs[1].content, "\ttabs $b\n");
    let Kind::Run(run) = one("RUN cat 3<<A ; echo $((1 << 2)) \"<<B\"\nx\nA") else { panic!() };
    assert_eq!(run.heredocs.iter().map(|doc| (doc.name.as_str(), doc.descriptor)).collect::<Vec<_>>(), [("A", Some(3))]);
}

#[test]
fn mounts_have_types_and_options() {
    let text = "RUN --mount=type=cache,id=apt,dst=/var/cache/apt,sharing=locked,mode=0755,uid=1,gid=2 --mount=from=build,src=/out,target=/in,rw \
                --mount=type=tmpfs,target=/t,size=10m --mount=type=secret,id=key,required --mount=type=secret,id=k,env=KEY --mount=type=ssh \
                --network=none make";
    let file = read(&format!("FROM scratch\n{text}\n"));
    let Kind::Run(run) = &file.stages[0].instructions[0].kind else { panic!() };
    assert_eq!(run.network, Network::None);
    let mounts: Vec<_> = run.mounts.iter().map(|mount| mount.resolve(&file.source, &mut |word| Ok(word.text.clone())).unwrap()).collect();
    assert_eq!(
        mounts.iter().map(|mount| mount.kind).collect::<Vec<_>>(),
        [MountType::Cache, MountType::Bind, MountType::Tmpfs, MountType::Secret, MountType::Secret, MountType::Ssh]
    );
    let cache = &mounts[0];
    assert_eq!(
        (cache.target.as_str(), cache.id.as_deref(), cache.sharing, cache.mode),
        ("/var/cache/apt", Some("apt"), Sharing::Locked, Some(0o755))
    );
    assert_eq!((cache.uid, cache.gid, cache.writable), (1, 2, true));
    assert_eq!((mounts[1].source.as_str(), mounts[1].writable), ("/out", true));
    assert_eq!(mounts[2].size_bytes, Some(10 << 20));
    assert_eq!((mounts[3].target.as_str(), mounts[3].required), ("/run/secrets/key", true));
    assert_eq!((mounts[4].target.as_str(), mounts[4].env.as_deref()), ("", Some("KEY")));
}

#[test]
fn copy_and_add_take_their_flags() {
    let Kind::Copy(copy) = one("COPY --from=b --chown=1:2 --chmod=755 --link --parents=false --exclude=*.o --exclude=x [\"a b\", \"/c/\"]")
    else {
        panic!()
    };
    assert_eq!(copy.sources.len(), 1);
    assert!(matches!(&copy.sources[0], CopySource::Path(word) if word.text == "a b"));
    assert_eq!(copy.destination.text, "/c/");
    assert_eq!(copy.exclude.iter().map(|word| word.text.as_str()).collect::<Vec<_>>(), ["*.o", "x"]);
    assert!(copy.link && !copy.parents);
    let Kind::Copy(copy) = one("COPY <<a.txt <<\"b.txt\" plain /d/\n$x\na.txt\n$y\nb.txt") else { panic!() };
    let kinds: Vec<_> = copy.sources.iter().map(|source| matches!(source, CopySource::Heredoc(_))).collect();
    assert_eq!(kinds, [true, true, false]);
    let Kind::Add(add) = one("ADD --checksum=sha256:0 --keep-git-dir=true --unpack=false http://127.0.0.1/x /") else { panic!() };
    assert_eq!(add.checksum.as_ref().map(|word| word.text.as_str()), Some("sha256:0"));
    assert!(add.keep_git_dir && add.unpack == Some(false));
}

#[test]
fn pairs_have_two_forms() {
    let values = |kind: Kind| match kind {
        Kind::Env(pairs) | Kind::Label(pairs) => pairs.into_iter().map(|pair| (pair.key.text, pair.value.text)).collect::<Vec<_>>(),
        _ => panic!(),
    };
    let owned = |pairs: &[(&str, &str)]| pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect::<Vec<_>>();
    assert_eq!(values(one("ENV a=1 b=\"x y\" c=x\\ y")), owned(&[("a", "1"), ("b", "\"x y\""), ("c", "x\\ y")]));
    assert_eq!(values(one("ENV a some  text")), owned(&[("a", "some  text")]));
    assert_eq!(values(one("LABEL \"com.example\"=x")), owned(&[("\"com.example\"", "x")]));
}

#[test]
fn the_other_instructions() {
    assert!(matches!(one("CMD [\"a\"]"), Kind::Cmd(Command::Exec(words)) if words == ["a"]));
    assert!(matches!(one("entrypoint a b"), Kind::Entrypoint(Command::Shell(text)) if text == "a b"));
    assert!(matches!(one("EXPOSE 80 443/tcp 5000-5010/udp"), Kind::Expose(words) if words.len() == 3));
    assert!(matches!(one("VOLUME [\"/a b\", \"/c\"]"), Kind::Volume(words) if words[0].text == "/a b"));
    assert!(matches!(one("VOLUME /a /c"), Kind::Volume(words) if words.len() == 2));
    assert!(matches!(one("USER 1:2"), Kind::User(word) if word.text == "1:2"));
    assert!(matches!(one("WORKDIR /a b"), Kind::Workdir(word) if word.text == "/a b"));
    assert!(matches!(one("STOPSIGNAL SIGINT"), Kind::Stopsignal(word) if word.text == "SIGINT"));
    assert!(matches!(one("SHELL [\"/bin/bash\", \"-c\"]"), Kind::Shell(words) if words.len() == 2));
    assert!(matches!(one("MAINTAINER a b"), Kind::Maintainer(word) if word.text == "a b"));
    assert!(matches!(one("HEALTHCHECK NONE"), Kind::Healthcheck(Healthcheck::None)));
    let Kind::Healthcheck(Healthcheck::Command { command, interval_ns, retries, .. }) =
        one("HEALTHCHECK --interval=5m --retries=3 CMD curl x || exit 1")
    else {
        panic!()
    };
    assert_eq!((command, interval_ns, retries), (Command::Shell("curl x || exit 1".into()), Some(300_000_000_000), Some(3)));
    assert!(matches!(one("ONBUILD RUN make"), Kind::Onbuild(text) if text == "RUN make"));
    assert!(matches!(one("ONBUILD COPY <<x /y\nz\nx"), Kind::Onbuild(text) if text == "COPY <<x /y\nz\nx"));
}

#[test]
fn warnings_have_the_names_of_build_checks() {
    assert_eq!(
        warnings("FROM scratch as X\ncopy a b\nMAINTAINER x\nENV a b\nENV DB_PASSWORD=x\nCMD a\nCMD [\"b\"]\nEXPOSE 80/TCP\n"),
        [
            "1:14 FromAsCasing",
            "1:17 StageNameCasing",
            "2:1 ConsistentInstructionCasing",
            "3:1 MaintainerDeprecated",
            "4:1 LegacyKeyValueFormat",
            "5:5 SecretsUsedInArgOrEnv",
            "6:1 JSONArgsRecommended",
            "7:1 MultipleInstructionsDisallowed",
            "8:8 ExposeProtoCasing"
        ]
    );
    assert_eq!(warnings("FROM scratch\nRUN a \\\n\n b\n"), ["3:1 NoEmptyContinuation"]);
    assert_eq!(
        warnings("FROM scratch AS a\nFROM scratch AS a\nFROM scratch AS context\n"),
        ["2:17 DuplicateStageName", "3:17 ReservedStageName"]
    );
    assert!(warnings("# check=skip=all\nFROM scratch as X\n").is_empty());
    let problem = parse("Dockerfile", "# check=error=true\nFROM scratch as X\n").unwrap_err();
    assert_eq!((problem.line, problem.column), (2, 14));
    assert!(warnings("FROM scratch\nSHELL [\"/bin/sh\", \"-c\"]\nCMD a\n").is_empty());
}

mod properties {
    use proptest::prelude::*;

    proptest! {
        /// Nothing that a file holds makes the reader panic or point outside the file.
        #[test]
        fn any_text_is_read_or_refused_with_a_place(text in "(?s)(FROM scratch\n)?((RUN|COPY|ADD|ENV|ARG|HEALTHCHECK|ONBUILD|LABEL|X)[ -][-<\"'\\\\a-z=,:$\\{\\}\\[\\] \n]{0,40}\n?){0,6}") {
            match super::parse("Dockerfile", &text) {
                Ok(file) => for stage in &file.stages {
                    for instruction in &stage.instructions {
                        prop_assert!(instruction.place.start + instruction.place.len <= text.len());
                    }
                },
                Err(problem) => prop_assert!(problem.line >= 1 && problem.line <= text.lines().count() + 1),
            }
        }

        /// Words without anything special come back as they are, wherever the line is broken.
        #[test]
        fn broken_lines_are_one(words in prop::collection::vec("[a-z/.]{1,8}", 2..6)) {
            let text = format!("FROM scratch\nCOPY {}\n", words.join(" \\\n # note\n "));
            let file = super::read(&text);
            let super::Kind::Copy(copy) = &file.stages[0].instructions[0].kind else { panic!() };
            let mut found: Vec<&str> = copy.sources.iter().map(|source| match source {
                super::CopySource::Path(word) => word.text.as_str(),
                super::CopySource::Heredoc(_) => "",
            }).collect();
            found.push(&copy.destination.text);
            prop_assert_eq!(&found, &words.iter().map(String::as_str).collect::<Vec<_>>());
            for source in &copy.sources {
                if let super::CopySource::Path(word) = source {
                    prop_assert_eq!(&text[word.place.start..word.place.start + word.place.len], word.text.as_str());
                }
            }
        }
    }
}
