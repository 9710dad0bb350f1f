import Errors
import Glibc
import Launch
import LinuxSystem

/// What a new process tells the shim before exec, a message each; the end without `ready` means that it died first.
enum LaunchReport {
    case failed(LaunchFailure)
    /// Its terminal's master comes along.
    case terminal
    /// Another process takes its place; its pidfd comes along.
    case successor
    /// Nothing is left but exec. A `failed` may still follow.
    case ready

    var bytes: [UInt8] {
        switch self {
        case .failed(let failure): [1] + failure.encoded
        case .terminal: [2]
        case .ready: [3]
        case .successor: [4]
        }
    }

    init(_ bytes: [UInt8]) throws(SwiftletError) {
        switch bytes.first {
        case 1: self = .failed(try LaunchFailure(decoding: Array(bytes.dropFirst())))
        case 2: self = .terminal
        case 3: self = .ready
        case 4: self = .successor
        default: throw .invalid("an unknown report from a new process")
        }
    }
}

/// The new process's end: descriptor 3 of it, closed by exec.
struct LaunchReporter {
    static let number: Int32 = 3

    func send(_ report: LaunchReport, descriptor: Int32? = nil) throws(SwiftletError) {
        let outcome = report.bytes.withUnsafeBytes { bytes -> Result<Int?, SwiftletError> in
            do throws(SwiftletError) {
                let descriptors = descriptor.map { [$0] } ?? []
                return .success(try LinuxSystem.send(LaunchReporter.number, bytes, descriptors: descriptors))
            } catch { return .failure(error) }
        }
        _ = try outcome.get()
    }

    /// Tells why, and ends the process.
    func fail(_ failure: LaunchFailure) -> Never {
        do throws(SwiftletError) { try send(.failed(failure)) } catch {
            complain("\(failure.step): \(failure.message)")
        }
        _exit(failure.exitCode)
    }
}

/// The failure of a step: what was being done in the words of the plan.
struct StepFailure: Error {
    let failure: LaunchFailure

    init(_ step: String, _ error: SwiftletError, exitCode: Int32 = 128) {
        failure = LaunchFailure(step: step, errno: error.errno ?? 0, message: error.description, exitCode: exitCode)
    }
}

/// Runs one step of a launch.
func step<Result: ~Copyable>(_ name: @autoclosure () -> String, _ body: () throws(SwiftletError) -> Result)
    throws(StepFailure) -> Result
{
    do throws(SwiftletError) { return try body() } catch { throw StepFailure(name(), error) }
}
