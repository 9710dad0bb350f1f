import CRI
import Glibc

/// Signals by CRI's enum and by the names that images use.
enum StopSignal {
    private static let numbers: [String: Int32] = [
        "ABRT": SIGABRT, "ALRM": SIGALRM, "BUS": SIGBUS, "CHLD": SIGCHLD, "CLD": SIGCHLD, "CONT": SIGCONT,
        "FPE": SIGFPE, "HUP": SIGHUP, "ILL": SIGILL, "INT": SIGINT, "IO": SIGIO, "IOT": SIGABRT, "KILL": SIGKILL,
        "PIPE": SIGPIPE, "POLL": SIGIO, "PROF": SIGPROF, "PWR": SIGPWR, "QUIT": SIGQUIT, "SEGV": SIGSEGV,
        "STKFLT": SIGSTKFLT, "STOP": SIGSTOP, "SYS": SIGSYS, "TERM": SIGTERM, "TRAP": SIGTRAP, "TSTP": SIGTSTP,
        "TTIN": SIGTTIN, "TTOU": SIGTTOU, "URG": SIGURG, "USR1": SIGUSR1, "USR2": SIGUSR2, "VTALRM": SIGVTALRM,
        "WINCH": SIGWINCH, "XCPU": SIGXCPU, "XFSZ": SIGXFSZ,
    ]
    /// The kernel's own; the C library keeps 32 and 33 for itself.
    private static let realTime: ClosedRange<Int32> = 34...64

    /// `SIGTERM`, `TERM`, `15`, `SIGRTMIN+3`, `RTMAX-2`; nil for anything else.
    static func number(_ name: String) -> Int32? {
        var name = Substring(name.uppercased())
        if let number = Int32(name) { return (1...64).contains(number) ? number : nil }
        if name.hasPrefix("SIG") { name = name.dropFirst(3) }
        if let number = numbers[String(name)] { return number }
        if name.hasPrefix("RTMIN") { return offset(name.dropFirst(5), from: realTime.lowerBound, sign: "+", 1) }
        if name.hasPrefix("RTMAX") { return offset(name.dropFirst(5), from: realTime.upperBound, sign: "-", -1) }
        return nil
    }

    private static func offset(_ text: Substring, from base: Int32, sign: Character, _ factor: Int32) -> Int32? {
        if text.isEmpty { return base }
        guard text.first == sign, let steps = Int32(text.dropFirst()), (0...30).contains(steps) else { return nil }
        let number = base + factor * steps
        return realTime.contains(number) ? number : nil
    }

    /// nil for SIGNAL_RUNTIME_DEFAULT and for values that CRI does not have. The real-time ones are 35…65 in CRI's order.
    static func number(_ signal: CRISignal) -> Int32? {
        switch signal {
        case .runtimeDefault, .UNRECOGNIZED: return nil
        default:
            if signal.rawValue >= 35 { return Int32(signal.rawValue) - 35 + realTime.lowerBound }
            return number(names[signal.rawValue - 1])
        }
    }

    /// CRI's value for a number; the first of several spellings.
    static func value(_ number: Int32) -> CRISignal {
        if realTime.contains(number) {
            return CRISignal(rawValue: Int(number - realTime.lowerBound) + 35) ?? .runtimeDefault
        }
        guard let index = names.firstIndex(where: { numbers[$0] == number }) else { return .runtimeDefault }
        return CRISignal(rawValue: index + 1) ?? .runtimeDefault
    }

    /// Values 1…34 of CRI's enum.
    private static let names = [
        "ABRT", "ALRM", "BUS", "CHLD", "CLD", "CONT", "FPE", "HUP", "ILL", "INT", "IO", "IOT", "KILL", "PIPE", "POLL",
        "PROF", "PWR", "QUIT", "SEGV", "STKFLT", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
        "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ",
    ]
}
