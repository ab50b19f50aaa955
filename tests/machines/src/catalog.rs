//! The catalogue, started as its READMEs say, from base images that a registry on this machine serves.

use crate::server::HTTP;
use crate::{Place, Server, bound, finish, fixtures, free_port, pith_path, root, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Time for a build with everything cold: packages, crates, compilers.
const BUILD_DEADLINE: Duration = Duration::from_secs(900);

/// A registry on the loopback that has the images of `catalog/bases.tsv`; ended when this value goes.
pub struct Registry {
    server: Child,
    address: String,
}

impl Registry {
    /// Makes the images that are not there yet, and serves them. Everything is kept beside the fixtures.
    pub fn start() -> Self {
        let directory = Catalog::directory();
        let bases = directory.join("bases");
        let engine = pith_path().with_file_name("pith-dockerfile");
        let mut command = Command::new(root().join("tests/machines/catalog/bases.sh"));
        let made = command.arg(&bases).arg(&engine).output().expect("bases.sh");
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));

        let address = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nhttp: {{addr: \"{address}\"}}\nstorage: {{filesystem: {{rootdirectory: \"{}\"}}}}\n",
            directory.join("registry").display()
        );
        let path = directory.join("registry.yml");
        fs::write(&path, config).expect("a file of ours");
        let mut command = bound("docker-registry");
        command.arg("serve").arg(&path);
        let server = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("docker-registry");
        let registry = Self { server, address };
        wait_for(|| std::net::TcpStream::connect(&registry.address).is_ok());
        for base in fs::read_dir(&bases).expect("made").flatten().filter(|base| base.path().join("key").is_file()) {
            registry.push(&base.path());
        }
        registry
    }

    /// Moves an image to the registry; what is left of it is the key of what it was made from.
    fn push(&self, layout: &Path) {
        let name = layout.file_name().expect("a name").to_string_lossy().into_owned();
        let mut command = Command::new("skopeo");
        command.args(["copy", "--quiet", "--dest-tls-verify=false", &format!("oci:{}", layout.display())]);
        command.arg(format!("docker://{}/{name}:latest", self.address));
        let pushed = finish(command, Stdio::null());
        assert!(pushed.status.success(), "{name}: {}", pushed.err());
        fs::rename(layout.join("key"), layout.with_extension("key")).expect("a file of ours");
        fs::remove_dir_all(layout).expect("a directory of ours");
    }

    /// The names that Dockerfiles use and where they are, as `$PITH_IMAGE_MAP` wants it.
    pub fn map(&self) -> String {
        let entries: Vec<String> = self.names().into_iter().map(|(name, place)| format!("{name}={place}")).collect();
        entries.join(";")
    }

    /// Each name and where it is.
    pub fn names(&self) -> Vec<(String, String)> {
        let table = fs::read_to_string(root().join("tests/machines/catalog/bases.tsv")).expect("bases.tsv");
        let rows = table.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('\t'));
        rows.map(|(name, base)| (name.to_owned(), format!("{}/{base}:latest", self.address))).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

/// The catalogue, with one place for its builds' cache.
pub struct Catalog {
    registry: Registry,
}

impl Catalog {
    /// With a registry of its own.
    pub fn open() -> Self {
        Self { registry: Registry::start() }
    }

    /// Where images, registry and cache are kept between runs.
    fn directory() -> PathBuf {
        let directory = fixtures().join("catalog");
        fs::create_dir_all(&directory).expect("a directory for it");
        directory
    }

    /// The place where its machines run.
    pub fn place(&self) -> Place {
        let mut place = Place::kept(&Self::directory().join("place"));
        place.variable("PITH_IMAGE_MAP", &self.registry.map());
        place
    }

    /// Removes what takes much room and is made anew when it is needed: the layers of base images as directories, which only commands run on.
    pub fn shrink(&self) {
        let _ = fs::remove_dir_all(Self::directory().join("place/data/build/unpacked"));
    }

    /// Starts an entry, such as `library/nginx`, as its README says, on a free port; sends the README's request, and compares with the README's answer.
    pub fn start(&self, entry: &str) -> Server {
        let directory = root().join("catalog").join(entry);
        let readme = Readme::of(&directory);
        let (host_port, guest_port) = readme.ports();
        let server = Server::start_project(&directory, self.place(), BUILD_DEADLINE, (guest_port, readme.greeting()), readme.run_words());
        let client = readme.client.replace(&format!("localhost:{host_port}"), &server.address.to_string());
        let client = client.replace("redis-cli ", &format!("redis-cli -p {} ", server.address.port()));
        let mut command = Command::new("sh");
        // redis-cli answers scripts in another form than people.
        command.args(["-c", &client]).env("FAKETTY", "1");
        let outcome = finish(command, Stdio::null());
        assert_eq!(outcome.out().trim_end(), readme.answer, "{client}: {}", outcome.err());
        server
    }
}

/// The two commands of an entry's README and the answer.
struct Readme {
    run: String,
    client: String,
    answer: String,
}

impl Readme {
    fn of(directory: &Path) -> Self {
        let text = fs::read_to_string(directory.join("README.md")).expect("a README.md");
        let mut blocks = text.split("```").skip(1).step_by(2);
        let (commands, answer) = (blocks.next().expect("a block of commands"), blocks.next().expect("a block with the answer"));
        let mut lines = commands.strip_prefix("sh\n").expect("shell commands").lines();
        let run = lines.next().expect("the first command").to_owned();
        assert!(run.starts_with("pith run ") && run.ends_with(" ."), "{run}");
        Self { run, client: lines.collect::<Vec<_>>().join("\n"), answer: answer.trim().to_owned() }
    }

    /// What a server of this kind answers, whatever it is asked.
    fn greeting(&self) -> &'static [u8] {
        // Line protocols have something to say about an empty line.
        if self.client.contains("telnet://") { b"\r\n" } else { HTTP }
    }

    /// Published port and the machine's.
    fn ports(&self) -> (u16, u16) {
        let (_, rest) = self.run.split_once(" -p ").expect("a published port");
        let (host, guest) = rest.split_whitespace().next().and_then(|ports| ports.split_once(':')).expect("HOST:GUEST");
        (host.parse().expect("a port"), guest.parse().expect("a port"))
    }

    /// The words after `pith run`, without the port, which the server chooses, and `--rm`, which it adds.
    fn run_words(&self) -> Vec<&str> {
        let mut words: Vec<&str> = self.run.split_whitespace().skip(2).filter(|word| *word != "--rm").collect();
        let at = words.iter().position(|word| *word == "-p").expect("as found above");
        words.drain(at..=at + 1);
        words
    }
}
