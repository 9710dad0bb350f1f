import Errors

extension ProcessPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(arguments)
        encoder.put(environment)
        encoder.put(workingDirectory)
        encoder.put(createsWorkingDirectory)
        encoder.put(user)
        encoder.put(group)
        encoder.put(supplementaryGroups)
        encoder.put(capabilities)
        encoder.put(noNewPrivileges)
        encoder.put(seccompFilter)
        encoder.put(resourceLimits)
        encoder.put(oomScoreAdjustment)
        encoder.put(umask)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        arguments = try decoder.array()
        environment = try decoder.array()
        workingDirectory = try decoder.string()
        createsWorkingDirectory = try decoder.bool()
        user = try decoder.number()
        group = try decoder.number()
        supplementaryGroups = try decoder.array()
        capabilities = try decoder.value()
        noNewPrivileges = try decoder.bool()
        seccompFilter = try decoder.data()
        resourceLimits = try decoder.array()
        oomScoreAdjustment = try decoder.optional()
        umask = try decoder.number()
    }
}

extension CapabilitySets: WireValue {
    public func encode(into encoder: inout Encoder) {
        for set in [bounding, effective, permitted, inheritable, ambient] { encoder.put(set) }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init()
        bounding = try decoder.number()
        effective = try decoder.number()
        permitted = try decoder.number()
        inheritable = try decoder.number()
        ambient = try decoder.number()
    }
}

extension ResourceLimit: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(resource)
        encoder.put(soft)
        encoder.put(hard)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(resource: try decoder.number(), soft: try decoder.number(), hard: try decoder.number())
    }
}

extension TerminalSize: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(columns)
        encoder.put(rows)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(columns: try decoder.number(), rows: try decoder.number())
    }
}
