use std::sync::{Arc, Condvar, LazyLock, Mutex, Once, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

static ONCE: Once = Once::new();
static CELL: OnceLock<String> = OnceLock::new();
static LAZY: LazyLock<Vec<u32>> = LazyLock::new(|| (0..5).collect());

fn main() {
    let pair = Arc::new((Mutex::new(0u32), Condvar::new()));
    let players: Vec<_> = (0..3u32).map(|me| {
        let pair = Arc::clone(&pair);
        thread::spawn(move || {
            let (turn, changed) = &*pair;
            for _ in 0..10 {
                let mut t = changed.wait_while(turn.lock().unwrap(), |t| *t % 3 != me).unwrap();
                *t += 1;
                changed.notify_all();
            }
        })
    }).collect();
    players.into_iter().for_each(|t| t.join().unwrap());
    println!("{}", pair.0.lock().unwrap());
    let start = Instant::now();
    let (_guard, timeout) = pair.1.wait_timeout(pair.0.lock().unwrap(), Duration::from_millis(20)).unwrap();
    println!("{} {}", timeout.timed_out(), start.elapsed() >= Duration::from_millis(20));
    let mut runs = 0;
    for _ in 0..3 {
        ONCE.call_once(|| runs += 1);
    }
    println!("{runs} {} {:?}", CELL.get_or_init(|| "set once".into()), *LAZY);
    let parked = thread::spawn(|| {
        thread::park();
        "unparked"
    });
    thread::sleep(Duration::from_millis(5));
    parked.thread().unpark();
    println!("{}", parked.join().unwrap());
    let start = Instant::now();
    thread::park_timeout(Duration::from_millis(15));
    println!("{}", start.elapsed() < Duration::from_secs(5));
}
