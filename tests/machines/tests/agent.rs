//! The agent channel: output, input, signals, counters and the end, over virtio-serial; and the serial lines of kernels without one.

use machines::{DEADLINE, Outcome, Place, finish_with, fixture, root, wait_for};
use pith_machine::control::{AgentState, ControlError, Refusal};
use pith_machine::logs::Selection;
use pith_machine::{Control, LogReader, Machine, Status, Store, Stream};
use std::io::Read;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

const TYPES: [&str; 3] = ["microvm", "pc", "q35"];

/// A machine in the background, named `m`.
struct Background {
    place: Place,
}

impl Background {
    fn start(machine_type: &str, kernel: Option<PathBuf>, args: &[&str]) -> Self {
        let place = Place::new();
        let mut command = place.pith();
        command.env("PITH_QEMU_MACHINE", machine_type).envs(kernel.map(|kernel| ("PITH_KERNEL", kernel)));
        command.args(["run", "-W", "-d", "--name", "m"]).arg(fixture("agent-probe")).arg("--").args(args);
        let outcome = machines::finish(command, Stdio::null());
        assert_eq!((outcome.code(), outcome.out().as_str()), (0, "m\n"), "{}", outcome.err());
        Self { place }
    }

    fn machine(&self) -> Machine {
        Store::open(Some(self.place.data())).expect("the store").get("m").expect("the machine")
    }

    fn control(&self) -> Control {
        Control::connect(self.machine().directory()).expect("it runs")
    }

    /// What it has written so far.
    fn output(&self) -> String {
        let mut text = Vec::new();
        let mut reader = LogReader::open(&self.machine(), Selection::default()).expect("its log");
        reader
            .each(&mut |piece| {
                text.extend_from_slice(piece.bytes);
                Ok(())
            })
            .expect("its log");
        String::from_utf8_lossy(&text).into_owned()
    }

    fn wait_for_output(&self, end: &str) {
        wait_for(|| self.output().ends_with(end));
    }

    /// Waits for its end; exit code and reason.
    fn end(&self) -> (Option<u8>, Option<String>) {
        wait_for(|| !matches!(self.machine().status(), Status::Running | Status::Created));
        let record = self.machine().record;
        (record.exit_code, record.reason)
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        let mut command = self.place.pith();
        command.args(["rm", "-f", "m"]);
        machines::finish(command, Stdio::null());
    }
}

fn run_on(machine_type: &str, args: &[&str], input: &[u8]) -> Outcome {
    let place = Place::new();
    let mut command = place.pith();
    command.env("PITH_QEMU_MACHINE", machine_type).args(["run", "-W", "--rm"]).args(args);
    let outcome = finish_with(command, input);
    place.assert_clean();
    outcome
}

/// The stream that `agent-probe output` writes.
fn expected(bytes: usize) -> Vec<u8> {
    let mut x = 1_u32;
    let mut next = || {
        x = x.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (x >> 24) as u8
    };
    (0..bytes).map(|_| next()).collect()
}

fn minimal() -> PathBuf {
    std::env::var_os("PITH_MINIMAL").map_or_else(|| root().join("kernel/target/images/minimal-x86_64"), PathBuf::from)
}

