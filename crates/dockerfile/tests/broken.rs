//! Broken Dockerfiles: what the user is told, word for word.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use miette::{GraphicalReportHandler, GraphicalTheme};
use pith_dockerfile::lang::parse;

/// The complaint about a file, as `pith` shows it.
fn complaint(text: &str) -> String {
    let problem = match parse("Dockerfile", text) {
        Ok(_) => return "accepted".to_owned(),
        Err(problem) => problem,
    };
    let mut rendered = String::new();
    let handler = GraphicalReportHandler::new_themed(GraphicalTheme::none()).with_links(false).with_width(120);
    handler.render_report(&mut rendered, &problem).unwrap();
    format!("{text}---\n{}:{}\n{}\n", problem.line, problem.column, rendered.trim_end())
}

macro_rules! broken {
    ($($name:ident: $text:expr;)*) => {$(
        #[test]
        fn $name() {
            insta::assert_snapshot!(stringify!($name), complaint($text));
        }
    )*};
}

broken! {
    empty: "\n# only a comment\n";
    no_from: "RUN make\n";
    misspelt_instruction: "FROM scratch\nCOPPY a b\n";
    unknown_instruction: "FROM scratch\nINSTALL nginx\n";
    from_without_image: "FROM\n";
    from_extra_word: "FROM debian:12 base\n";
    bad_stage_name: "FROM scratch AS 1st\n";
    misspelt_flag: "FROM scratch\nCOPY --chwon=1:1 a b\n";
    flag_of_another: "FROM scratch\nCOPY --checksum=sha256:00 a b\n";
    flag_without_value: "FROM scratch\nCOPY --from a b\n";
    flag_twice: "FROM scratch\nCOPY --chown=1 --chown=2 a b\n";
    copy_one_path: "FROM scratch\nCOPY a\n";
    copy_nothing: "FROM scratch\nCOPY\n";
    heredoc_without_end: "FROM scratch\nRUN <<EOF\necho hi\n";
    heredoc_destination: "FROM scratch\nCOPY a <<EOF\nEOF\n";
    env_without_value: "FROM scratch\nENV A\n";
    env_mixed: "FROM scratch\nENV A=1 B\n";
    env_blank_name: "FROM scratch\nENV =1\n";
    arg_nothing: "FROM scratch\nARG\n";
    json_with_a_number: "FROM scratch\nCMD [\"sleep\", 5]\n";
    shell_without_json: "FROM scratch\nSHELL /bin/bash -c\n";
    run_nothing: "FROM scratch\nRUN --network=none\n";
    run_network: "FROM scratch\nRUN --network=bridge make\n";
    run_security: "FROM scratch\nRUN --security=insecure make\n";
    run_device: "FROM scratch\nRUN --device=gpu make\n";
    mount_type: "FROM scratch\nRUN \\\n  --mount=type=cahce,target=/x \\\n  make\n";
    mount_key: "FROM scratch\nRUN --mount=type=cache,tgt=/x make\n";
    mount_no_target: "FROM scratch\nRUN --mount=type=cache make\n";
    mount_secret_no_id: "FROM scratch\nRUN --mount=type=secret make\n";
    healthcheck_kind: "FROM scratch\nHEALTHCHECK curl x\n";
    healthcheck_interval: "FROM scratch\nHEALTHCHECK --interval=5 CMD x\n";
    onbuild_onbuild: "FROM scratch\nONBUILD ONBUILD RUN x\n";
    onbuild_inner: "FROM scratch\nONBUILD COPY --frm=x a b\n";
    directive_escape: "# escape=x\nFROM scratch\n";
    directive_twice: "# escape=\\\n# escape=`\nFROM scratch\n";
    directive_check: "# check=skp=all\nFROM scratch\n";
}
