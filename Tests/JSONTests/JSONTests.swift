import Errors
import JSON
import Testing

@Suite struct JSONTests {
    static let parsed: [(String, JSONValue)] = [
        ("null", JSONValue.null), (" true ", true), ("-0", 0), ("1", 1), ("-9223372036854775808", .int(.min)),
        ("9223372036854775808", .double(9223372036854775808)), ("1.5e3", 1500.0),
        ("\"a\\u00e9\\n\\ud83d\\ude00\"", "aé\n😀"),
        ("[]", []), ("[1,[2]]", [1, [2]]), ("{\"a\":{\"b\":[null]}}", ["a": ["b": [nil]]]),
    ]

    @Test(arguments: parsed)
    func parses(text: String, value: JSONValue) throws {
        #expect(try JSONValue.parse(text) == value)
    }

    @Test(arguments: [
        "", " ", "tru", "01", "1.", "-", "+1", ".5", "1e", "1e999", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\ud800\"",
        "\"\\ud800\\u0041\"", "\"a\nb\"", "[1,]", "[1 2]", "{\"a\"}", "{\"a\":1,}", "{a:1}", "{\"a\":1,\"a\":2}", "1 2",
        "nullx", "NaN",
    ])
    func refuses(text: String) {
        #expect(throws: SwiftletError.self) { try JSONValue.parse(text) }
    }

    @Test func refusesInvalidUTF8() {
        #expect(throws: SwiftletError.self) { try JSONValue.parse([0x22, 0xff, 0x22]) }
        #expect(throws: SwiftletError.self) { try JSONValue.parse([0x22, 0x5c, 0x6e, 0xc0, 0x80, 0x22]) }
    }

    @Test func boundsDepth() throws {
        let deep = { (n: Int) in String(repeating: "[", count: n) + String(repeating: "]", count: n) }
        _ = try JSONValue.parse(deep(128))
        #expect(throws: SwiftletError.self) { try JSONValue.parse(deep(129)) }
        #expect(throws: SwiftletError.self) { try JSONValue.parse(String(repeating: "[", count: 5_000_000)) }
    }

    @Test func writesSortedAndReadsBack() throws {
        let value: JSONValue = ["b": [1, 2.5, "x\"\\\u{1}\u{7f}"], "a": ["z": nil, "y": true], "e": [], "f": [:]]
        #expect(
            value.text()
                == "{\"a\":{\"y\":true,\"z\":null},\"b\":[1,2.5,\"x\\\"\\\\\\u0001\\u007f\"],\"e\":[],\"f\":{}}")
        #expect(try JSONValue.parse(value.text()) == value)
        #expect(try JSONValue.parse(value.text(indent: 2)) == value)
        #expect((["a": [1]] as JSONValue).text(indent: 2) == "{\n  \"a\": [\n    1\n  ]\n}")
    }

    @Test func editsByKey() {
        var value: JSONValue = ["a": 1]
        value["b"] = "x"
        value["a"] = nil
        #expect(value == ["b": "x"])
        #expect(value[path: "b", "c"] == nil)
    }
}
