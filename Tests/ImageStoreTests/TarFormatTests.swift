import Errors
import Foundation
import Glibc
import LinuxSystem
import Testing

@testable import ImageStore

/// What GNU tar and bsdtar write, in each of their formats, and what PAX records may say.
@Suite(needsRoot)
struct TarFormatTests {
    static let formats = ["v7", "oldgnu", "gnu", "ustar", "posix"]
    private static let hasBSDTar = isInstalled("bsdtar")

    /// Every kind of file, as far as the format can hold it.
    private func makeTree(_ root: String, _ format: String) throws {
        let long = String(repeating: "d", count: 70)
        var lines = [
            "cd \(root)", "mkdir -p a/b c", "echo text >a/b/file", "chmod 4711 a/b/file", "ln a/b/file c/link",
            "ln -s ../a/b/file c/symlink", "chmod 1777 c", "chown 7:8 c", "printf '' >empty", "touch -d @0 empty",
            "mkdir -m 700 only", "chown 100000:100001 a/b", "touch -d @1234567890 a/b",
        ]
        if format != "v7" {
            lines += [
                "mknod c/null c 1 3", "mknod c/disk b 8 300", "mkfifo c/fifo", "mkdir -p \(long)/\(long)",
                "echo x >\(long)/\(long)/\(String(repeating: "f", count: 60))", "chown -h 5:6 c/symlink",
            ]
        }
        if format != "v7", format != "ustar" {
            let target = String(repeating: "t", count: 300)
            lines += [
                "mkdir -p \(long)/\(long)/\(long)", "echo x >\(long)/\(long)/\(long)/\(long)",
                "ln -s \(target) long-target", "ln \(long)/\(long)/\(long)/\(long) long-link",
                "chown 3000000000:3000000001 only",
                "touch \"$(printf 'not\\377text\\001')\"", "touch \"$(printf 'line\\nbreak')\"",
            ]
        }
        if format == "posix" { lines.append("touch -d @1700000000.123456789 empty") }
        try run("sh", "-ec", lines.joined(separator: "\n"))
    }

