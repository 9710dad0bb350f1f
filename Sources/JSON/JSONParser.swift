import Errors

extension JSONValue {
    /// Parses exactly one document. Stricter than most readers, because what it reads is hostile: a key twice in one
    /// object, nesting deeper than `maxDepth`, invalid UTF-8, lone surrogates and trailing bytes are errors, each naming
    /// the byte offset. A value takes up to some hundred bytes of memory, however few it has in the text: `maxValues` bounds
    /// their number. Errors: `invalidArgument`.
    public static func parse(
        _ bytes: some Collection<UInt8>, maxDepth: Int = 128, maxValues: Int = .max
    ) throws(SwiftletError) -> JSONValue {
        let result: Result<JSONValue, SwiftletError>? = bytes.withContiguousStorageIfAvailable { buffer in
            parseDocument(buffer, maxDepth: maxDepth, maxValues: maxValues)
        }
        if let result { return try result.get() }
        let copy = Array(bytes)
        return try copy.withUnsafeBufferPointer {
            parseDocument($0, maxDepth: maxDepth, maxValues: maxValues)
        }.get()
    }

    public static func parse(_ text: String, maxDepth: Int = 128) throws(SwiftletError) -> JSONValue {
        try parse(text.utf8, maxDepth: maxDepth)
    }

    private static func parseDocument(
        _ buffer: UnsafeBufferPointer<UInt8>, maxDepth: Int, maxValues: Int
    ) -> Result<JSONValue, SwiftletError> {
        var parser = JSONParser(bytes: buffer, maxDepth: maxDepth, maxValues: maxValues)
        return Result { () throws(SwiftletError) in try parser.document() }
    }
}

private struct JSONParser {
    let bytes: UnsafeBufferPointer<UInt8>
    let maxDepth: Int
    let maxValues: Int
    var at = 0
    private var values = 0

    init(bytes: UnsafeBufferPointer<UInt8>, maxDepth: Int, maxValues: Int) {
        self.bytes = bytes
        self.maxDepth = maxDepth
        self.maxValues = maxValues
    }

    mutating func document() throws(SwiftletError) -> JSONValue {
        let value = try value(depth: 0)
        skipSpace()
        guard at == bytes.count else { throw fault("unexpected bytes after the document") }
        return value
    }

    func fault(_ what: String) -> SwiftletError {
        SwiftletError(.invalidArgument, "not valid JSON: \(what) at byte \(at)")
    }

    var next: UInt8? { at < bytes.count ? bytes[at] : nil }

    mutating func skipSpace() {
        while at < bytes.count, bytes[at] == 0x20 || bytes[at] == 0x0a || bytes[at] == 0x0d || bytes[at] == 0x09 {
            at += 1
        }
    }

    mutating func value(depth: Int) throws(SwiftletError) -> JSONValue {
        values += 1
        guard values <= maxValues else { throw fault("more than \(maxValues) values") }
        skipSpace()
        guard let first = next else { throw fault("the text ends where a value should be") }
        switch first {
        case UInt8(ascii: "{"): return try object(depth: depth + 1)
        case UInt8(ascii: "["): return try array(depth: depth + 1)
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number()
        default: throw fault("no value begins with this byte")
        }
    }

    mutating func literal(_ word: StaticString, _ value: JSONValue) throws(SwiftletError) -> JSONValue {
        for offset in 0..<word.utf8CodeUnitCount {
            guard at + offset < bytes.count, bytes[at + offset] == word.utf8Start[offset] else {
                throw fault("unknown word (\(word)?)")
            }
        }
        at += word.utf8CodeUnitCount
        return value
    }

