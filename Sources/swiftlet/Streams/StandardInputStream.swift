import Dispatch
import Errors
import Glibc
import LinuxSystem

/// Standard input in pieces as they are typed or piped. Each read waits on a queue of its own and is asked for only when
/// the piece before was sent, so a slow container slows the pipe.
struct StandardInputStream: AsyncSequence {
    struct AsyncIterator: AsyncIteratorProtocol {
        private let queue = DispatchQueue(label: "stdin")

        mutating func next() async throws -> [UInt8]? {
            let queue = self.queue
            return try await withCheckedThrowingContinuation { continuation in
                queue.async {
                    continuation.resume(
                        with: Result { () throws(SwiftletError) in
                            var buffer = [UInt8](repeating: 0, count: 32 << 10)
                            let count = try retrying("read", "standard input") {
                                read(STDIN_FILENO, &buffer, buffer.count)
                            }
                            return count == 0 ? nil : Array(buffer[..<count])
                        }.mapError { $0 as any Error })
                }
            }
        }
    }

    func makeAsyncIterator() -> AsyncIterator { AsyncIterator() }
}
