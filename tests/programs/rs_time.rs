use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

fn main() {
    let mut last = Instant::now();
    let mut backwards = 0;
    for _ in 0..2000 {
        let now = Instant::now();
        backwards += u32::from(now < last);
        last = now;
    }
    println!("{backwards}");
    for ms in [0, 1, 20] {
        let t = Instant::now();
        std::thread::sleep(Duration::from_millis(ms));
        println!("{}", t.elapsed() >= Duration::from_millis(ms) && t.elapsed() < Duration::from_secs(10));
    }
    println!("{}", SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() > 1_700_000_000);
    println!("{:?} {:?}", Instant::now().checked_duration_since(Instant::now() + Duration::from_secs(5)), Duration::from_millis(1500));
}
