import Errors
import JSON
import OCI
import Testing

struct DigestTests {
    static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    @Test func hashes() throws {
        #expect(try Digest.of([]).description == "sha256:\(Self.empty)")
        #expect(try Digest.of(Array("abc".utf8), .sha512).hex.hasPrefix("ddaf35a193617abacc417349ae204131"))
    }

    @Test func parses() throws {
        let digest = try Digest(parsing: "sha256:\(Self.empty)")
        #expect(digest.algorithm == .sha256 && digest.hex == Self.empty)
    }

    @Test(arguments: [
        "", "sha256", "sha256:", "sha256:\(empty.dropLast())", "sha256:\(empty)0", "sha256:\(empty.uppercased())",
        "sha256:\(empty.dropLast())g", "sha512:\(empty)", "md5:d41d8cd98f00b204e9800998ecf8427e", "SHA256:\(empty)",
        "sha256:../../../../../../../../../../../../../../../../../../../etc/pass", " sha256:\(empty)",
    ])
    func refuses(_ text: String) {
        #expect(throws: SwiftletError.self) { try Digest(parsing: text) }
    }

    @Test func chains() throws {
        let first = try Digest.of([1])
        let second = try Digest.of([2])
        let chain = try chainIDs([first, second])
        #expect(chain[0] == first)
        #expect(try chain[1] == Digest.of(Array("\(first) \(second)".utf8)))
    }
}

struct PlatformTests {
    @Test(arguments: [
        ("linux/amd64", "linux/amd64"), ("linux/x86_64", "linux/amd64"), ("linux/amd64/v1", "linux/amd64"),
        ("aarch64", "linux/arm64"), ("linux/arm64/v8", "linux/arm64"), ("linux/arm", "linux/arm/v7"),
        ("linux/armhf", "linux/arm/v7"), ("linux/armel", "linux/arm/v6"), ("linux/i686", "linux/386"),
        ("Linux/AMD64/v3", "linux/amd64/v3"), ("linux/s390x", "linux/s390x"),
    ])
    func normalises(_ text: String, _ expected: String) throws {
        #expect(try Platform(parsing: text).description == expected)
    }

    @Test(arguments: ["", "/", "linux/", "linux/amd64/v1/x", "linux/am d64", "linux/\u{1b}[31m"])
    func refuses(_ text: String) {
        #expect(throws: SwiftletError.self) { try Platform(parsing: text) }
    }

    @Test(
        arguments: [
            ("linux/amd64", ["linux/arm64", "linux/386", "linux/amd64"], 2),
            ("linux/amd64", ["linux/386", "linux/arm"], 0),
            ("linux/amd64", ["linux/amd64/v2", "linux/arm64"], nil),
            ("linux/amd64/v3", ["linux/amd64", "linux/amd64/v2"], 1),
            ("linux/arm/v7", ["linux/arm/v5", "linux/arm/v6"], 1),
            ("linux/arm64", ["linux/arm/v6", "linux/arm/v7"], 1),
            ("linux/arm64/v9", ["linux/arm64", "linux/arm64/v8.2"], 1), ("linux/amd64", [], nil),
            ("linux/amd64", ["linux/amd64", "linux/amd64"], 0), ("linux/amd64", ["windows/amd64"], nil),
        ] as [(String, [String], Int?)])
    func matches(_ host: String, _ offered: [String], _ expected: Int?) throws {
        let candidates = try offered.map { try Platform(parsing: $0) }
        #expect(try Platform(parsing: host).bestMatch(among: candidates) == expected)
    }
}

struct ImageReferenceTests {
    static let hex = String(repeating: "a", count: 64)

    @Test(arguments: [
        ("busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("busybox:1.36", "docker.io/library/busybox:1.36", "busybox:1.36"),
        ("team/app", "docker.io/team/app:latest", "team/app:latest"),
        ("docker.io/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("index.docker.io/library/busybox", "docker.io/library/busybox:latest", "busybox:latest"),
        ("localhost/app", "localhost/app:latest", "localhost/app:latest"),
        ("localhost:5000/app:v1", "localhost:5000/app:v1", "localhost:5000/app:v1"),
        ("registry.example/a/b__c/d-e", "registry.example/a/b__c/d-e:latest", "registry.example/a/b__c/d-e:latest"),
        ("docker.io/a.b/c", "docker.io/a.b/c:latest", "docker.io/a.b/c:latest"),
        ("docker.io/localhost/c:1", "docker.io/localhost/c:1", "docker.io/localhost/c:1"),
        ("[::1]:5000/app", "[::1]:5000/app:latest", "[::1]:5000/app:latest"),
        ("app@sha256:\(hex)", "docker.io/library/app@sha256:\(hex)", "app@sha256:\(hex)"),
        ("app:1@sha256:\(hex)", "docker.io/library/app:1@sha256:\(hex)", "app:1@sha256:\(hex)"),
    ])
    func parses(_ text: String, _ canonical: String, _ familiar: String) throws {
        let reference = try ImageReference(parsing: text)
        #expect(reference.canonical == canonical)
        #expect(reference.familiar == familiar)
        #expect(try ImageReference(parsing: canonical) == reference)
    }

    @Test(arguments: [
        "", ":", "app:", ":tag", "App", "a//b", "/app", "app/", "app:.tag", "app:-x", "app@", "app@sha256:12",
        "app:\(String(repeating: "t", count: 129))", hex, "a..b/c/d", "a_-b", "-app", "app-", "a b", "app\u{0}",
        "app\u{1b}[2J", "exa mple.com/app", "example.com:99999999/app", String(repeating: "a/", count: 200) + "b",
        "é", "example.com/a___b",
    ])
    func refuses(_ text: String) {
        #expect(throws: SwiftletError.self) { try ImageReference(parsing: text) }
    }
}
