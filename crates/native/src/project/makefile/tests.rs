use super::*;
use std::fs;

fn read(text: &str, config: &str) -> (tempfile::TempDir, Result<Makefile, NativeError>) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join("Makefile.uk"), text).unwrap();
    let options = directory.path().join(".config");
    fs::write(&options, config).unwrap();
    let reading = Reading { project: directory.path(), libraries: &[], config: Some(&options), build: Path::new("/out") };
    let makefile = reading.read();
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
    let read = |libraries: &[PathBuf]| {
        Reading { project: &place("app"), libraries, config: Some(&place(".config")), build: Path::new("/out") }.read()
    };
    let makefile = read(&[place("greet"), place("off")]).unwrap();
    let sources: Vec<PathBuf> = makefile.sources().unwrap().into_iter().map(|source| source.path).collect();
    assert_eq!(sources, [place("greet/greet.c"), place("app/main.c")]);
    // What a library says for all holds for the application.
    assert_eq!(flags(&makefile, "main.c"), [format!("-I{}/include", place("greet").display())]);
    assert!(matches!(read(&[place("two words")]), Err(NativeError::Blank { .. })));
}

#[test]
fn what_is_fetched_unpacked_and_patched_is_listed() {
    let text = r#"
$(eval $(call addlib,appx))
$(eval $(call addlib_s,libon,$(CONFIG_LIBON)))
$(eval $(call addlib_s,liboff,$(CONFIG_LIBOFF)))
APPX_VERSION=1.2
APPX_ORIGIN_SHA256=AB12
APPX_ORIGIN_MD5="34"
$(eval $(call fetch,appx,https://example.com/x-$(APPX_VERSION).tar.gz,$(APPX_BASE)/ignored))
$(eval $(call patch,appx,$(APPX_BASE)/patches,x-$(APPX_VERSION)))
$(eval $(call patch,appx,$(APPX_BASE)/more))
APPX_SRCS-y += $(APPX_ORIGIN)/x-$(APPX_VERSION)/x.c
$(eval $(call fetch2,libon,https://example.com/on.tgz,https://example.org/on.tgz))
$(eval $(call fetchas,libon,https://example.com/v1,second.tar.xz))
$(eval $(call unarchive,libon,$(APPX_BASE)/own.tar.gz))
$(eval $(call fetch,liboff,https://example.com/off.tar.gz))
"#;
    let (directory, makefile) = read(text, "CONFIG_LIBON=y\n# CONFIG_LIBOFF is not set\n");
    let makefile = makefile.unwrap();
    let within = |name: &str| directory.path().join(name);
    let fetched = |name: &str, addresses: &[&str], checksums: Vec<Checksum>| Archive::Fetched {
        name: name.to_owned(),
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
        checksums,
    };
    let sum = |algorithm, digest: &str| Checksum { algorithm, expected: digest.to_owned() };
    let patches = |name: &str, place: &str| Patches { directory: within(name), within: place.to_owned() };
    let origin = |name: &str, archives, patches| {
        (name.to_owned(), Origin { directory: Path::new("/out").join(name), base: directory.path().to_owned(), archives, patches })
    };
    let sums = vec![sum(Algorithm::Md5, "34"), sum(Algorithm::Sha256, "ab12")];
    let expected = [
        origin(
            "appx",
            vec![fetched("x-1.2.tar.gz", &["https://example.com/x-1.2.tar.gz"], sums)],
            vec![patches("patches", "x-1.2"), patches("more", "")],
        ),
        origin(
            "libon",
            vec![
                fetched("on.tgz", &["https://example.com/on.tgz", "https://example.org/on.tgz"], vec![]),
                fetched("second.tar.xz", &["https://example.com/v1"], vec![]),
                Archive::File(within("own.tar.gz")),
            ],
            vec![],
        ),
    ];
    assert_eq!(makefile.origins, expected);
    assert!(!makefile.wants_preparing);
    assert_eq!(makefile.sources().unwrap()[0].path, Path::new("/out/appx/origin/x-1.2/x.c"));
    assert!(read("UK_PREPARE-y += x\nx:\n\tfalse\n", "").1.unwrap().wants_preparing);
}