fn refusal<T: std::fmt::Debug>(result: Result<T, ControlError>) -> Refusal {
    match result {
        Err(ControlError::Refused { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_hundred_megabytes_arrive_and_then_the_status() {
    let outcome = run_on("microvm", &[fixture("agent-probe").to_str().expect("UTF-8"), "--", "output", "100", "65536"], b"");
    assert_eq!((outcome.code(), outcome.err().as_str()), (5, ""));
    assert!(outcome.stdout == expected(100 << 20), "{} bytes came", outcome.stdout.len());
}

#[test]
fn both_streams_arrive_apart_and_are_logged_in_order_with_their_times() {
    for machine_type in TYPES {
        let background = Background::start(machine_type, None, &["streams", "500"]);
        assert_eq!(background.end(), (Some(0), None));
        let mut pieces = Vec::new();
        let mut reader = LogReader::open(&background.machine(), Selection::default()).expect("its log");
        let mut last = 0;
        let mut take = |piece: pith_machine::logs::Piece<'_>| {
            assert!(piece.micros >= last, "time goes on");
            last = piece.micros;
            pieces.push((piece.stream, String::from_utf8_lossy(piece.bytes).into_owned()));
            Ok(())
        };
        reader.each(&mut take).expect("its log");
        let expected = (0..500).flat_map(|i| [(Stream::Output, format!("out {i}\n")), (Stream::Error, format!("err {i}\n"))]);
        assert_eq!(pieces, expected.collect::<Vec<_>>(), "{machine_type}");
        let record = background.machine().record;
        let ran = record.started_ms.expect("it started") * 1000..=record.ended_ms.expect("it ended") * 1000 + 1000;
        assert!(ran.contains(&last), "{last} is not within {ran:?}");
    }
    let args = [fixture("agent-probe").to_str().expect("UTF-8").to_owned()];
    let outcome = run_on("microvm", &[args[0].as_str(), "--", "streams", "3"], b"");
    assert_eq!((outcome.out().as_str(), outcome.err().as_str()), ("out 0\nout 1\nout 2\n", "err 0\nerr 1\nerr 2\n"));
}

#[test]
fn a_megabyte_goes_in_and_comes_out_again() {
    let input: Vec<u8> = (0..1_000_003_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
    for machine_type in TYPES {
        let outcome = run_on(machine_type, &[fixture("probe").to_str().expect("UTF-8"), "--", "cat"], &input);
        assert_eq!((outcome.code(), outcome.err().as_str()), (0, "1000003 bytes\n"), "{machine_type}");
        assert!(outcome.stdout == input, "{machine_type}: {} bytes came back", outcome.stdout.len());
    }
}

#[test]
fn counters_say_what_the_program_did() {
    for machine_type in ["microvm", "q35"] {
        let background = Background::start(machine_type, None, &["work", "100", "300000"]);
        background.wait_for_output("waiting\n");
        let mut control = background.control();
        let state = control.state().expect("an answer");
        assert_eq!((state.agent, state.is_stopping, state.output_bytes), (AgentState::Agent, false, 8));
        // It says so before it waits; where the processor has had nothing to do, all its threads wait, and it set no timer.
        let mut before = control.stats().expect("an answer");
        wait_for(|| {
            let earlier = std::mem::replace(&mut before, control.stats().expect("an answer"));
            earlier.cpu.application_ns == before.cpu.application_ns && before.cpu.idle_ns > earlier.cpu.idle_ns
        });
        // All but a page in a thousand is what the program asked for; the program itself opens and reads nothing else.
        assert_eq!(before.files.opens, 101);
        assert_eq!((before.files.reads, before.files.read_bytes), (300, 300_000));
        assert_eq!((before.files.writes, before.files.written_bytes), (301, 300_008));
        assert_eq!(before.threads, 4);
        let system_calls = 101 * 2 + 300 * 4..101 * 2 + 300 * 4 + 100;
        assert!(system_calls.contains(&before.system_calls), "{before:?}");
        let lo = before.network.iter().find(|interface| interface.name == "lo").expect("a loopback");
        // 300 datagrams with 28 bytes of headers each.
        let sent = 300 * (1000 + 28);
        assert_eq!((lo.sent_packets, lo.sent_bytes, lo.received_packets, lo.received_bytes), (300, sent, 300, sent), "{before:?}");
        assert!(before.network.iter().any(|interface| interface.name == "eth0"));
        let memory = before.memory;
        assert!((8 << 20..10 << 20).contains(&memory.anonymous_bytes), "{memory:?}");
        assert!((300_000..700_000).contains(&memory.page_cache_bytes), "{memory:?}");
        assert!(memory.kernel_bytes > 0 && memory.kernel_bytes < 8 << 20, "{memory:?}");
        let sum = memory.free_bytes + memory.anonymous_bytes + memory.page_cache_bytes + memory.kernel_bytes;
        assert_eq!(sum, memory.total_bytes);
        assert_eq!(before.cpu.application_ns + before.cpu.kernel_ns + before.cpu.idle_ns, before.uptime_ns);
        assert!(before.cpu.application_ns > 0, "{before:?}");

        // It sleeps: what the clock gains is idle time.
        wait_for(|| control.stats().expect("an answer").uptime_ns > before.uptime_ns + 200_000_000);
        let after = control.stats().expect("an answer");
        assert_eq!((after.system_calls, after.files), (before.system_calls, before.files));
        assert_eq!(after.cpu.application_ns, before.cpu.application_ns);
        assert!(after.cpu.idle_ns - before.cpu.idle_ns >= 200_000_000, "{after:?}");
        control.stop(15, DEADLINE).expect("an answer");
        assert_eq!(background.end(), (Some(9), None));
    }
}

#[test]
fn every_signal_can_be_sent() {
    let background = Background::start("microvm", None, &["signals"]);
    background.wait_for_output("waiting\n");
    let mut control = background.control();
    let mut expected = "waiting\n".to_owned();
    // KILL and STOP are not the application's to see; TERM ends it.
    for number in (1..=64).filter(|number| ![9, 15, 19].contains(number)) {
        control.signal(number).expect("sent");
        expected += &format!("signal {number}\n");
        background.wait_for_output(&format!("signal {number}\n"));
    }
    assert_eq!(background.output(), expected);
    for number in [0, 65, 255] {
        assert_eq!(refusal(control.signal(number)), Refusal::Invalid);
    }
    control.signal(9).expect("sent");
    assert!(control.wait_end(DEADLINE).expect("the socket"));
    assert_eq!(background.end(), (Some(137), Some("ended by signal 9 (SIGKILL)".to_owned())));
    assert!(matches!(Control::connect(background.machine().directory()), Err(ControlError::NotRunning)));
}

#[test]
fn a_stop_asks_first_and_insists_at_the_deadline() {
    let background = Background::start("microvm", None, &["signals"]);
    background.wait_for_output("waiting\n");
    // It waits for a signal that it does not end by.
    let mut control = background.control();
    control.stop(10, Duration::from_secs(3600)).expect("an answer");
    background.wait_for_output("signal 10\n");
    assert!(control.state().expect("an answer").is_stopping);
    // Asked again, the sooner deadline counts.
    control.stop(10, Duration::from_millis(1)).expect("an answer");
    assert!(control.wait_end(DEADLINE).expect("the socket"));
    assert_eq!(background.end(), (Some(137), Some("did not stop in time and was ended".to_owned())));
}

#[test]
fn what_was_written_before_the_supervisor_was_killed_is_in_the_log() {
    let background = Background::start("microvm", None, &["signals"]);
    background.wait_for_output("waiting\n");
    let record = background.machine().record;
    background.control().signal(12).expect("sent");
    background.wait_for_output("signal 12\n");
    let killed = Command::new("kill").arg("-9").arg(record.supervisor.expect("one").pid.to_string()).status().expect("kill");
    assert!(killed.success());
    wait_for(|| background.machine().status() == Status::Failed && background.place.processes().is_empty());
    assert_eq!(background.output(), "waiting\nsignal 12\n");
    assert!(matches!(Control::connect(background.machine().directory()), Err(ControlError::NotRunning)));
}

#[test]
fn a_reader_that_does_not_read_holds_back_output_and_nothing_else() {
    let place = Place::new();
    let mut command = place.pith();
    command.args(["run", "-W", "--name", "m"]).arg(fixture("agent-probe")).args(["--", "output", "10", "10000"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pith");
    let store = Store::open(Some(place.data())).expect("the store");
    let look = || {
        let mut control = Control::connect(store.get("m").ok()?.directory()).ok()?;
        let stats = control.stats().ok()?;
        Some((control.state().expect("an answer").output_bytes, stats.threads))
    };
    // It stands still with the reader's pipe, the supervisor's buffer and the guest's window full, and still answers.
    wait_for(|| look().is_some_and(|(written, _)| written >= 1 << 20));
    // Every answer is a turn of the guest and of the supervisor: what could go on, would.
    for _ in 0..100 {
        let (written, threads) = look().expect("an answer");
        assert!(written < 2 << 20 && threads == 1, "{written} bytes were held, {threads} threads");
    }
    let mut out = Vec::new();
    child.stdout.take().expect("piped").read_to_end(&mut out).expect("its output");
    assert_eq!(child.wait().expect("our child").code(), Some(5));
    assert!(out == expected(10 << 20), "{} bytes came", out.len());
}

#[test]
fn the_machine_ends_although_nobody_reads_and_a_stop_ends_the_wait() {
    let place = Place::new();
    let mut command = place.pith();
    // Less than the supervisor holds, more than a pipe does.
    command.args(["run", "-W", "--name", "m"]).arg(fixture("agent-probe")).args(["--", "output", "1", "5000"]);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("pith");
    let store = Store::open(Some(place.data())).expect("the store");
    let monitor = || store.get("m").ok()?.record.monitor;
    wait_for(|| monitor().is_some());
    let monitor = monitor().expect("known");
    wait_for(|| !monitor.is_alive());
    let machine = store.get("m").expect("the machine");
    let mut control = Control::connect(machine.directory()).expect("the supervisor waits for the reader");
    assert_eq!(control.state().expect("an answer").output_bytes, 1 << 20);
    assert_eq!(refusal(control.stats()), Refusal::Failed);
    control.stop(15, DEADLINE).expect("an answer");
    assert!(control.wait_end(DEADLINE).expect("the socket"));
    assert_eq!(child.wait().expect("our child").code(), Some(5));
    assert!(std::fs::read(machine.path("output.log")).expect("the log") == expected(1 << 20));
}

#[test]
fn a_kernel_without_an_agent_has_its_serial_lines() {
    // What signals do by default is all that this image knows of them.
    for machine_type in TYPES {
        for number in [10, 15] {
            let background = Background::start(machine_type, Some(minimal()), &["sleep"]);
            background.wait_for_output("waiting\n");
            let mut control = background.control();
            wait_for(|| control.state().expect("an answer").agent == AgentState::Serial);
            assert_eq!(refusal(control.stats()), Refusal::Unsupported);
            assert_eq!(refusal(control.signal(34)), Refusal::Unsupported);
            match number {
                15 => control.stop(15, DEADLINE),
                _ => control.signal(number),
            }
            .expect("sent");
            let (code, reason) = background.end();
            assert_eq!(code, Some(128 + number), "{machine_type}: {reason:?}");
            assert_eq!(background.output(), "waiting\n");
        }
    }
    let place = Place::new();
    let mut command = place.pith();
    command.env("PITH_KERNEL", minimal()).args(["run", "-W", "--rm"]).arg(fixture("probe")).args(["--", "cat"]);
    let outcome = finish_with(command, b"some input\n");
    assert_eq!((outcome.out().as_str(), outcome.err().as_str(), outcome.code()), ("some input\n", "11 bytes\n", 0));
}

#[test]
fn requests_that_make_no_sense_are_refused_and_do_no_harm() {
    use std::io::{BufRead, BufReader, Write};
    let background = Background::start("microvm", None, &["signals"]);
    let stream = std::os::unix::net::UnixStream::connect(background.machine().path("control.sock")).expect("the socket");
    // Several at a time: each has its answer, in order.
    (&stream)
        .write_all(b"{\"request\":\"dance\"}\nnonsense\n{\"request\":\"signal\",\"number\":0}\n{\"request\":\"state\"}\n")
        .expect("written");
    let mut lines = BufReader::new(&stream).lines();
    for expected in ["unsupported", "invalid", "invalid", "\"reply\":\"state\""] {
        let line = lines.next().expect("an answer").expect("text");
        assert!(line.contains(expected), "{line}");
    }
    // A line without end is given up.
    (&stream).write_all(&[b'x'; 5000]).expect("written");
    assert!(lines.next().is_none_or(|line| line.is_err()));
    assert!(background.control().state().is_ok());
}
