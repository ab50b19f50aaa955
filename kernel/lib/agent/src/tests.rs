use super::*;
use pith_abi::agent::{Stat, VERSION};
use std::cell::RefCell;

#[derive(Default)]
struct Fake {
    signals: RefCell<Vec<u8>>,
}

impl Kernel for Fake {
    fn signal(&self, number: u8) -> bool {
        self.signals.borrow_mut().push(number);
        number != 33
    }
    fn resize(&self, rows: u16, columns: u16) -> bool {
        (rows, columns) == (24, 300)
    }
    fn stats(&self) -> Stats {
        let mut stats = Stats::default();
        stats.set(Stat::Threads, 3);
        stats
    }
}

fn frames(messages: &[Message<'_>]) -> Vec<u8> {
    let mut bytes = Vec::new();
    messages.iter().for_each(|message| message.encode(&mut bytes));
    bytes
}

/// What the agent has to say, taken.
fn said(agent: &mut Agent) -> Vec<u8> {
    std::mem::take(agent.outgoing())
}

fn greeted() -> Agent {
    let mut agent = Agent::new();
    assert_eq!(said(&mut agent), frames(&[Message::Hello { version: VERSION }]));
    agent
}

#[test]
fn requests_are_answered_in_order_with_their_ids() {
    let (mut agent, kernel) = (greeted(), Fake::default());
    let ask = |id, operation, payload| Message::Request { id, operation, payload };
    let questions = frames(&[
        Message::HELLO,
        ask(1, Operation::Signal as u8, &[15]),
        ask(2, Operation::Signal as u8, &[33]),
        ask(3, Operation::Signal as u8, &[]),
        ask(4, Operation::Signal as u8, &[65]),
        ask(5, 200, b"whatever"),
        ask(6, Operation::Stats as u8, &[]),
        ask(7, Operation::Resize as u8, &[24, 0, 44, 1]),
        ask(8, Operation::Resize as u8, &[25, 0, 44, 1]),
        ask(9, Operation::Resize as u8, &[24, 0, 44]),
    ]);
    // In the smallest pieces, too.
    for byte in &questions {
        agent.receive(&[*byte], &kernel);
    }
    let mut stats = Vec::new();
    kernel.stats().encode(&mut stats);
    let answer = |id, status| Message::Response { id, status, payload: &[] };
    let expected = frames(&[
        answer(1, Status::Done),
        answer(2, Status::Failed),
        answer(3, Status::Invalid),
        answer(4, Status::Invalid),
        answer(5, Status::Unsupported),
        Message::Response { id: 6, status: Status::Done, payload: &stats },
        answer(7, Status::Done),
        answer(8, Status::Failed),
        answer(9, Status::Invalid),
    ]);
    assert_eq!(said(&mut agent), expected);
    assert_eq!(*kernel.signals.borrow(), [15, 33]);
}

#[test]
fn input_flows_as_far_as_it_is_granted() {
    let (mut agent, kernel) = (greeted(), Fake::default());
    let all: Vec<u8> = (0..200_000u32).map(|i| (i % 251) as u8).collect();
    let (mut sent, mut granted, mut got, mut reader) = (0, INPUT_WINDOW, Vec::<u8>::new(), FrameReader::default());
    while got.len() < all.len() {
        let until = all.len().min(granted as usize);
        if sent < until {
            agent.receive(&frames(&[Message::Input(&all[sent..until])]), &kernel);
            sent = until;
        }
        assert_eq!(agent.waiting(), sent - got.len());
        let mut buf = [0; 1000];
        let count = agent.read(&mut buf).expect("there is input");
        got.extend(&buf[..count]);
        let said = said(&mut agent);
        let mut rest = said.as_slice();
        while let Some(frame) = reader.next(&mut rest).unwrap() {
            let Some(Message::Window { stream: None, total }) = Message::parse(frame) else { panic!("{frame:?}") };
            assert!(total >= granted + INPUT_WINDOW / 2, "small steps");
            granted = total;
        }
    }
    assert_eq!(got, all);
    assert_eq!(agent.read(&mut [0; 4]), None);
    agent.receive(&frames(&[Message::InputEnd]), &kernel);
    assert!(agent.has_input_ended());
    assert_eq!(agent.read(&mut [0; 4]), Some(0));
}

#[test]
fn output_stops_at_the_window_of_its_own_stream() {
    let (mut agent, kernel) = (greeted(), Fake::default());
    let [o, e] = [Stream::Output, Stream::Error];
    let header = agent.output(o, OUTPUT_WINDOW as u32);
    assert_eq!(Header::from_bytes(header), Header { kind: kind::OUTPUT, code: 1, id: 0, len: OUTPUT_WINDOW as u32 });
    assert_eq!((agent.room(o), agent.room(e)), (0, OUTPUT_WINDOW));
    let total = OUTPUT_WINDOW + 10;
    agent.receive(&frames(&[Message::Window { stream: Some(o), total }]), &kernel);
    assert_eq!(agent.room(o), 10);
    // Totals never go back.
    agent.receive(&frames(&[Message::Window { stream: Some(o), total: 5 }]), &kernel);
    assert_eq!(agent.room(o), 10);
}

#[test]
fn a_host_that_breaks_the_protocol_is_not_listened_to() {
    let kernel = Fake::default();
    let too_long = Header { kind: 99, code: 0, id: 0, len: MAX_PAYLOAD as u32 + 1 }.to_bytes().to_vec();
    let flood = frames(&[Message::Input(&[0; 30_000]), Message::Input(&[0; 30_000])]);
    let after_end = frames(&[Message::InputEnd, Message::Input(b"x")]);
    for bytes in [too_long, flood, after_end] {
        let mut agent = greeted();
        agent.receive(&bytes, &kernel);
        let signal = Message::Request { id: 1, operation: Operation::Signal as u8, payload: &[9] };
        agent.receive(&frames(&[signal]), &kernel);
        assert!(agent.has_input_ended() && said(&mut agent).is_empty());
    }
    assert!(kernel.signals.borrow().is_empty());
}
