import Errors

extension SandboxPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(id)
        encoder.put(newNetwork)
        encoder.put(newIPC)
        encoder.put(newUTS)
        encoder.put(sharedPID)
        encoder.put(owners)
        encoder.put(hostname)
        encoder.put(sysctls)
        encoder.put(cgroup)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        id = try decoder.string()
        newNetwork = try decoder.bool()
        newIPC = try decoder.bool()
        newUTS = try decoder.bool()
        sharedPID = try decoder.bool()
        owners = try decoder.optional()
        hostname = try decoder.string()
        sysctls = try decoder.array()
        cgroup = try decoder.string()
    }
}

extension SandboxPlan.Sysctl: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(name)
        encoder.put(value)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(try decoder.string(), try decoder.string())
    }
}
