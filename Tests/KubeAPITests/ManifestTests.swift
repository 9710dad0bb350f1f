import Errors
import JSON
import Testing

@testable import KubeAPI

@Suite struct ManifestTests {
    private func objects(_ text: String) throws -> [ManifestObject] {
        try Manifest.objects(text.utf8, source: "test.yaml")
    }

    static let scalars: [(String, JSONValue)] = [
        ("yes", true), ("\"yes\"", "yes"), ("off", false), ("~", .null), ("", .null), ("1", 1), ("-1", -1),
        ("0644", 420), ("0x1f", 31), ("0b11", 3),
        ("1_000", 1000), ("1.5", 1.5), ("1e3", 1000.0), ("1.2.3", "1.2.3"), ("64Mi", "64Mi"),
        ("2026-01-01", "2026-01-01"), ("'1'", "1"),
        ("!!str 1", "1"), (".5", 0.5), ("089", 89.0), ("9223372036854775807", .int(.max)),
        ("[a, {b: 1}]", ["a", ["b": 1]]), ("|\n  a\n  b", "a\nb\n"),
    ]

    @Test(arguments: scalars)
    func typesScalars(text: String, value: JSONValue) throws {
        #expect(try YAMLReader.documents("a: \(text)\n").first?.value["a"] ?? .null == value)
    }

    @Test func readsSeveralDocuments() throws {
        let found = try objects(
            "---\napiVersion: v1\nkind: Pod\nmetadata: {name: a}\n---\n# nothing\n---\napiVersion: v1\nkind: Namespace\nmetadata: {name: b}\n"
        )
        #expect(found.map(\.name) == ["a", "b"])
        #expect(found.map(\.document) == [1, 3])
    }

    @Test func readsJSONAndLists() throws {
        #expect(
            try objects("{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"a\"}}").map(\.name) == ["a"])
        let list =
            "apiVersion: v1\nkind: List\nitems:\n- {apiVersion: v1, kind: Pod, metadata: {name: a}}\n- {apiVersion: v1, kind: Pod, metadata: {name: b}}\n"
        #expect(try objects(list).map(\.name) == ["a", "b"])
    }

    @Test func mergesKeys() throws {
        let text = "base: &b {x: 1, w: 1}\nz: {<<: *b, w: 2}\n"
        let value = try #require(try YAMLReader.documents(text).first?.value)
        #expect(value["z"] == ["x": 1, "w": 2], "\(value)")
    }

    static let broken: [(String, String)] = [
        ("a: [1\n", "line"), ("a: 1\na: 2\n", "stands twice"), ("a: 1\nb:\n  c: 1\n c: 2\n", "line 4"),
        ("kind: Pod\n", "apiVersion is not set"), ("- 1\n", "expected an object"),
        ("a: *x\n", "undefined alias"), ("\tkind: Pod\n", "line 1"), ("{\"a\":1,\"a\":2}", "stands twice"),
        ("? [a]\n: 1\n", "a key must be a word"),
        ("apiVersion: v1\nkind: Pod\n---\na: b: c\n", "document 2"),
    ]

    @Test(arguments: broken)
    func namesWhatIsWrong(text: String, expected: String) {
        let error = #expect(throws: SwiftletError.self) { try objects(text) }
        #expect(error?.description.contains(expected) == true, "\(error?.description ?? "")")
        #expect(error?.description.contains("test.yaml") == true)
    }

    @Test func boundsBombs() {
        var laughs = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
        for level in 1..<12 {
            laughs +=
                "a\(level): &a\(level) [" + Array(repeating: "*a\(level - 1)", count: 10).joined(separator: ",") + "]\n"
        }
        #expect(throws: SwiftletError.self) { try objects(laughs) }
        #expect(throws: SwiftletError.self) { try objects(laughs + "? *a11\n: 1\n") }
        #expect(throws: SwiftletError.self) { try objects(laughs + "{*a11 : 1}\n") }
        #expect(throws: SwiftletError.self) { try objects(String(repeating: "[", count: 100_000)) }
        #expect(throws: SwiftletError.self) {
            try objects("a: " + String(repeating: "[", count: 500) + String(repeating: "]", count: 500))
        }
        #expect(throws: SwiftletError.self) { try objects(String(repeating: "- ", count: 100_000)) }
        #expect(throws: SwiftletError.self) { try objects(String(repeating: "x", count: Manifest.maxBytes + 1)) }
        #expect(throws: SwiftletError.self) { try Manifest.objects([0x61, 0xff], source: "x") }
    }

    @Test func takesAMegabyte() throws {
        let text =
            "apiVersion: v1\nkind: Pod\nmetadata:\n  name: big\n  annotations:\n"
            + (0..<20_000).map { "    k\($0): \(String(repeating: "v", count: 40))\n" }.joined()
        #expect(text.utf8.count > 1 << 20)
        #expect(try objects(text).count == 1)
    }
}

@Suite struct SelectorTests {
    static let labels: [(String, [String: String], Bool)] = [
        ("", [:], true), ("a=b", ["a": "b"], true), ("a==b", ["a": "c"], false), ("a!=b", [:], true),
        ("a!=b", ["a": "b"], false), ("a", ["a": ""], true),
        ("!a", [:], true), ("!a", ["a": "x"], false), ("a in (b, c)", ["a": "c"], true), ("a in (b,c)", [:], false),
        ("a notin (b)", [:], true),
        ("a notin (b)", ["a": "b"], false), ("a=b,c=d", ["a": "b"], false), (" a = b , !c ", ["a": "b"], true),
        ("a=", ["a": ""], true), ("x.io/a=b", ["x.io/a": "b"], true),
    ]

    @Test(arguments: labels)
    func label(text: String, labels: [String: String], matches: Bool) throws {
        #expect(try LabelSelector(text).matches(labels) == matches)
    }

    @Test(arguments: ["=b", "a in b", "a in (b", "a=b c", "a b", ",", "a,", "a=b=c", "-a=b", "a=!"])
    func refusesLabel(text: String) { #expect(throws: SwiftletError.self) { try LabelSelector(text) } }

    static let pod: JSONValue = [
        "metadata": ["name": "p", "namespace": "n"], "status": ["phase": "Running"], "spec": ["nodeName": "x"],
    ]
    static let fields: [(String, Bool)] = [
        ("", true), ("metadata.name=p", true), ("metadata.name==q", false), ("status.phase!=Running", false),
        ("status.phase=Running,spec.nodeName=x", true),
        ("spec.hostNetwork=false", true), ("status.podIP=", true),
    ]

    @Test(arguments: fields)
    func field(text: String, matches: Bool) throws {
        #expect(try FieldSelector(text, kind: "Pod").matches(Self.pod) == matches)
    }

    @Test(arguments: ["spec.image=x", "metadata.name", "a=b"])
    func refusesField(text: String) { #expect(throws: SwiftletError.self) { try FieldSelector(text, kind: "Pod") } }
}
