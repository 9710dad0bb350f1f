import Dispatch
import Errors
import Glibc

/// The user's terminal passed through to a container: raw while held, restored when released or when a signal ends us.
final class RawTerminal {
    private var saved: termios?
    private let sources: [any DispatchSourceSignal]

    /// Errors: standard input is no terminal.
    init() throws(SwiftletError) {
        var state = termios()
        guard tcgetattr(STDIN_FILENO, &state) == 0 else {
            throw SwiftletError(.failedPrecondition, "standard input is not a terminal", errno: errno)
        }
        let before = state
        saved = before
        cfmakeraw(&state)
        tcsetattr(STDIN_FILENO, TCSADRAIN, &state)
        sources = [SIGTERM, SIGHUP, SIGINT].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                var state = before
                tcsetattr(STDIN_FILENO, TCSADRAIN, &state)
                exit(128 + number)
            }
            source.resume()
            return source
        }
    }

    func restore() {
        if var before = saved { tcsetattr(STDIN_FILENO, TCSADRAIN, &before) }
        saved = nil
        sources.forEach { $0.cancel() }
    }

    deinit { restore() }
}
