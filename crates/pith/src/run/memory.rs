//! How much memory a machine gets.

use crate::error::{Error, Result};

const MIB: u64 = 1 << 20;
/// What an application gets by default on top of the kernel and its files. The host only pays for what is touched.
const DEFAULT_BYTES: u64 = 256 * MIB;
/// What the smallest static program needs beyond the kernel's file and the root file system: what lies below the kernel, its zero-initialised data, page tables, stacks.
/// Measured: 1,134 KiB (QEMU's `microvm`, by halving).
const LEAST_WORKING: u64 = 1280 << 10;

/// Reads a size like Kubernetes does: `M` is 10^6 and `Mi` 2^20 bytes; without a suffix, bytes.
///
/// # Errors
/// Not a size, or less than 1 MiB.
pub fn parse(text: &str) -> Result<u64> {
    let fail = |problem: &str| Error::new(format!("--memory {text:?}: {problem}")).with_help("write for example 64Mi, 256M or 1Gi");
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, suffix) = text.split_at(end);
    let number: u64 = digits.parse().map_err(|_| fail("expected a whole number with an optional suffix"))?;
    let unit = match suffix {
        "" => 1,
        "k" | "K" => 1000,
        "M" | "MB" => 1_000_000,
        "G" | "GB" => 1_000_000_000,
        "Ki" | "KiB" => 1 << 10,
        "Mi" | "MiB" => MIB,
        "Gi" | "GiB" => 1 << 30,
        _ => return Err(fail("unknown suffix")),
    };
    let bytes = number.checked_mul(unit).ok_or_else(|| fail("too large"))?;
    if bytes < MIB {
        return Err(fail("at least 1Mi is needed"));
    }
    Ok(bytes)
}

/// Size of a machine in MiB, for a root file system that takes `rootfs` bytes of its memory ([`pith_rootfs::Format::guest_bytes`]).
///
/// # Errors
/// When what the user asked for cannot hold the kernel and the root file system; the message has the number that would.
pub fn size_mib(asked: Option<u64>, kernel: u64, rootfs: u64) -> Result<u64> {
    let least = kernel + rootfs + LEAST_WORKING;
    match asked {
        None => Ok((DEFAULT_BYTES + least).div_ceil(MIB)),
        Some(bytes) if bytes < least => {
            let message =
                format!("{} MiB of memory cannot hold the kernel and a root file system of {} MiB", bytes / MIB, rootfs.div_ceil(MIB));
            Err(Error::new(message).with_help(format!("give at least -M {}Mi, and what the application needs", least.div_ceil(MIB))))
        }
        Some(bytes) => Ok(bytes.div_ceil(MIB)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_like_kubernetes() {
        for (text, bytes) in [("64Mi", 64 << 20), ("256M", 256_000_000), ("1Gi", 1 << 30), ("2097152", 2 << 20), ("2048Ki", 2 << 20)] {
            assert_eq!(parse(text).unwrap(), bytes, "{text}");
        }
        for text in ["", "x", "64m", "-1", "1.5Gi", "512Ki", "99999999999Gi"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn too_little_is_refused_with_the_number_that_would_do() {
        let error = size_mib(Some(64 * MIB), 600_000, 100 * MIB).unwrap_err();
        assert_eq!(error.message(), "64 MiB of memory cannot hold the kernel and a root file system of 100 MiB");
        assert_eq!(error.help(), Some("give at least -M 102Mi, and what the application needs"));
        assert_eq!(size_mib(Some(102 * MIB), 600_000, 100 * MIB).unwrap(), 102);
        assert_eq!(size_mib(Some(256_000_000), 600_000, 0).unwrap(), 245);
        assert_eq!(size_mib(None, 600_000, 0).unwrap(), 258);
    }
}