    @Test(arguments: formats)
    func readsGNUTar(_ format: String) throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeTree(source, format)
        // bsdtar cannot write such times.
        if ["gnu", "oldgnu", "posix"].contains(format) {
            try run("sh", "-ec", "cd \(source); touch -d @-86400.5 a; touch -d @12345678901 only")
        }
        let tree = try fixture.unpack(try fixture.tar(source, "--format=\(format)"))
        let nanoseconds = format == "posix"
        expectSame(
            try fixture.listing(tree, nanoseconds: nanoseconds), try fixture.listing(source, nanoseconds: nanoseconds))
    }

    @Test(.enabled(if: hasBSDTar, "bsdtar is not installed"), arguments: ["ustar", "gnutar", "pax", "v7"])
    func readsBSDTar(_ format: String) throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeTree(source, format == "gnutar" ? "gnu" : format == "pax" ? "posix" : format)
        let archive = try fixture.output(["bsdtar", "-C", source, "--format=\(format)", "-cf", "-", "."])
        let tree = try fixture.unpack(archive)
        let nanoseconds = format == "pax"
        expectSame(
            try fixture.listing(tree, nanoseconds: nanoseconds), try fixture.listing(source, nanoseconds: nanoseconds))
    }

    @Test func readsStarsNumbersAndGNUsLongNamesInHeaders() throws {
        var header = TarWriter.header(.file("f"))
        // Base 256: 2^40 - 1 as the time, -2 as the time.
        header.replaceSubrange(136..<148, with: [0x80, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff])
        var negative = TarWriter.header(.file("g"))
        negative.replaceSubrange(136..<148, with: [UInt8](repeating: 0xff, count: 11) + [0xfe])
        let reader = TarReader(
            MemorySource(TarWriter.sealed(header) + TarWriter.sealed(negative)), limits: ImageLimits())
        #expect(try reader.next()?.modified == FileTime(seconds: 1 << 40 - 1))
        #expect(try reader.next()?.modified == FileTime(seconds: -2))
        #expect(try reader.next() == nil)
    }

    /// Some old writers summed signed bytes.
    @Test func takesBothKindsOfChecksum() throws {
        var header = TarWriter.header(.file("x"))
        for index in 148..<156 { header[index] = 0x20 }
        header.replaceSubrange(0..<99, with: [UInt8](repeating: 0x41, count: 90) + [UInt8](repeating: 0xff, count: 9))
        for sum in [header.reduce(0) { $0 + Int($1) }, header.reduce(0) { $0 + Int(Int8(bitPattern: $1)) }] {
            var block = header
            let digits = Array(String(sum, radix: 8).utf8)
            block.replaceSubrange(148..<156, with: [UInt8](repeating: 0x30, count: 7 - digits.count) + digits + [0])
            #expect(try TarReader(MemorySource(block), limits: ImageLimits()).next()?.name.count == 99)
            block[0] ^= 1
            #expect(throws: SwiftletError.self) { try TarReader(MemorySource(block), limits: ImageLimits()).next() }
        }
    }

    // MARK: PAX records

    private func entry(_ records: [(String, String)], global: [(String, String)] = []) throws -> TarEntry {
        var archive: [UInt8] = []
        if !global.isEmpty {
            let data = global.flatMap { TarWriter.record($0.0, Array($0.1.utf8)) }
            archive += TarWriter.header(.init(name: "g", type: "g", data: data)) + TarWriter.padded(data)
        }
        TarWriter.append(.init(name: "header", uid: 5, pax: records.map { ($0.0, Array($0.1.utf8)) }), to: &archive)
        return try #require(try TarReader(MemorySource(archive), limits: ImageLimits()).next())
    }

    @Test(arguments: [
        ("1.5", FileTime(seconds: 1, nanoseconds: 500_000_000)), ("0", FileTime(seconds: 0)),
        ("-1.5", FileTime(seconds: -2, nanoseconds: 500_000_000)), ("-1", FileTime(seconds: -1)),
        ("-0.000000001", FileTime(seconds: -1, nanoseconds: 999_999_999)), ("7.", FileTime(seconds: 7)),
        ("3.1234567899", FileTime(seconds: 3, nanoseconds: 123_456_789)),
        ("12.000000001", FileTime(seconds: 12, nanoseconds: 1)),
    ])
    func readsTimes(_ text: String, _ expected: FileTime) throws {
        #expect(try entry([("mtime", text)]).modified == expected)
    }

    @Test(arguments: ["", "x", "1e3", "--1", "1.2.3", ".5", "-", "1.5x", " 1", "99999999999999", "+1"])
    func refusesTimes(_ text: String) throws {
        // An empty value takes back what was said: the header's own counts.
        if text.isEmpty {
            #expect(try entry([("mtime", "5"), ("mtime", "")]).modified == FileTime(seconds: 1_700_000_000))
        } else {
            #expect(throws: SwiftletError.self) { try entry([("mtime", text)]) }
        }
    }

    @Test func joinsRecords() throws {
        let plain = try entry([
            ("comment", "x"), ("hdrcharset", "BINARY"), ("GNU.volume.label", "l"), ("GNU.volume.size", "no number"),
            ("atime", "junk"), ("ctime", "1"), ("uname", "root"), ("SCHILY.dev", "1"), ("LIBARCHIVE.creationtime", "2"),
            ("SCHILY.acl.ace", "owner@:rwx::allow"), ("path", "real"), ("gid", "9"),
        ])
        #expect(plain.name == Array("real".utf8) && plain.uid == 5 && plain.gid == 9 && !plain.isSparse)
        let global = try entry([("gid", "10")], global: [("uid", "7"), ("gid", "8"), ("mtime", "4")])
        #expect(global.uid == 7 && global.gid == 10 && global.modified == FileTime(seconds: 4))
        #expect(try entry([("uid", "")], global: [("uid", "7")]).uid == 5)
        #expect(try !entry([], global: [("GNU.sparse.size", "5"), ("GNU.sparse.map", "0,5")]).isSparse)
    }

    @Test(arguments: [
        "", "5", "5 a=", "x a=b\n", "7 a=bc", "9 a=b\n", "1 a=b\n", "99999999999 a=b\n", "6 ab\n\n", "6 =ab\n",
        " 6 a=b\n",
        "-6 a=b\n", "4 a\n\n", "18446744073709551617 a=b\n",
    ])
    func refusesMalformedRecords(_ text: String) throws {
        let data = Array(text.utf8)
        let archive = TarWriter.header(.init(name: "x", type: "x", data: data)) + TarWriter.padded(data)
        let reader = TarReader(MemorySource(archive + TarWriter.header(.file("f"))), limits: ImageLimits())
        if text.isEmpty {
            #expect(try reader.next() != nil)
        } else {
            let error = #expect(throws: SwiftletError.self) { try reader.next() }
            #expect(error?.message.contains("PAX") == true)
        }
    }

    // MARK: Extended attributes

    @Test func readsBothSpellings() throws {
        let read = try entry([
            ("SCHILY.xattr.user.a", "one"), ("LIBARCHIVE.xattr.user.b%20c%25", "dHdv"),
            ("LIBARCHIVE.xattr.user.d", "eA=="),
            ("LIBARCHIVE.xattr.user.e", "eHk"), ("SCHILY.xattr.user.f", ""), ("LIBARCHIVE.xattr.user.a", "dGhyZWU"),
        ])
        let values = read.extendedAttributes.map {
            (String(decoding: $0.name, as: UTF8.self), String(decoding: $0.value, as: UTF8.self))
        }
        #expect(values.map(\.0) == ["user.b c%", "user.d", "user.e", "user.f", "user.a"])
        #expect(values.map(\.1) == ["two", "x", "xy", "", "three"])
        for bad in [("user.a%2", "eA"), ("user.a%zz", "eA"), ("user.a", "e"), ("user.a", "eA=x"), ("user.a", "*A")] {
            #expect(throws: SwiftletError.self, "\(bad)") { try entry([("LIBARCHIVE.xattr.\(bad.0)", bad.1)]) }
        }
    }

    @Test(.enabled(if: hasBSDTar, "bsdtar is not installed"), arguments: ["--xattrs", "--no-xattrs"])
    func keepsAttributesOfBSDTar(_ option: String) throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try run("sh", "-ec", "cd \(source); mkdir d; echo x >f; mkfifo p")
        let folder = try Directory(path: source)
        for (name, attribute) in [("f", "user.b"), ("f", "user.c-d"), ("d", "user.d")] {
            try folder.setExtendedAttribute(FileName(name), FileName(attribute), [0, 1, 0xff, 0x0a, 0x3d])
        }
        let archive = try fixture.output(["bsdtar", "-C", source, option, "--format=pax", "-cf", "-", "."])
        let tree = try fixture.unpack(archive)
        if option == "--xattrs" {
            expectSame(try fixture.listing(tree), try fixture.listing(source))
        } else {
            #expect(try fixture.listing(tree) != fixture.listing(source))
        }
    }

    @Test func limitsAttributes() throws {
        var limits = ImageLimits()
        limits.attributeCount = 3
        limits.attributeBytes = 100
        func read(_ records: [(String, String)]) throws {
            var archive: [UInt8] = []
            for (key, value) in records {
                // Each in a header of its own: they all belong to one entry.
                let record = TarWriter.record(key, Array(value.utf8))
                archive += TarWriter.header(.init(name: "x", type: "x", data: record)) + TarWriter.padded(record)
            }
            archive += TarWriter.header(.file("f"))
            _ = try TarReader(MemorySource(archive), limits: limits).next()
        }
        let three = (0..<3).map { ("SCHILY.xattr.user.\($0)", "v") }
        try read(three)
        try read((0..<20).map { _ in ("SCHILY.xattr.user.same", String(repeating: "v", count: 89)) })
        let many = #expect(throws: SwiftletError.self) { try read(three + [("LIBARCHIVE.xattr.user.3", "eA")]) }
        #expect(many?.code == .resourceExhausted && many?.hint?.contains("xattr-count") == true)
        let large = #expect(throws: SwiftletError.self) {
            try read([("SCHILY.xattr.user.same", String(repeating: "v", count: 92))])
        }
        #expect(large?.code == .resourceExhausted && large?.hint?.contains("xattr-size") == true)
    }
}
