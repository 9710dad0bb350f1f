import Errors

extension MountPlan: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(source)
        encoder.put(destination)
        encoder.put(attributes.rawValue)
        encoder.put(propagation)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        let source = try decoder.value(Source.self)
        let destination = try decoder.string()
        let attributes = Attributes(rawValue: try decoder.number())
        self.init(source, at: destination, attributes: attributes, propagation: try decoder.value())
    }
}

extension MountPlan.Source: WireValue {
    public func encode(into encoder: inout Encoder) {
        switch self {
        case .filesystem(let type, let source, let options):
            encoder.put(UInt8(1))
            encoder.put(type)
            encoder.put(source)
            encoder.put(options)
        case .bind(let path, let beneath, let recursive):
            encoder.put(UInt8(2))
            encoder.put(path)
            encoder.put(beneath)
            encoder.put(recursive)
        case .layers(let folder, let lowers, let beneath):
            encoder.put(UInt8(3))
            encoder.put(folder)
            encoder.put(lowers)
            encoder.put(beneath)
        }
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        switch try decoder.number(UInt8.self) {
        case 1:
            self = .filesystem(
                type: try decoder.string(), source: try decoder.string(), options: try decoder.array())
        case 2:
            self = .bind(
                path: try decoder.string(), beneath: try decoder.optional(), recursive: try decoder.bool())
        case 3:
            self = .layers(
                folder: try decoder.string(), lowers: try decoder.array(), beneath: try decoder.optional())
        default: throw decoder.malformed("unknown kind of mount")
        }
    }
}

extension MountPlan.Option: WireValue {
    public func encode(into encoder: inout Encoder) {
        encoder.put(name)
        encoder.put(value)
    }

    public init(from decoder: inout Decoder) throws(SwiftletError) {
        self.init(try decoder.string(), try decoder.string())
    }
}
