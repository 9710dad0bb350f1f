import Errors
import Foundation
import JSON
import Testing

@testable import Streaming

@Suite struct WireTests {
    @Test func base64BothWays() {
        for text in ["", "f", "fo", "foo", "foob", "fooba", "foobar"] {
            let encoded = Base64.encode(Array(text.utf8))
            #expect(String(decoding: encoded, as: UTF8.self) == Data(text.utf8).base64EncodedString())
            #expect(Base64.decode(encoded) == Array(text.utf8))
        }
        for bad in ["a", "ab", "abc", "====", "ab=c", "a===", "ab!=", "Zh==", "YWJj\n"] {
            #expect(Base64.decode(Array(bad.utf8)) == nil, "\(bad)")
        }
    }

    /// The examples of FIPS 180 and lengths about the block's.
    @Test func sha1() {
        func hex(_ text: String) -> String {
            SHA1.digest(Array(text.utf8)).map { String(format: "%02x", $0) }.joined()
        }
        #expect(hex("abc") == "a9993e364706816aba3e25717850c26c9cd0d89d")
        #expect(hex("") == "da39a3ee5e6b4b0d3255bfef95601890afd80709")
        #expect(
            hex("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")
                == "84983e441c3bd26ebaae4aa1f95129e5e54670f1")
        #expect(hex(String(repeating: "a", count: 64)) == "0098ba824b5c16427bd7a1122a5a442a25ec644d")
    }

    @Test(arguments: StreamProtocol.allCases) func messagesBothWays(version: StreamProtocol) throws {
        let long = (0..<70_000).map { UInt8(truncatingIfNeeded: $0) }
        let payloads = StreamMessage.data(.stdout, long).payloads(version)
        #expect(payloads.count == 3)
        var back: [UInt8] = []
        for payload in payloads {
            guard case .data(.stdout, let bytes)? = try StreamMessage(payload: payload, version) else {
                Issue.record("not stdout")
                return
            }
            back += bytes
        }
        #expect(back == long)
        #expect(StreamMessage.close(.stdin).payloads(version) == (version == .v5 ? [[255, 0]] : []))
    }

    @Test(
        arguments: [
            ([9, 1], StreamProtocol.v5), ([255], .v5), ([255, 7], .v5), ([255, 0, 0], .v5), ([255, 0], .v4),
            ([0], .v4Base64), (Array("0!!!!".utf8), .v4Base64), (Array("7QUJD".utf8), .v4Base64),
        ] as [([UInt8], StreamProtocol)])
    func refusesBadMessages(payload: [UInt8], version: StreamProtocol) {
        #expect(throws: SwiftletError.self) { try StreamMessage(payload: payload, version) }
    }

    @Test func statusAsKubernetesWritesIt() throws {
        #expect(
            StreamResult.exit(3).json
                == (try JSONValue.parse(
                    """
                    {"kind":"Status","apiVersion":"v1","metadata":{},"status":"Failure","reason":"NonZeroExitCode",
                     "message":"command terminated with non-zero exit code: exit status 3",
                     "details":{"causes":[{"reason":"ExitCode","message":"3"}]}}
                    """)))
        #expect(StreamResult(json: ["status": "Success"]) == .success)
        guard case .failure = StreamResult(json: .null) else {
            Issue.record("nothing is no success")
            return
        }
    }
}
