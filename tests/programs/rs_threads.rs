//! Threads: join values, scopes, names, panics that stay in their thread.
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Barrier, Mutex, RwLock};
use std::thread;

fn main() {
    let joined: Vec<u64> = (0..8u64).map(|i| thread::spawn(move || i * i)).map(|t| t.join().unwrap()).collect();
    println!("{joined:?}");
    let counter = AtomicU64::new(0);
    let list = Mutex::new(Vec::new());
    thread::scope(|s| {
        for i in 0..6 {
            let (counter, list) = (&counter, &list);
            s.spawn(move || {
                for _ in 0..1000 {
                    counter.fetch_add(1, Ordering::Relaxed);
                }
                list.lock().unwrap().push(i);
            });
        }
    });
    let mut list = list.into_inner().unwrap();
    list.sort_unstable();
    println!("{} {list:?}", counter.load(Ordering::Relaxed));
    let name = thread::Builder::new().name("worker".into()).stack_size(256 * 1024);
    let name = name.spawn(|| thread::current().name().map(str::to_owned)).unwrap().join().unwrap();
    println!("{name:?} {:?}", thread::current().name());
    std::panic::set_hook(Box::new(|_| {}));
    let mutex = Arc::new(Mutex::new(5));
    let inside = Arc::clone(&mutex);
    let result = thread::spawn(move || {
        let _guard = inside.lock().unwrap();
        panic!("on purpose")
    });
    let error = result.join().unwrap_err();
    println!("{:?} poisoned {}", error.downcast_ref::<&str>(), mutex.is_poisoned());
    let barrier = Arc::new(Barrier::new(4));
    let leaders = (0..4).map(|_| {
        let b = Arc::clone(&barrier);
        thread::spawn(move || u32::from(b.wait().is_leader()))
    });
    println!("leaders {}", leaders.collect::<Vec<_>>().into_iter().map(|t| t.join().unwrap()).sum::<u32>());
    let lock = Arc::new(RwLock::new(0));
    let writers: Vec<_> = (1..=4).map(|i| {
        let l = Arc::clone(&lock);
        thread::spawn(move || for _ in 0..100 { *l.write().unwrap() += i })
    }).collect();
    writers.into_iter().for_each(|t| t.join().unwrap());
    println!("{} {}", lock.read().unwrap(), thread::available_parallelism().is_ok());
}
