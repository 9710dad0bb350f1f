/// Which device nodes a cgroup's processes may make, read and write.
public struct DeviceRule: Sendable, Hashable {
    public enum Kind: UInt32, Sendable { case block = 1, character = 2 }

    /// BPF_DEVCG_ACC_* of linux/bpf.h.
    public struct Access: OptionSet, Sendable, Hashable {
        public let rawValue: UInt32
        public init(rawValue: UInt32) { self.rawValue = rawValue }
        public static let make = Access(rawValue: 1)
        public static let read = Access(rawValue: 2)
        public static let write = Access(rawValue: 4)
        public static let all: Access = [.make, .read, .write]
    }

    public var kind: Kind
    /// nil for every number.
    public var major: UInt32?
    public var minor: UInt32?
    public var access: Access

    public init(_ kind: Kind, _ major: UInt32?, _ minor: UInt32?, _ access: Access) {
        self.kind = kind
        self.major = major
        self.minor = minor
        self.access = access
    }

    /// What every container may: make any node, for that alone opens nothing, and use the harmless ones and terminals.
    public static let standard: [DeviceRule] =
        [DeviceRule(.character, nil, nil, .make), DeviceRule(.block, nil, nil, .make)]
        + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map {
            DeviceRule(.character, $0.0, $0.1, .all)
        }
        + [DeviceRule(.character, 136, nil, .all)]
}

extension DeviceRule {
    /// The rules as a BPF program of type cgroup device (linux/bpf.h, `struct bpf_cgroup_dev_ctx`): 1 allows, 0 forbids.
    /// The first rule that covers all of what is asked for allows it; what no rule covers is forbidden.
    static func program(_ rules: [DeviceRule]) -> [UInt64] {
        typealias Op = DeviceInstruction
        // r2 kind, r3 access, r4 major, r5 minor; r1, the context, is free after that.
        var program = [
            Op.load(2, from: 1, offset: 0), Op.load(3, from: 1, offset: 0), Op.load(4, from: 1, offset: 4),
            Op.load(5, from: 1, offset: 8), Op.and(2, 0xffff), Op.shiftRight(3, 16),
        ]
        for rule in rules {
            // Each test jumps over what is left of its rule; `rest` counts that.
            var tests: [(Int16) -> UInt64] = [{ Op.jumpUnlessEqual(2, Int32(rule.kind.rawValue), over: $0) }]
            if rule.access != .all {
                tests.append { _ in Op.move(1, from: 3) }
                tests.append { _ in Op.and(1, Int32(rule.access.rawValue)) }
                tests.append { Op.jumpUnlessSame(1, 3, over: $0) }
            }
            if let major = rule.major { tests.append { Op.jumpUnlessEqual(4, Int32(bitPattern: major), over: $0) } }
            if let minor = rule.minor { tests.append { Op.jumpUnlessEqual(5, Int32(bitPattern: minor), over: $0) } }
            for (index, test) in tests.enumerated() { program.append(test(Int16(tests.count - index - 1 + 2))) }
            program += [Op.set(0, 1), Op.exit]
        }
        return program + [Op.set(0, 0), Op.exit]
    }
}

/// `struct bpf_insn`, little-endian: opcode, registers, offset, immediate. Comparisons of 32-bit numbers only.
enum DeviceInstruction {
    static func load(_ target: UInt8, from source: UInt8, offset: Int16) -> UInt64 {
        make(0x61, target, source, offset, 0)
    }
    static func move(_ target: UInt8, from source: UInt8) -> UInt64 { make(0xbc, target, source, 0, 0) }
    static func and(_ target: UInt8, _ value: Int32) -> UInt64 { make(0x54, target, 0, 0, value) }
    static func shiftRight(_ target: UInt8, _ count: Int32) -> UInt64 { make(0x74, target, 0, 0, count) }
    static func set(_ target: UInt8, _ value: Int32) -> UInt64 { make(0xb7, target, 0, 0, value) }
    static func jumpUnlessEqual(_ left: UInt8, _ value: Int32, over: Int16) -> UInt64 {
        make(0x56, left, 0, over, value)
    }
    static func jumpUnlessSame(_ left: UInt8, _ right: UInt8, over: Int16) -> UInt64 {
        make(0x5e, left, right, over, 0)
    }
    static let exit = make(0x95, 0, 0, 0, 0)

    private static func make(_ code: UInt8, _ target: UInt8, _ source: UInt8, _ offset: Int16, _ value: Int32) -> UInt64
    {
        UInt64(code) | UInt64(target) << 8 | UInt64(source) << 12 | UInt64(UInt16(bitPattern: offset)) << 16
            | UInt64(UInt32(bitPattern: value)) << 32
    }
}
