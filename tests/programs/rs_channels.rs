use std::sync::mpsc::{channel, sync_channel, RecvTimeoutError, TryRecvError, TrySendError};
use std::thread;
use std::time::Duration;

fn main() {
    let (tx, rx) = channel();
    let senders: Vec<_> = (0..4u32).map(|i| {
        let tx = tx.clone();
        thread::spawn(move || for k in 0..250u32 { tx.send(i * 1000 + k).unwrap() })
    }).collect();
    drop(tx);
    let mut last = [None; 4];
    let (mut count, mut sum, mut disorder) = (0, 0u64, 0);
    for v in rx {
        let (who, k) = ((v / 1000) as usize, v % 1000);
        disorder += u32::from(last[who].is_some_and(|l| l >= k));
        last[who] = Some(k);
        count += 1;
        sum += u64::from(v);
    }
    senders.into_iter().for_each(|t| t.join().unwrap());
    println!("{count} {sum} {disorder}");
    let (tx, rx) = sync_channel(2);
    println!("{:?} {:?}", tx.try_send(1), tx.try_send(2));
    println!("{}", matches!(tx.try_send(3), Err(TrySendError::Full(3))));
    let t = thread::spawn(move || (0..50).map(|i| tx.send(i).is_ok()).filter(|ok| *ok).count());
    let got: Vec<i32> = rx.iter().take(12).collect();
    println!("{got:?}");
    drop(rx);
    println!("{}", t.join().unwrap() < 50);
    let (tx, rx) = channel::<()>();
    println!("{:?} {:?}", rx.try_recv() == Err(TryRecvError::Empty), rx.recv_timeout(Duration::from_millis(20)) == Err(RecvTimeoutError::Timeout));
    drop(tx);
    println!("{:?}", rx.recv().is_err());
}
