import Errors
import LinuxSystem

extension IDMapping: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(users)
        encoder.put(groups)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(users: try decoder.array(), groups: try decoder.array())
    }
}

extension IDRange: WireValue {
    public func encode(into encoder: inout Encoder) {
        for number in [inside, outside, count] { encoder.put(number) }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(inside: try decoder.number(), outside: try decoder.number(), count: try decoder.number())
    }
}
