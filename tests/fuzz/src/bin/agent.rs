//! The agent channel, both ways: frames however they are cut, the guest's side against a host that says anything, counters from a kernel that has lost its mind.
#![no_main]
use agent::{Agent, Kernel};
use pith_abi::agent::{FrameReader, INPUT_WINDOW, Message, OUTPUT_WINDOW, Stats, Stream};

struct Machine;

impl Kernel for Machine {
    fn signal(&self, number: u8) -> bool {
        assert!((1..=64).contains(&number));
        number.is_multiple_of(2)
    }
    fn resize(&self, rows: u16, _columns: u16) -> bool {
        rows.is_multiple_of(2)
    }
    fn stats(&self) -> Stats {
        Stats::default()
    }
}

/// Every message in `bytes`, written out again, and whether the stream broke.
fn messages(pieces: &mut dyn Iterator<Item = &[u8]>) -> (Vec<Vec<u8>>, bool) {
    let mut reader = FrameReader::default();
    let mut found = Vec::new();
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(frame)) => {
                    if let Some(message) = Message::parse(frame) {
                        let mut written = Vec::new();
                        message.encode(&mut written);
                        let mut rest = written.as_slice();
                        let mut other = FrameReader::default();
                        let again = other.next(&mut rest).expect("short enough").expect("whole");
                        assert_eq!(Message::parse(again), Some(message), "what was written reads back");
                        found.push(written);
                    }
                }
                Ok(None) => break,
                Err(_) => return (found, true),
            }
        }
        assert!(piece.is_empty(), "a reader takes all it is given");
    }
    (found, false)
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let [step, data @ ..] = data else { return };
    let whole = messages(&mut std::iter::once(data));
    assert_eq!(messages(&mut data.chunks(usize::from(*step).max(1))), whole, "cuts do not matter");

    let mut agent = Agent::new();
    let (mut read, mut out) = (0, 0);
    for piece in data.chunks(usize::from(*step).max(1)) {
        agent.receive(piece, &Machine);
        assert!(agent.waiting() as u64 <= INPUT_WINDOW, "no more input than was granted");
        let room = agent.room(Stream::Output).min(1000);
        agent.output(Stream::Output, room as u32);
        out += room;
        let mut buf = [0; 100];
        match agent.read(&mut buf) {
            Some(0) => assert!(agent.has_input_ended()),
            Some(count) => read += count,
            None => assert_eq!(agent.waiting(), 0),
        }
    }
    assert!(read <= data.len());
    let granted = whole.0.iter().any(|m| m.first() == Some(&5));
    assert!(granted || out <= OUTPUT_WINDOW, "no more output than was granted");
    // What it says is understood.
    let said = std::mem::take(agent.outgoing());
    assert!(!messages(&mut std::iter::once(said.as_slice())).1);

    if let Some(stats) = Stats::decode(data) {
        let mut written = Vec::new();
        stats.encode(&mut written);
        let again = Stats::decode(&written).expect("what was written reads back");
        assert_eq!(again, stats);
    }
});
