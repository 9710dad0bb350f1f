import Errors

extension ShimRequest: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .setUp(let plan): encoder.put(UInt8(1)); encoder.put(plan)
        case .start(let plan): encoder.put(UInt8(2)); encoder.put(plan)
        case .exec(let plan): encoder.put(UInt8(3)); encoder.put(plan)
        case .signal(let id, let number): encoder.put(UInt8(4)); encoder.put(id); encoder.put(number)
        case .attach(let id, let input, let output, let error):
            encoder.put(UInt8(5))
            encoder.put(id)
            for wanted in [input, output, error] { encoder.put(wanted) }
        case .resize(let id, let size): encoder.put(UInt8(6)); encoder.put(id); encoder.put(size)
        case .reopenLog(let id): encoder.put(UInt8(7)); encoder.put(id)
        case .state: encoder.put(UInt8(8))
        case .subscribe: encoder.put(UInt8(9))
        case .forget(let id): encoder.put(UInt8(10)); encoder.put(id)
        case .shutDown: encoder.put(UInt8(11))
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1: self = .setUp(try decoder.value())
        case 2: self = .start(try decoder.value())
        case 3: self = .exec(try decoder.value())
        case 4: self = .signal(id: try decoder.string(), number: try decoder.number())
        case 5:
            self = .attach(
                id: try decoder.string(), input: try decoder.bool(), output: try decoder.bool(),
                error: try decoder.bool())
        case 6: self = .resize(id: try decoder.string(), try decoder.value())
        case 7: self = .reopenLog(id: try decoder.string())
        case 8: self = .state
        case 9: self = .subscribe
        case 10: self = .forget(id: try decoder.string())
        case 11: self = .shutDown
        default: throw decoder.malformed("unknown request")
        }
    }
}

extension ExecPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(id)
        encoder.put(containerID)
        encoder.put(cgroup)
        encoder.put(process)
        encoder.put(terminal)
        encoder.put(reportsExit)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        id = try decoder.string()
        containerID = try decoder.string()
        cgroup = try decoder.string()
        process = try decoder.value()
        terminal = try decoder.optional()
        reportsExit = try decoder.bool()
    }
}

extension ShimReply: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .ready(let pid): encoder.put(UInt8(1)); encoder.put(pid)
        case .started(let pid): encoder.put(UInt8(2)); encoder.put(pid)
        case .done: encoder.put(UInt8(3))
        case .state(let processes): encoder.put(UInt8(4)); encoder.put(processes)
        case .failed(let failure): encoder.put(UInt8(5)); encoder.put(failure)
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1: self = .ready(pid: try decoder.number())
        case 2: self = .started(pid: try decoder.number())
        case 3: self = .done
        case 4: self = .state(try decoder.array())
        case 5: self = .failed(try decoder.value())
        default: throw decoder.malformed("unknown reply")
        }
    }
}

extension LaunchFailure: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(step)
        encoder.put(errno)
        encoder.put(message)
        encoder.put(exitCode)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(
            step: try decoder.string(), errno: try decoder.number(), message: try decoder.string(),
            exitCode: try decoder.number())
    }
}

extension ProcessState: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(id)
        encoder.put(isExec)
        encoder.put(pid)
        encoder.put(startedAt)
        encoder.put(exit)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(
            id: try decoder.string(), isExec: try decoder.bool(), pid: try decoder.number(),
            startedAt: try decoder.number(), exit: try decoder.optional())
    }
}

extension ExitRecord: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(code)
        encoder.put(signal)
        encoder.put(startedAt)
        encoder.put(finishedAt)
        encoder.put(failure)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(
            code: try decoder.number(), signal: try decoder.number(), startedAt: try decoder.number(),
            finishedAt: try decoder.number(), failure: try decoder.optional())
    }
}

extension ShimEvent: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .exited(let id, let isExec, let record):
            encoder.put(UInt8(1))
            encoder.put(id)
            encoder.put(isExec)
            encoder.put(record)
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1:
            self = .exited(id: try decoder.string(), isExec: try decoder.bool(), try decoder.value())
        default: throw decoder.malformed("unknown event")
        }
    }
}
