import Testing

@testable import Cgroups

/// Runs a device program as the kernel would, as far as ours go.
private func run(_ program: [UInt64], kind: UInt32, access: UInt32, major: UInt32, minor: UInt32) -> UInt32? {
    var registers = [UInt32](repeating: 0, count: 11)
    let context = [access << 16 | kind, major, minor]
    var next = 0
    while program.indices.contains(next) {
        let word = program[next]
        next += 1
        let (target, source) = (Int(word >> 8 & 15), Int(word >> 12 & 15))
        let offset = Int(Int16(truncatingIfNeeded: word >> 16))
        let value = UInt32(truncatingIfNeeded: word >> 32)
        switch word & 0xff {
        case 0x61: registers[target] = context[offset / 4]
        case 0xbc: registers[target] = registers[source]
        case 0x54: registers[target] &= value
        case 0x74: registers[target] >>= value
        case 0xb7: registers[target] = value
        case 0x56: if registers[target] != value { next += offset }
        case 0x5e: if registers[target] != registers[source] { next += offset }
        case 0x95: return registers[0]
        default: return nil
        }
    }
    return nil
}

struct DeviceRuleTests {
    static let rules =
        DeviceRule.standard + [DeviceRule(.block, 8, 1, [.read]), DeviceRule(.character, 10, nil, [.read, .write])]
    static let program = DeviceRule.program(rules)

    @Test(
        arguments: [
            (2, 4, 1, 3, true), (2, 7, 1, 3, true), (2, 6, 136, 99, true), (2, 1, 77, 77, true), (1, 1, 8, 0, true),
            (2, 2, 1, 1, false), (1, 2, 1, 3, false), (1, 2, 8, 0, false), (1, 3, 8, 0, false), (1, 2, 8, 1, true),
            (1, 6, 8, 1, false), (1, 4, 8, 1, false), (2, 6, 10, 200, true), (2, 7, 10, 200, false),
            (2, 6, 5, 3, false),
        ] as [(UInt32, UInt32, UInt32, UInt32, Bool)])
    func allowsWhatARuleCovers(_ kind: UInt32, _ access: UInt32, _ major: UInt32, _ minor: UInt32, _ allowed: Bool) {
        #expect(run(Self.program, kind: kind, access: access, major: major, minor: minor) == (allowed ? 1 : 0))
    }

    @Test func noRulesForbidAll() {
        #expect(run(DeviceRule.program([]), kind: 2, access: 1, major: 1, minor: 3) == 0)
    }
}
