import Errors
import OCI

/// Image names, digests and platforms. What is taken means the same when it is written out and read again.
final class ReferenceTarget: FuzzTarget {
    static let name = "references"

    static var seeds: [[UInt8]] {
        let digest = "sha256:" + String(repeating: "a", count: 64)
        return [
            "debian", "debian:12", "library/debian", "example.com:5000/team/app:v1.2_3-4", "localhost/x", "a@\(digest)",
            "ghcr.io/a/b__c-d.e:latest@\(digest)", "index.docker.io/library/x", digest,
            String(repeating: "a", count: 64),
            "sha512:" + String(repeating: "0", count: 128), "linux/arm64/v8", "linux/amd64", "[::1]:5000/a", "UPPER/a",
        ].map { Array($0.utf8) }
    }

    init() {}

    func run(_ input: UnsafeRawBufferPointer) {
        let text = String(decoding: input, as: UTF8.self)
        do throws(SwiftletError) { try check(try ImageReference(parsing: text), text) } catch {
            promise(!error.description.utf8.contains(0x1b), "an escape sequence in an error")
        }
        if let digest = try? Digest(parsing: text) { promise(digest.description == text, "\(digest) is not \(text)") }
        if let platform = try? Platform(parsing: text) {
            let again = try? Platform(parsing: platform.description)
            promise(again == platform, "\(platform) reads as \(String(describing: again))")
        }
    }

    private func check(_ name: ImageReference, _ text: String) throws(SwiftletError) {
        for written in [name.canonical, name.familiar] {
            let again: ImageReference
            do throws(SwiftletError) { again = try ImageReference(parsing: written) } catch {
                return promise(false, "\(text) is written as \(written), which is refused: \(error)")
            }
            promise(again == name, "\(text) is written as \(written), which is \(again.canonical)")
        }
        promise(name.canonical.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f }, "not printable: \(name.canonical)")
        promise(name.tag != nil || name.digest != nil, "neither tag nor digest: \(name.canonical)")
    }
}