    mutating func object(depth: Int) throws(SwiftletError) -> JSONValue {
        guard depth <= maxDepth else { throw fault("nested deeper than \(maxDepth)") }
        at += 1
        var members: [String: JSONValue] = [:]
        skipSpace()
        if next == UInt8(ascii: "}") {
            at += 1
            return .object(members)
        }
        while true {
            skipSpace()
            guard next == UInt8(ascii: "\"") else { throw fault("a key in quotes is expected") }
            let key = try string()
            skipSpace()
            guard next == UInt8(ascii: ":") else { throw fault("':' is expected after a key") }
            at += 1
            let value = try value(depth: depth)
            guard members.updateValue(value, forKey: key) == nil else {
                throw fault("key \"\(printable(key, limit: 64))\" stands twice in one object")
            }
            skipSpace()
            switch next {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "}"):
                at += 1
                return .object(members)
            default: throw fault("',' or '}' is expected")
            }
        }
    }

    mutating func array(depth: Int) throws(SwiftletError) -> JSONValue {
        guard depth <= maxDepth else { throw fault("nested deeper than \(maxDepth)") }
        at += 1
        var elements: [JSONValue] = []
        skipSpace()
        if next == UInt8(ascii: "]") {
            at += 1
            return .array(elements)
        }
        while true {
            elements.append(try value(depth: depth))
            skipSpace()
            switch next {
            case UInt8(ascii: ","): at += 1
            case UInt8(ascii: "]"):
                at += 1
                return .array(elements)
            default: throw fault("',' or ']' is expected")
            }
        }
    }

    mutating func digits() throws(SwiftletError) {
        let start = at
        while let byte = next, byte >= UInt8(ascii: "0"), byte <= UInt8(ascii: "9") { at += 1 }
        guard at > start else { throw fault("a digit is expected") }
    }

    mutating func number() throws(SwiftletError) -> JSONValue {
        let start = at
        if next == UInt8(ascii: "-") { at += 1 }
        let first = at
        try digits()
        guard bytes[first] != UInt8(ascii: "0") || at == first + 1 else { throw fault("a number may not begin with 0") }
        var whole = true
        if next == UInt8(ascii: ".") {
            whole = false
            at += 1
            try digits()
        }
        if next == UInt8(ascii: "e") || next == UInt8(ascii: "E") {
            whole = false
            at += 1
            if next == UInt8(ascii: "+") || next == UInt8(ascii: "-") { at += 1 }
            try digits()
        }
        guard at - start <= 400 else { throw fault("a number of over 400 digits") }
        let text = String(decoding: bytes[start..<at], as: UTF8.self)
        if whole, let value = Int64(text) { return .int(value) }
        guard let value = Double(text), value.isFinite else { throw fault("number out of range") }
        return .double(value)
    }

    mutating func string() throws(SwiftletError) -> String {
        at += 1
        let start = at
        while let byte = next, byte != UInt8(ascii: "\""), byte != UInt8(ascii: "\\"), byte >= 0x20 { at += 1 }
        if next == UInt8(ascii: "\"") {
            defer { at += 1 }
            return try text(bytes[start..<at])
        }
        var buffer = Array(bytes[start..<at])
        while true {
            guard let byte = next else { throw fault("the text ends inside a string") }
            at += 1
            switch byte {
            case UInt8(ascii: "\""):
                return try buffer.withUnsafeBufferPointer { (all) throws(SwiftletError) in try text(all[...]) }
            case UInt8(ascii: "\\"): try escape(into: &buffer)
            case 0..<0x20: throw fault("a control character inside a string")
            default: buffer.append(byte)
            }
        }
    }

    func text(_ slice: Slice<UnsafeBufferPointer<UInt8>>) throws(SwiftletError) -> String {
        guard let text = String(validating: slice, as: UTF8.self) else {
            throw fault("invalid UTF-8 in the string before")
        }
        return text
    }

    mutating func escape(into buffer: inout [UInt8]) throws(SwiftletError) {
        guard let byte = next else { throw fault("the text ends inside a string") }
        at += 1
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): buffer.append(byte)
        case UInt8(ascii: "b"): buffer.append(8)
        case UInt8(ascii: "f"): buffer.append(12)
        case UInt8(ascii: "n"): buffer.append(10)
        case UInt8(ascii: "r"): buffer.append(13)
        case UInt8(ascii: "t"): buffer.append(9)
        case UInt8(ascii: "u"):
            var code = try hex4()
            if code >= 0xd800, code < 0xdc00, next == UInt8(ascii: "\\"), at + 1 < bytes.count,
                bytes[at + 1] == UInt8(ascii: "u")
            {
                at += 2
                let low = try hex4()
                guard low >= 0xdc00, low < 0xe000 else { throw fault("a lone surrogate") }
                code = 0x10000 + (code - 0xd800) << 10 + (low - 0xdc00)
            }
            guard let scalar = Unicode.Scalar(code) else { throw fault("a lone surrogate") }
            buffer.append(contentsOf: UTF8.encode(scalar).map { Array($0) } ?? [])
        default: throw fault("unknown escape")
        }
    }

    mutating func hex4() throws(SwiftletError) -> UInt32 {
        guard at + 4 <= bytes.count else { throw fault("the text ends inside an escape") }
        var code: UInt32 = 0
        for _ in 0..<4 {
            guard let digit = Character(Unicode.Scalar(bytes[at])).hexDigitValue else {
                throw fault("not a hexadecimal digit")
            }
            code = code << 4 | UInt32(digit)
            at += 1
        }
        return code
    }
}
