import Errors
import Foundation
import Glibc
import LinuxSystem
import Testing

@testable import ImageStore

@Suite(needsRoot)
struct AccessListTests {
    private static let hasBSDTar = isInstalled("bsdtar")

    private func list(_ text: String) throws(SwiftletError) -> AccessControlList? {
        try Array(text.utf8).withUnsafeBytes { bytes in
            Result { () throws(SwiftletError) in try AccessControlList(bytes) }
        }.get()
    }

    /// The kernel's form, as hexadecimal.
    private func attribute(_ text: String) throws -> String? {
        try list(text)?.attribute.map { String(format: "%02x", $0) }.joined()
    }

    @Test func encodes() throws {
        let expected =
            "02000000" + "01000600ffffffff" + "0200040001000000" + "02000600e8030000" + "04000400ffffffff"
            + "080005003c000000" + "10000700ffffffff" + "20000400ffffffff"
        for text in [
            "user::rw-,user:1:r--,user:1000:rw-,group::r--,group:60:r-x,mask::rwx,other::r--",
            "user::rw-\nuser:1000:rw-\nuser:1:r--\ngroup::r--\ngroup:60:r-x\nmask::rwx\nother::r--\n",
            "user::rw-,group::r--,other::r--,user:daemon:r--:1,user:x y:rw-:1000,group:games:r-x:60,mask::rwx",
            "u::rw-, u:1:r--, u:1000:rw-\t#effective:r--\n# a comment\ng::r--,g:60:r-x,m:rwx,o:r--",
        ] {
            #expect(try attribute(text) == expected, "\(text)")
        }
        #expect(try attribute("user::rw-,group::r--,other::r--") == nil)
        #expect(try list("user::rw-,user:root:r--,group::r--,mask::r--,other::---")?.isResolved == true)
        #expect(try list("user::rw-,user:joe:r--,group::r--,mask::r--,other::---")?.isResolved == false)
    }

    @Test(arguments: [
        "", "user::rw-", "user::rw-,group::r--", "user::rw-,user::r--,group::r--,other::r--",
        "user::rw-,user:5:r--,group::r--,other::r--", "user::rwz,group::r--,other::r--", "x::rw-,group::r--,other::r--",
        "user::rw-,group::r--,other:5:r--", "user::rw-,group::r--,mask:1:r--,other::r--", "user", "user::rw-:1:2:3",
        "user::rw-,user:a:r--:x,group::r--,mask::r--,other::r--",
        "user::rw-,user:a:r--:4294967295,group::r--,mask::r--,other::r--",
    ])
    func refuses(_ text: String) throws {
        let error = #expect(throws: SwiftletError.self) { try list(text) }
        #expect(error?.message.contains("access control list") == true)
    }

    @Test func refusesTooMany() throws {
        let users = (0..<600).map { "user:\($0):r--" }.joined(separator: ",")
        #expect(throws: SwiftletError.self) { try list("user::rw-,group::r--,mask::r--,other::r--,\(users)") }
    }

    // MARK: Whole layers

    /// A folder with lists on files and folders, some by numbers that this machine has no names for.
    private func makeTree(_ folder: String, users: [UInt32]) throws {
        try run("sh", "-ec", "cd \(folder); mkdir -p d/sub etc; echo x >f; echo y >d/g; mkfifo p; echo z >plain")
        func set(_ path: String, _ attribute: [UInt8]) throws {
            let named = users.map { "user:\($0):rw-,group:\($0):r--" }.joined(separator: ",")
            let value = try #require(try list("user::rwx,\(named),group::r-x,mask::rwx,other::--x")?.attribute)
            try Directory(path: folder).setExtendedAttribute(FileName(path), FileName(attribute), value)
        }
        for path in ["f", "d", "p", "d/g"] { try set(path, AccessControlList.accessName) }
        for path in ["d", "."] { try set(path, AccessControlList.defaultName) }
    }

