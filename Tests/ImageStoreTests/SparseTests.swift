import Errors
import Foundation
import Glibc
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct SparseTests {
    private static let formats: [[String]] = [
        ["--format=gnu"], ["--format=oldgnu"], ["--format=posix", "--sparse-version=0.0"],
        ["--format=posix", "--sparse-version=0.1"], ["--format=posix", "--sparse-version=1.0"],
    ]

    private static func block(_ count: Int, _ seed: UInt8) -> [UInt8] { (0..<count).map { UInt8($0 & 0x3f) | seed } }

    /// Files with holes at the start, in the middle, at the end; of many parts; of a hole alone; and one without.
    private func makeFiles(_ folder: String) throws {
        let (block, mega) = (Self.block, 1 << 20)
        try writeSparse("\(folder)/ends", size: 4 * mega, [(mega, block(8192, 0x40)), (3 * mega, block(4096, 0x80))])
        try writeSparse("\(folder)/starts", size: mega + 100, [(0, block(4096, 0xc0)), (mega, block(100, 0x40))])
        try writeSparse("\(folder)/hole", size: 9 * mega + 1, [])
        try writeSparse("\(folder)/many", size: 10 * mega, (0..<150).map { ($0 * 65_536, block(4096, 0x40)) })
        try writeSparse("\(folder)/dense", size: 5000, [(0, block(5000, 0x40))])
        try writeSparse("\(folder)/empty", size: 0, [])
        let long = "\(folder)/" + String(repeating: "n", count: 150)
        try writeSparse(long, size: 2 * mega, [(mega, block(512, 0x80))])
    }

    @Test(arguments: formats)
    func keepsHoles(_ options: [String]) throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeFiles(source)
        let archive = try fixture.output(
            ["tar", "-C", source, "--sort=name", "--sparse"] + options + ["-cf", "-", "."])
        #expect(archive.count < 4 << 20)
        let tree = try fixture.unpack(archive)
        let nanoseconds = options[0] == "--format=posix"
        expectSame(
            try fixture.listing(tree, nanoseconds: nanoseconds), try fixture.listing(source, nanoseconds: nanoseconds))
        for name in try FileManager.default.contentsOfDirectory(atPath: source) {
            #expect(try contents("\(tree)/\(name)") == contents("\(source)/\(name)"), "\(name)")
            // The file system counts a block or two of its own now and then; a hole that was filled is more.
            let blocks = (try fileStat("\(tree)/\(name)").st_blocks, try fileStat("\(source)/\(name)").st_blocks)
            #expect(abs(blocks.0 - blocks.1) <= 32, "\(name): \(blocks)")
        }
    }

    /// Whoever reads an entry without asking for holes gets zeros.
    @Test(arguments: formats)
    func readsHolesAsZeros(_ options: [String]) throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeFiles(source)
        unlink("\(source)/hole")
        let archive = try fixture.output(["tar", "-C", source, "--sparse"] + options + ["-cf", "-", "."])
        let reader = TarReader(MemorySource(archive), limits: ImageLimits())
        var files = 0
        while let entry = try reader.next() {
            guard entry.kind == .file else { continue }
            files += 1
            let name = String(decoding: entry.name, as: UTF8.self)
            let expected = try contents("\(source)/\(name)")
            #expect(entry.size == Int64(expected.count))
            // Some are left half read: the next entry is found all the same.
            if files % 2 == 0 { _ = try reader.read() } else { #expect(try reader.readAll(limit: 1 << 30) == expected) }
        }
        #expect(files == 6)
    }

    // MARK: Hostile maps

    /// GNU's old format; `extended` are blocks after the header.
    private static func old(
        _ parts: [(Int, Int)], size: Int, stored: Int, blocks: [[(Int, Int)]] = [], truncated: Bool = false
    ) -> [UInt8] {
        func put(_ value: Int, _ at: Int, _ length: Int, _ block: inout [UInt8]) {
            let digits = Array(String(value, radix: 8).utf8)
            let text = [UInt8](repeating: 0x30, count: length - 1 - digits.count) + digits + [0]
            block.replaceSubrange(at..<(at + length), with: text)
        }
        func list(_ parts: [(Int, Int)], _ at: Int, _ block: inout [UInt8]) {
            for (index, part) in parts.enumerated() {
                put(part.0, at + index * 24, 12, &block)
                put(part.1, at + index * 24 + 12, 12, &block)
            }
        }
        var header = TarWriter.header(TarWriter.Entry(name: "f", type: "S", size: stored))
        header.replaceSubrange(257..<265, with: Array("ustar  \0".utf8))
        list(parts, 386, &header)
        header[482] = blocks.isEmpty ? 0 : 1
        put(size, 483, 12, &header)
        var out = TarWriter.sealed(header)
        for (index, parts) in blocks.enumerated() {
            var block = [UInt8](repeating: 0, count: 512)
            list(parts, 0, &block)
            block[504] = index + 1 < blocks.count ? 1 : 0
            out += block
        }
        if truncated { return out }
        return out + TarWriter.padded([UInt8](repeating: 0x61, count: stored)) + [UInt8](repeating: 0, count: 1024)
    }

    /// PAX formats: records and the data as they stand.
    private static func pax(_ records: [(String, String)], _ data: [UInt8]) -> [UInt8] {
        TarWriter.archive([
            TarWriter.Entry(name: "f", data: data, pax: records.map { ("GNU.sparse.\($0.0)", Array($0.1.utf8)) })
        ])
    }

    private static func text(_ map: String, _ data: Int, size: Int) -> [UInt8] {
        pax(
            [("major", "1"), ("minor", "0"), ("realsize", "\(size)"), ("name", "f")],
            TarWriter.padded(Array(map.utf8)) + [UInt8](repeating: 0x61, count: data))
    }

    private static let x = [UInt8](repeating: 0x61, count: 512)

    static let good: [[UInt8]] = [
        old([(512, 512)], size: 1024, stored: 512), old([(0, 256), (768, 256)], size: 1024, stored: 512),
        old([(512, 512), (1024, 0)], size: 1024, stored: 512),
        old([(512, 100)], size: 2048, stored: 512, blocks: [[(700, 300)], [(1000, 12), (1012, 12)], [(1024, 88)]]),
        pax([("size", "1024"), ("numblocks", "1"), ("offset", "512"), ("numbytes", "512")], x),
        pax([("size", "1024"), ("map", "512,512")], x), pax([("size", "1024"), ("map", "0,0,512,512,1024,0")], x),
        text("1\n512\n512\n", 512, size: 1024), text("2\n512\n12\n600\n424\n", 436, size: 1024),
    ]

    @Test(arguments: good.indices)
    func takesGoodMaps(_ index: Int) throws {
        let fixture = try LayerFixture()
        let tree = try fixture.unpack(Self.good[index])
        #expect(try fileStat("\(tree)/f").st_size >= 1024)
        #expect(try contents("\(tree)/f").count { $0 == 0x61 } >= 436)
    }

    static let bad: [(archive: [UInt8], expected: String)] = [
        (old([(512, 512), (512, 512)], size: 2048, stored: 1024), "overlap"),
        (old([(1024, 512), (0, 512)], size: 2048, stored: 1024), "overlap"),
        (old([(512, 512)], size: 1000, stored: 512), "outside"), (old([(512, 512)], size: 1024, stored: 100), "covers"),
        (old([(0, 0o777_7777_7777)], size: 0o777_7777_7777, stored: 512), "covers"),
        (old([(512, 512)], size: 1024, stored: 512, blocks: [[]], truncated: true), "truncated"),
        (old([(0, 1)], size: 1024, stored: 512, blocks: [[(1, 1)], [(2, 510), (2, 510)]]), "overlap"),
        (pax([("size", "1024"), ("numblocks", "2"), ("offset", "512"), ("numbytes", "512")], x), "number of parts"),
        (pax([("size", "1024"), ("offset", "512"), ("offset", "513"), ("numbytes", "512")], x), "no length"),
        (pax([("size", "1024"), ("numbytes", "512")], x), "no offset"),
        (pax([("size", "1024"), ("offset", "5")], x), "no length"),
        (pax([("map", "512,512")], x), "size is missing"),
        (pax([("size", "1024"), ("map", "512")], x), "no length"),
        (pax([("size", "1024"), ("map", "a,b")], x), "no number"),
        (pax([("size", "1024"), ("map", "-1,5")], x), "no number"),
        (pax([("size", "-5"), ("map", "0,512")], x), "no number"),
        (pax([("size", "1024"), ("map", "512,512,,")], x), "no number"),
        (pax([("size", "99999999999999999999"), ("map", "0,512")], x), "no number"),
        (pax([("size", "999999999999999999"), ("map", "999999999999999999,999999999999999999")], x), "outside"),
        (pax([("major", "2"), ("size", "5")], x), "not known"),
        (pax([("major", "1"), ("minor", "1")], x), "not known"),
        (pax([("major", "1"), ("minor", "0")], x), "size is missing"),
        (pax([("major", "1"), ("realsize", "5")], []), "longer than the entry"),
        (text("", 0, size: 5), "longer than the entry"), (text("1\n0\n", 512, size: 512), "no number"),
        (text("1\n\n", 512, size: 512), "empty"), (text("x\n", 512, size: 512), "no number"),
        (text("9999999\n", 512, size: 512), "more than 1048576 parts"),
        (text("1\n0\n513\n", 512, size: 512), "outside"), (text("1\n0\n512\n", 512, size: -1), "no number"),
        (text("1234567890123456789\n", 512, size: 512), "too long"),
        (
            TarWriter.archive([.init(name: "d/", type: "5", pax: [("GNU.sparse.size", [0x35])])]), "of no file"
        ),
    ]

    @Test(arguments: bad.indices)
    func refusesBadMaps(_ index: Int) throws {
        let (archive, expected) = Self.bad[index]
        let fixture = try LayerFixture()
        let error = #expect(throws: SwiftletError.self) { try fixture.unpack(archive) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
    }

    @Test func refusesTruncationAnywhere() throws {
        let fixture = try LayerFixture()
        for archive in Self.good {
            let end = archive.count - 1024
            for length in stride(from: 1, to: end, by: 111) {
                let error = #expect(throws: SwiftletError.self) { try fixture.unpack(Array(archive[..<length])) }
                #expect(error?.description.contains("truncated") == true, "\(length): \(error?.description ?? "")")
            }
        }
    }

    // MARK: Sizes

    @Test func countsHolesAgainstTheLayer() throws {
        let fixture = try LayerFixture()
        let tera = 1 << 40
        let error = #expect(throws: SwiftletError.self) {
            try fixture.unpack(Self.pax([("size", "\(tera)"), ("map", "0,512")], Self.x))
        }
        #expect(error?.code == .resourceExhausted && error?.hint?.contains("layer-size") == true)
        let hundred = 100 << 30
        let tree = try fixture.unpack(Self.pax([("size", "\(hundred)"), ("map", "\(hundred - 512),512")], Self.x))
        let status = try fileStat("\(tree)/f")
        #expect(Int(status.st_size) == hundred && status.st_blocks <= 16)
        var limits = ImageLimits()
        limits.layerBytes = 3000
        let entry = TarWriter.Entry(
            name: "a", data: Self.x,
            pax: [("GNU.sparse.size", Array("1024".utf8)), ("GNU.sparse.map", Array("0,512".utf8))])
        var second = entry
        second.name = "b"
        try fixture.unpack(TarWriter.archive([entry, second]), limits: limits)
        #expect(throws: SwiftletError.self) {
            try fixture.unpack(
                TarWriter.archive([entry, second, .file("c", String(repeating: "x", count: 953))]), limits: limits)
        }
    }

    @Test func limitsParts() throws {
        var limits = ImageLimits()
        limits.sparseSegments = 2
        let fixture = try LayerFixture()
        for archive in [
            Self.old([(0, 100), (200, 100), (400, 312)], size: 1024, stored: 512),
            Self.pax([("size", "1024"), ("map", "0,100,200,100,400,312")], Self.x),
            Self.text("3\n0\n100\n200\n100\n400\n312\n", 512, size: 1024),
        ] {
            try fixture.unpack(archive)
            let error = #expect(throws: SwiftletError.self) { try fixture.unpack(archive, limits: limits) }
            #expect(error?.code == .resourceExhausted && error?.hint?.contains("sparse-segments") == true)
        }
    }

    /// A sparse entry of the archive itself is read as zeros: those must come of something.
    @Test func refusesHolesAsABomb() throws {
        var limits = ImageLimits()
        limits.ratioGrace = 1 << 20
        let archive = Self.pax([("size", "\(4 << 20)"), ("map", "0,512")], Self.x)
        let reader = TarReader(MemorySource(archive), limits: limits)
        _ = try reader.next()
        let error = #expect(throws: SwiftletError.self) { while try reader.read().count > 0 {} }
        #expect(error?.code == .resourceExhausted && error?.hint?.contains("compression-ratio") == true)
        let patient = TarReader(MemorySource(archive), limits: ImageLimits())
        _ = try patient.next()
        #expect(try patient.readAll(limit: 1 << 30).count == 4 << 20)
    }
}
