use super::*;
use std::fs;

fn read(text: &str, config: &str) -> (tempfile::TempDir, Result<Makefile, NativeError>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Makefile.uk"), text).unwrap();
    let options = directory.path().join(".config");
    fs::write(&options, config).unwrap();
    let makefile = Makefile::read(directory.path(), &[], Some(&options), Path::new("/out"));
    (directory, makefile)
}

fn flags(makefile: &Makefile, file: &str) -> Vec<String> {
    makefile.sources().unwrap().into_iter().find(|source| source.path.ends_with(file)).unwrap().flags
}

#[test]
fn sources_and_flags_are_those_of_unikraft() {
    let text = r#"
$(eval $(call addlib,apphttp-server))
CINCLUDES-y += -I$(APPHTTP_SERVER_BASE)/common
APPHTTP_SERVER_CINCLUDES-y += -I$(APPHTTP_SERVER_BASE)/include
APPHTTP_SERVER_CFLAGS-y += -DGREETING='"two words"'
APPHTTP_SERVER_CFLAGS-$(CONFIG_APPHTTP_TRACE) += -DTRACE
APPHTTP_SERVER_SRCS-y += $(APPHTTP_SERVER_BASE)/main.c
APPHTTP_SERVER_SRCS-$(CONFIG_APPHTTP_EXTRA) += $(APPHTTP_SERVER_BASE)/extra.cpp
APPHTTP_SERVER_SRCS-$(CONFIG_APPHTTP_TRACE) += $(APPHTTP_SERVER_BASE)/trace.c
APPHTTP_SERVER_MAIN_FLAGS-y += -Wno-unused
ifeq ($(call qstrip,$(CONFIG_APPHTTP_MODE)),fast)
APPHTTP_SERVER_SRCS-y += $(APPHTTP_SERVER_BASE)/enter.S
endif
"#;
    let (directory, makefile) = read(text, "CONFIG_APPHTTP_EXTRA=y\n# CONFIG_APPHTTP_TRACE is not set\nCONFIG_APPHTTP_MODE=\"fast\"\n");
    let makefile = makefile.unwrap();
    assert_eq!(makefile.libraries.iter().map(|library| library.name.as_str()).collect::<Vec<_>>(), ["apphttp-server"]);
    let sources = makefile.sources().unwrap();
    let named: Vec<_> = sources.iter().map(|source| (source.path.file_name().unwrap().to_str().unwrap(), source.language)).collect();
    assert_eq!(named, [("main.c", Language::C), ("extra.cpp", Language::Cxx), ("enter.S", Language::Assembly)]);
    assert!(sources.iter().all(|source| source.path.starts_with(directory.path())));
    let include = |name: &str| format!("-I{}/{name}", directory.path().display());
    assert_eq!(flags(&makefile, "main.c"), [&include("common"), &include("include"), "-DGREETING=\"two words\"", "-Wno-unused"]);
    assert_eq!(flags(&makefile, "extra.cpp"), [include("common"), include("include")]);
}

#[test]
fn a_file_in_two_variants_is_two_objects() {
    let text = "$(eval $(call addlib,appx))
APPX_SRCS-y += $(APPX_BASE)/a.c|one
APPX_SRCS-y += $(APPX_BASE)/a.c|two
APPX_A_ONE_FLAGS-y += -DONE
";
    let sources = read(text, "").1.unwrap().sources().unwrap();
    let variants: Vec<_> = sources.iter().map(|source| (source.variant.as_deref(), source.flags.join(" "))).collect();
    assert_eq!(variants, [(Some("one"), "-DONE".to_owned()), (Some("two"), String::new())]);
}

#[test]
fn what_make_and_we_refuse_is_said() {
    let said = |text: &str| read(text, "").1.and_then(|makefile| makefile.sources()).unwrap_err().to_string();
    let broken = said("$(eval $(call addlib,appx))\nAPPX_SRCS-y + main.c\n");
    assert!(broken.contains("Makefile.uk is refused by make") && broken.contains("Makefile.uk:2: *** missing separator"), "{broken}");
    let fetched = said("$(eval $(call addlib,appx))\n$(eval $(call fetch,appx,https://example.com/x.tar.gz))\n");
    assert!(fetched.contains("fetching sources from https://example.com/x.tar.gz is not supported"), "{fetched}");
    let unknown = said("$(eval $(call addlib,appx))\nAPPX_SRCS-y += $(APPX_BASE)/main.rb\n");
    assert!(unknown.contains("main.rb: no compiler is known for it (listed in APPX_SRCS-y)"), "{unknown}");
    let unclosed = said("$(eval $(call addlib,appx))\nAPPX_SRCS-y += $(APPX_BASE)/a.c\nAPPX_CFLAGS-y += -DA=\"b\n");
    assert!(unclosed.contains("APPX_CFLAGS-y has a quote that does not end"), "{unclosed}");
}

#[test]
fn libraries_come_first_and_know_where_they_are() {
    let directory = tempfile::tempdir().unwrap();
    let place = |name: &str| directory.path().join(name);
    for (name, text) in [
        (
            "greet",
            "$(eval $(call addlib_s,libgreet,$(CONFIG_LIBGREET)))\nCINCLUDES-y += -I$(LIBGREET_BASE)/include\nLIBGREET_SRCS-y += $(LIBGREET_BASE)/greet.c\n",
        ),
        ("off", "$(eval $(call addlib_s,liboff,$(CONFIG_LIBOFF)))\nLIBOFF_SRCS-y += $(LIBOFF_BASE)/off.c\n"),
        ("app", "$(eval $(call addlib,appx))\nAPPX_SRCS-y += $(APPX_BASE)/main.c\n"),
    ] {
        fs::create_dir(place(name)).unwrap();
        fs::write(place(name).join("Makefile.uk"), text).unwrap();
    }
    fs::write(place(".config"), "CONFIG_LIBGREET=y\n").unwrap();
    let read = |libraries: &[PathBuf]| Makefile::read(&place("app"), libraries, Some(&place(".config")), Path::new("/out"));
    let makefile = read(&[place("greet"), place("off")]).unwrap();
    let sources: Vec<PathBuf> = makefile.sources().unwrap().into_iter().map(|source| source.path).collect();
    assert_eq!(sources, [place("greet/greet.c"), place("app/main.c")]);
    // What a library says for all holds for the application.
    assert_eq!(flags(&makefile, "main.c"), [format!("-I{}/include", place("greet").display())]);
    assert!(matches!(read(&[place("two words")]), Err(NativeError::Blank { .. })));
}
