import Errors

@testable import ImageStore

/// Tar archives made of a fuzzer's bytes. Checksums and the lengths of PAX records would keep it out for ever: they can be
/// put right.
enum TarInput {
    /// What the first byte of an input chooses.
    enum Form: UInt8, CaseIterable {
        case asIs, sealed, records
    }

    static func archive(_ form: Form, _ body: UnsafeRawBufferPointer) -> [UInt8] {
        switch form {
        case .asIs: Array(body)
        case .sealed: sealed(Array(body))
        case .records: records(body)
        }
    }

    /// With the checksum of every header that a reader would come to.
    private static func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var at = 0
        while at + 512 <= bytes.count {
            seal(&bytes, at)
            var size = 0
            for byte in bytes[(at + 124)..<(at + 136)] where byte >= 0x30 && byte <= 0x37 {
                size = (size << 3 | Int(byte - 0x30)) & 0xfff_ffff
            }
            let hasData = [0, 0x30, 0x37, 0x53, 0x78, 0x67, 0x4b, 0x4c, 0x56].contains(bytes[at + 156])
            at += 512 + (hasData ? (size + 511) / 512 * 512 : 0)
        }
        return bytes
    }

    private static func seal(_ bytes: inout [UInt8], _ at: Int) {
        guard bytes[at..<(at + 512)].contains(where: { $0 != 0 }) else { return }
        for index in 148..<156 { bytes[at + index] = 0x20 }
        var sum = bytes[at..<(at + 512)].reduce(0) { $0 + Int($1) }
        bytes[at + 154] = 0
        for index in (148..<154).reversed() {
            bytes[at + index] = 0x30 + UInt8(sum & 7)
            sum >>= 3
        }
    }

    /// Lines `key=value` up to a NUL, as one extended header; what follows is the data of its entry.
    private static func records(_ body: UnsafeRawBufferPointer) -> [UInt8] {
        let end = body.firstIndex(of: 0) ?? body.count
        let data = Array(body[min(end + 1, body.count)...])
        return pax(body[..<end]) + entry("file", type: 0x30, data)
    }

    private static func pax(_ lines: some Collection<UInt8>) -> [UInt8] {
        var records: [UInt8] = []
        for line in lines.split(separator: 0x0a) {
            var length = line.count + 3
            while String(length).utf8.count + line.count + 2 != length {
                length = String(length).utf8.count + line.count + 2
            }
            records += Array("\(length) ".utf8) + line + [0x0a]
        }
        return entry("x", type: 0x78, records)
    }

    static func entry(
        _ name: String, type: UInt8, _ data: [UInt8] = [], link: String = "", mode: Int = 0o644,
        magic: String = "ustar\0"
    ) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: 512)
        func put(_ text: String, _ at: Int) { block.replaceSubrange(at..<(at + text.utf8.count), with: text.utf8) }
        put(String(name.prefix(100)), 0)
        put(String(mode, radix: 8), 100)
        put("0", 108)
        put("0", 116)
        put(String(data.count, radix: 8), 124)
        put("14000000000", 136)
        block[156] = type
        put(String(link.prefix(100)), 157)
        put(magic, 257)
        seal(&block, 0)
        return block + data + [UInt8](repeating: 0, count: (512 - data.count % 512) % 512)
    }

    // MARK: Seeds

    // Sizes just fit: one step away is too much.

    static var seeds: [[UInt8]] {
        let data = Array("some data".utf8)
        let kinds =
            entry("./", type: 0x35) + entry("dir/", type: 0x35, mode: 0o1777) + entry("dir/file", type: 0x30, data)
            + entry("dir/link", type: 0x32, link: "../etc") + entry("hard", type: 0x31, link: "dir/file")
            + entry("fifo", type: 0x36) + entry("null", type: 0x33) + entry("disk", type: 0x34)
            + entry("a/b/c", type: 0x30, data) + entry("old/", type: 0)
        let whiteouts =
            entry("dir/.wh.gone", type: 0x30) + entry("dir/.wh..wh..opq", type: 0x30) + entry(".wh.etc", type: 0x30)
            + entry(".wh..wh..opq", type: 0x30) + entry("etc", type: 0x30) + entry("etc/", type: 0x35)
            + entry("lower", type: 0x31, link: "etc/passwd")
        let escapes =
            entry("up", type: 0x32, link: "../outside") + entry("up/file", type: 0x30, data)
            + entry("../outside/file", type: 0x30, data) + entry("hard", type: 0x31, link: "up/file")
            + entry("up/", type: 0x35) + entry("up/.wh.file", type: 0x30)
        let long = Array(repeating: UInt8(ascii: "n"), count: 200)
        let gnu =
            entry("././@LongLink", type: 0x4c, long + [0]) + entry("x", type: 0x30)
            + entry("././@LongLink", type: 0x4b, long + [0]) + entry("y", type: 0x32) + entry("label", type: 0x56)
        let lists =
            pax("SCHILY.acl.default=user::rwx,user:7:r--,group::r-x,mask::rwx,other::r-x".utf8)
            + entry("d/", type: 0x35)
            + entry("d/one", type: 0x30) + entry("e", type: 0x30) + entry("d/two/three", type: 0x30)
            + pax("SCHILY.acl.default=user::rwx,user:daemon:r--,group::r-x,mask::rwx,other::r-x".utf8)
            + entry("etc/", type: 0x35) + entry("etc/passwd", type: 0x30, Array("daemon:x:9:9::/:\n".utf8))
        let paxes = [
            "path=a/b\nlinkpath=c\nsize=4\nuid=7\ngid=8\nmtime=-1.5\nhdrcharset=BINARY\ncomment=x",
            "SCHILY.xattr.user.a=1\nLIBARCHIVE.xattr.user.b%20=eA==\nSCHILY.xattr.security.capability=x",
            "SCHILY.acl.access=user::rw-,user:1:r--,group::r--,mask::rwx,other::r--",
            "SCHILY.acl.default=user::rwx,user:daemon:rwx:2,group::r-x,mask::rwx,other::r-x",
            "SCHILY.acl.access=user::rw-,user:daemon:r--,group::r--,group:daemon:r--,mask::rwx,other::r--",
            "GNU.sparse.size=9\nGNU.sparse.numblocks=1\nGNU.sparse.offset=5\nGNU.sparse.numbytes=4",
            "GNU.sparse.size=9\nGNU.sparse.map=0,1,6,3\nGNU.sparse.name=f",
            "GNU.sparse.major=1\nGNU.sparse.minor=0\nGNU.sparse.realsize=9",
        ].map { [Form.records.rawValue] + Array($0.utf8) + [0] + Array("data".utf8) }
        let text = Array("2\n0\n4\n6\n5\n".utf8)
        let sparse = text + [UInt8](repeating: 0, count: 512 - text.count) + data
        let one = [Form.records.rawValue] + Array("GNU.sparse.major=1\nGNU.sparse.realsize=11".utf8) + [0] + sparse
        let archives = [kinds, whiteouts, escapes, gnu, lists, oldSparse(data), kinds + whiteouts + escapes]
        return paxes + [one] + archives.map { [Form.sealed.rawValue] + $0 } + [[Form.asIs.rawValue] + kinds]
    }

    private static func oldSparse(_ data: [UInt8]) -> [UInt8] {
        var bytes = entry("sparse", type: 0x53, data, magic: "ustar  ")
        func put(_ value: Int, _ at: Int) {
            let text = Array(String(value, radix: 8).utf8)
            bytes.replaceSubrange(at..<(at + text.count), with: text)
        }
        for (index, value) in [0, 4, 6, 5].enumerated() { put(value, 386 + index * 12) }
        put(11, 483)
        var extended = bytes
        extended[482] = 1
        extended.insert(contentsOf: [UInt8](repeating: 0, count: 512), at: 512)
        return bytes + extended
    }
}
