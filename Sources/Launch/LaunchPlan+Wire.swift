import Errors

extension LaunchPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(id)
        encoder.put(recordDirectory)
        encoder.put(cgroup)
        encoder.put(rootFilesystem)
        encoder.put(rootReadOnly)
        encoder.put(rootNoDevices)
        encoder.put(rootPropagation)
        encoder.put(pidNamespace)
        encoder.put(newCgroupNamespace)
        encoder.put(mounts)
        encoder.put(devices)
        encoder.put(links)
        encoder.put(maskedPaths)
        encoder.put(readOnlyPaths)
        encoder.put(process)
        encoder.put(io)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        id = try decoder.string()
        recordDirectory = try decoder.string()
        cgroup = try decoder.string()
        rootFilesystem = try decoder.value()
        rootReadOnly = try decoder.bool()
        rootNoDevices = try decoder.bool()
        rootPropagation = try decoder.value()
        pidNamespace = try decoder.value()
        newCgroupNamespace = try decoder.bool()
        mounts = try decoder.array()
        devices = try decoder.array()
        links = try decoder.array()
        maskedPaths = try decoder.array()
        readOnlyPaths = try decoder.array()
        process = try decoder.value()
        io = try decoder.value()
    }
}

extension RootFilesystemPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .overlay(let layersDirectory, let lowers, let upper, let work):
            encoder.put(UInt8(1))
            encoder.put(layersDirectory)
            encoder.put(lowers)
            encoder.put(upper)
            encoder.put(work)
        case .directory(let path):
            encoder.put(UInt8(2))
            encoder.put(path)
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1:
            self = .overlay(
                layersDirectory: try decoder.string(), lowers: try decoder.array(), upper: try decoder.string(),
                work: try decoder.string())
        case 2: self = .directory(try decoder.string())
        default: throw decoder.malformed("unknown kind of root filesystem")
        }
    }
}

extension MountPropagation: WireValue {
    public func encode(into encoder: inout Encoder) { encoder.put(rawValue) }
    public init(from decoder: inout Decoder) throws(SwiftletError) {
        guard let value = MountPropagation(rawValue: try decoder.number()) else {
            throw decoder.malformed("unknown propagation")
        }
        self = value
    }
}

extension PIDNamespacePlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .container: encoder.put(UInt8(1))
        case .pod: encoder.put(UInt8(2))
        case .node: encoder.put(UInt8(3))
        case .target(let id):
            encoder.put(UInt8(4))
            encoder.put(id)
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1: self = .container
        case 2: self = .pod
        case 3: self = .node
        case 4: self = .target(try decoder.string())
        default: throw decoder.malformed("unknown kind of PID namespace")
        }
    }
}

extension LinkPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(path)
        encoder.put(target)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(path: try decoder.string(), target: try decoder.string())
    }
}

extension DevicePlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(path)
        encoder.put(hostPath)
        encoder.put(kind.rawValue)
        for number in [major, minor, mode, user, group] { encoder.put(number) }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        let path = try decoder.string()
        let hostPath = try decoder.string()
        guard let kind = Kind(rawValue: try decoder.number()) else { throw decoder.malformed("unknown kind of device") }
        self.init(
            path: path, hostPath: hostPath, kind: kind, major: try decoder.number(), minor: try decoder.number(),
            mode: try decoder.number(), user: try decoder.number(), group: try decoder.number())
    }
}

extension StandardIOPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(logPath)
        encoder.put(terminal)
        encoder.put(standardInput)
        encoder.put(standardInputOnce)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        logPath = try decoder.optional()
        terminal = try decoder.bool()
        standardInput = try decoder.bool()
        standardInputOnce = try decoder.bool()
    }
}
