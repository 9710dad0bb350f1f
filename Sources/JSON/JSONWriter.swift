extension JSONValue {
    /// The document as UTF-8, keys sorted: the same value gives the same bytes. `indent` spaces a level and a line an
    /// element; nil for one line.
    public func serialized(indent: Int? = nil) -> [UInt8] {
        var out: [UInt8] = []
        write(into: &out, indent: indent, level: 0)
        return out
    }

    /// `serialized` as a string.
    public func text(indent: Int? = nil) -> String { String(decoding: serialized(indent: indent), as: UTF8.self) }

    private func write(into out: inout [UInt8], indent: Int?, level: Int) {
        switch self {
        case .null: out += "null".utf8
        case .bool(let value): out += (value ? "true" : "false").utf8
        case .int(let value): out += String(value).utf8
        case .double(let value): out += JSONValue.number(value).utf8
        case .string(let value): JSONValue.quote(value, into: &out)
        case .array(let elements):
            JSONValue.list("[", "]", elements.count, into: &out, indent: indent, level: level) { index, out in
                elements[index].write(into: &out, indent: indent, level: level + 1)
            }
        case .object(let members):
            let sorted = members.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
            JSONValue.list("{", "}", sorted.count, into: &out, indent: indent, level: level) { index, out in
                JSONValue.quote(sorted[index].key, into: &out)
                out += (indent == nil ? ":" : ": ").utf8
                sorted[index].value.write(into: &out, indent: indent, level: level + 1)
            }
        }
    }

    /// JSON has no infinities: they become null, as JavaScript does.
    private static func number(_ value: Double) -> String {
        guard value.isFinite else { return "null" }
        if let whole = Int64(exactly: value) { return String(whole) }
        return "\(value)"
    }

    private static func list(
        _ open: String, _ close: String, _ count: Int, into out: inout [UInt8], indent: Int?, level: Int,
        element: (Int, inout [UInt8]) -> Void
    ) {
        out += open.utf8
        for index in 0..<count {
            if index > 0 { out.append(UInt8(ascii: ",")) }
            if let indent { newline(indent * (level + 1), into: &out) }
            element(index, &out)
        }
        if let indent, count > 0 { newline(indent * level, into: &out) }
        out += close.utf8
    }

    private static func newline(_ spaces: Int, into out: inout [UInt8]) {
        out.append(0x0a)
        out.append(contentsOf: repeatElement(0x20, count: spaces))
    }

    private static func quote(_ text: String, into out: inout [UInt8]) {
        out.append(UInt8(ascii: "\""))
        if text.utf8.allSatisfy({ $0 < 0x80 }) {
            for byte in text.utf8 { quote(byte, into: &out) }
        } else {
            for scalar in text.unicodeScalars {
                if isUnsafeToShow(scalar) {
                    escape(UInt16(scalar.value), into: &out)
                } else if scalar.value < 0x80 {
                    quote(UInt8(scalar.value), into: &out)
                } else {
                    out += UTF8.encode(scalar).map { Array($0) } ?? []
                }
            }
        }
        out.append(UInt8(ascii: "\""))
    }

    private static func quote(_ byte: UInt8, into out: inout [UInt8]) {
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"): out += [UInt8(ascii: "\\"), byte]
        case 0x0a: out += "\\n".utf8
        case 0x0d: out += "\\r".utf8
        case 0x09: out += "\\t".utf8
        case 0..<0x20, 0x7f: escape(UInt16(byte), into: &out)
        default: out.append(byte)
        }
    }

    /// What terminals obey or turn text around by: JSON is printed for people, too.
    private static func isUnsafeToShow(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x80..<0xa0, 0x61c, 0x200b...0x200f, 0x2028...0x202e, 0x2060...0x206f, 0xfeff: true
        default: false
        }
    }

    private static func escape(_ value: UInt16, into out: inout [UInt8]) {
        let hex = Array("0123456789abcdef".utf8)
        out += "\\u".utf8
        for shift in [12, 8, 4, 0] { out.append(hex[Int(value >> UInt16(shift)) & 15]) }
    }
}

extension JSONValue: CustomStringConvertible {
    public var description: String { text() }
}
