import Dispatch
import Glibc

/// SIGTERM and SIGINT as values instead of deaths.
final class StopSignals {
    private let signals: AsyncStream<Int32>
    private var sources: [any DispatchSourceSignal] = []

    init() {
        let (stream, continuation) = AsyncStream.makeStream(of: Int32.self)
        signals = stream
        for number in [SIGTERM, SIGINT] {
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler { continuation.yield(number) }
            source.resume()
            sources.append(source)
        }
    }

    /// Waits for the next one.
    func next() async -> Int32 {
        for await number in signals { return number }
        return SIGTERM
    }
}
