//! The main thread's stack overflows: std's handler on the alternate stack names it, then the process aborts.
#[allow(unconditional_recursion)]
fn deeper(n: u64) -> u64 {
    let frame = std::hint::black_box([n; 64]);
    deeper(n + 1) + frame[(n % 64) as usize]
}

unsafe extern "C" {
    fn dup2(from: i32, to: i32) -> i32;
}

fn main() {
    let null = std::fs::File::options().write(true).open("/dev/null").unwrap();
    // SAFETY: plain call; the message on standard error holds a thread number
    unsafe { dup2(std::os::fd::AsRawFd::as_raw_fd(&null), 2) };
    println!("going down");
    println!("{}", deeper(0));
}
