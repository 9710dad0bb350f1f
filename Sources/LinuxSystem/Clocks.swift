import Glibc

private func nanoseconds(_ clock: clockid_t) -> Int64 {
    var time = timespec()
    // Fails for unknown clocks only.
    _ = clock_gettime(clock, &time)
    return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
}

/// Nanoseconds since 1970 (CLOCK_REALTIME).
public func wallClockNanoseconds() -> Int64 { nanoseconds(CLOCK_REALTIME) }

/// Nanoseconds since some fixed moment, never going back (CLOCK_MONOTONIC).
public func monotonicNanoseconds() -> Int64 { nanoseconds(CLOCK_MONOTONIC) }