    @Test(arguments: ["tar --acls --format=posix", "bsdtar --acls --format=pax"])
    func keepsListsByNumber(_ command: String) throws {
        let words = command.split(separator: " ").map(String.init)
        guard isInstalled(words[0]) else { return }
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeTree(source, users: [47_110, 2_000_000_000])
        let archive = try fixture.output(words + ["-C", source, "-cf", "-", "."])
        let tree = try fixture.unpack(archive)
        expectSame(try fixture.listing(tree), try fixture.listing(source))
        let name = FileName(AccessControlList.defaultName)
        let expected = try Directory(path: source).descriptor.extendedAttribute(name)
        #expect(try Directory(path: tree).descriptor.extendedAttribute(name) == expected && expected != nil)
    }

    /// GNU tar writes names; the image says whose they are, here others than on this machine.
    @Test func resolvesNamesInTheImage() throws {
        let fixture = try LayerFixture()
        let source = try fixture.folder()
        try makeTree(source, users: [1, 2])
        func write(_ name: String, _ text: String) throws {
            try text.write(toFile: "\(source)/etc/\(name)", atomically: false, encoding: .utf8)
        }
        let archive = try fixture.tar(source, "--acls", "--format=posix")
        // Nobody knows them: neither the layer nor, once they are known, the layers below.
        let alone = #expect(throws: SwiftletError.self) { try fixture.unpack(archive) }
        #expect(alone.map(LayerApplier.needsLowers) == true)
        let below = try fixture.folder()
        let unknown = #expect(throws: SwiftletError.self) { try fixture.unpack(archive, below: [below]) }
        #expect(unknown?.description.contains("\"daemon\"") == true && unknown?.hint?.contains("bsdtar") == true)
        // The layers below know them.
        try run(
            "sh", "-ec",
            "mkdir \(below)/etc; cd \(below)/etc; printf 'root:x:0:0::/:\\nbin:x:72:72::/:\\ndaemon:x:71:71::/:\\n' >passwd; printf 'daemon:x:81:\\nbin:x:82:\\n' >group"
        )
        func values(_ tree: String) throws -> [String] {
            try ["f", "d", "p"].map { name in
                let pairs = try Directory(path: tree).extendedAttributes(FileName(name))
                return "\(pairs.map { "\($0.0.text) \($0.1)" }.sorted())"
            }
        }
        let other = try fixture.folder()
        try makeTree(other, users: [71, 72])
        func moved(_ text: String) -> String {
            // Groups 71 and 72 of that tree are 81 and 82 here.
            text.replacingOccurrences(of: "8, 0, 4, 0, 71", with: "8, 0, 4, 0, 81")
                .replacingOccurrences(of: "8, 0, 4, 0, 72", with: "8, 0, 4, 0, 82")
        }
        let expected = try values(other).map(moved)
        #expect(try values(try fixture.unpack(archive, below: [below])) == expected)
        // The layer itself knows them, in a file that comes after those that name them.
        try run(
            "sh", "-ec", "cp \(below)/etc/* \(source)/etc/; mv \(source)/etc \(source)/zetc; ln -s zetc \(source)/etc")
        let whole = try fixture.tar(source, "--acls", "--format=posix")
        #expect(try values(try fixture.unpack(whole)) == expected)
    }

    /// What a folder's list gives new files must not reach files that the archive says something else of.
    @Test func doesNotSpreadDefaults() throws {
        let fixture = try LayerFixture()
        let defaults = Array("user::rwx,user:7:rwx,group::r-x,mask::rwx,other::r-x".utf8)
        let tree = try fixture.unpack(
            TarWriter.archive([
                .init(name: "d/", type: "5", mode: 0o750, pax: [("SCHILY.acl.default", defaults)]), .file("d/one"),
                .file("other"), .file("d/two"), .directory("d/three/"), .file("d/four/five"), .file("other"),
                .file("d/six"),
            ]))
        let folder = try Directory(path: tree)
        for name in ["d/one", "d/two", "d/three", "d/four", "d/four/five", "d/six"] {
            #expect(try folder.extendedAttributes(FileName(name)).isEmpty, "\(name)")
        }
        #expect(try folder.extendedAttributes("d").map(\.0.text) == ["system.posix_acl_default"])
        #expect(try fileStat("\(tree)/d").st_mode & 0o7777 == 0o750)
        #expect(try fileStat("\(tree)/d").st_mtim.tv_sec == 1_700_000_000)
    }
}
