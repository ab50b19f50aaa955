use std::collections::{BTreeMap, BinaryHeap, HashMap, HashSet, VecDeque};

fn main() {
    let text = "the quick brown fox jumps over the lazy dog the end";
    let mut words: HashMap<&str, usize> = HashMap::new(); // keys from getrandom
    text.split(' ').for_each(|w| *words.entry(w).or_default() += 1);
    let sorted: BTreeMap<_, _> = words.iter().collect();
    println!("{sorted:?}");
    let mut heap: BinaryHeap<u32> = (0..50).map(|i| i * 37 % 50).collect();
    println!("{:?}", (0..5).map(|_| heap.pop()).collect::<Vec<_>>());
    let set: HashSet<u64> = (0..20_000u64).map(|i| i * i % 1009).collect();
    println!("{}", set.len());
    let mut queue: VecDeque<_> = (0..10).collect();
    queue.rotate_left(3);
    println!("{queue:?}");
    let mut big: Vec<u64> = (0..50_000u64).map(|i| i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).collect();
    big.sort_unstable();
    println!("{} {}", big.is_sorted(), big.iter().fold(0u64, |a, b| a.rotate_left(5) ^ b));
    println!("{}", (0..200).map(|i| i.to_string()).collect::<Vec<_>>().concat().len());
}
