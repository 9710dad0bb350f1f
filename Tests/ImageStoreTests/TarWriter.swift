/// Writes tar archives for tests, good and bad ones.
struct TarWriter {
    struct Entry {
        var name: String
        var type: Character = "0"
        var data: [UInt8] = []
        var mode = 0o644
        var uid = 0
        var gid = 0
        var mtime = 1_700_000_000
        var link = ""
        var device = (0, 0)
        var pax: [(String, [UInt8])] = []
        /// Written in the header instead of the data's.
        var size: Int?

        static func file(_ name: String, _ text: String = "", mode: Int = 0o644) -> Entry {
            Entry(name: name, data: Array(text.utf8), mode: mode)
        }
        static func directory(_ name: String, mode: Int = 0o755) -> Entry { Entry(name: name, type: "5", mode: mode) }
        static func symlink(_ name: String, _ target: String) -> Entry { Entry(name: name, type: "2", link: target) }
        static func hardLink(_ name: String, _ target: String) -> Entry { Entry(name: name, type: "1", link: target) }
    }

    static func archive(_ entries: [Entry], trailer: Bool = true) -> [UInt8] {
        var out: [UInt8] = []
        for entry in entries { append(entry, to: &out) }
        if trailer { out += [UInt8](repeating: 0, count: 1024) }
        return out
    }

    static func append(_ entry: Entry, to out: inout [UInt8]) {
        if !entry.pax.isEmpty {
            let records = entry.pax.flatMap { record($0.0, $0.1) }
            out += header(Entry(name: "pax", type: "x", data: records)) + padded(records)
        }
        out += header(entry) + padded(entry.data)
    }

    static func record(_ key: String, _ value: [UInt8]) -> [UInt8] {
        let body = Array(" \(key)=".utf8) + value + [0x0a]
        var length = body.count
        while String(length).utf8.count + body.count != length { length = String(length).utf8.count + body.count }
        return Array(String(length).utf8) + body
    }

    static func padded(_ bytes: [UInt8]) -> [UInt8] {
        bytes + [UInt8](repeating: 0, count: (512 - bytes.count % 512) % 512)
    }

    static func header(_ entry: Entry) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ bytes: some Sequence<UInt8>, _ at: Int, _ limit: Int) {
            for (index, byte) in bytes.prefix(limit).enumerated() { block[at + index] = byte }
        }
        func octal(_ value: Int, _ at: Int, _ length: Int) {
            let digits = String(value, radix: 8)
            put((String(repeating: "0", count: max(0, length - 1 - digits.count)) + digits).utf8, at, length - 1)
        }
        put(entry.name.utf8, 0, 100)
        octal(entry.mode, 100, 8)
        octal(entry.uid, 108, 8)
        octal(entry.gid, 116, 8)
        octal(entry.size ?? entry.data.count, 124, 12)
        octal(entry.mtime, 136, 12)
        block[156] = entry.type.asciiValue ?? 0
        put(entry.link.utf8, 157, 100)
        put("ustar\u{0}00".utf8, 257, 8)
        octal(entry.device.0, 329, 8)
        octal(entry.device.1, 337, 8)
        return sealed(block)
    }

    static func sealed(_ header: [UInt8]) -> [UInt8] {
        var block = header
        for index in 148..<156 { block[index] = 0x20 }
        let sum = block.reduce(0) { $0 + Int($1) }
        let text = String(sum, radix: 8)
        let digits = Array((String(repeating: "0", count: 6 - text.count) + text).utf8) + [0, 0x20]
        block.replaceSubrange(148..<156, with: digits)
        return block
    }
}
