import Glibc

// swiftlet-fuzz TARGET [libFuzzer's options and corpus folders], or
// swiftlet-fuzz TARGET --seeds FOLDER
//
// Built by integration/fuzz. The main function is libFuzzer's, which calls these two.

/// The one under test: a callback can hold nothing.
nonisolated(unsafe) private var target: (any FuzzTarget)?

@_cdecl("LLVMFuzzerInitialize")
public func initialize(
    _ count: UnsafeMutablePointer<Int32>,
    _ arguments: UnsafeMutablePointer<UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>>
) -> Int32 {
    let targets: [any FuzzTarget.Type] = [
        TarTarget.self, LayerTarget.self, CompressionTarget.self, DocumentTarget.self, ReferenceTarget.self,
    ]
    let words = (0..<Int(count.pointee)).map { arguments.pointee[$0].map { String(cString: $0) } ?? "" }
    guard words.count > 1, let chosen = targets.first(where: { $0.name == words[1] }) else {
        fail("usage: swiftlet-fuzz \(targets.map { $0.name }.joined(separator: "|")) …")
    }
    if words.count == 4, words[2] == "--seeds" {
        writeSeeds(chosen.seeds, words[3])
        exit(0)
    }
    target = chosen.init()
    // libFuzzer would take the target's name for a corpus.
    for index in 1..<(words.count - 1) { arguments.pointee[index] = arguments.pointee[index + 1] }
    count.pointee -= 1
    return 0
}

@_cdecl("LLVMFuzzerTestOneInput")
public func testOneInput(_ bytes: UnsafePointer<UInt8>?, _ count: Int) -> Int32 {
    target?.run(UnsafeRawBufferPointer(start: bytes, count: count))
    return 0
}

private func writeSeeds(_ seeds: [[UInt8]], _ folder: String) {
    for (index, seed) in seeds.enumerated() {
        guard let file = fopen("\(folder)/seed-\(index)", "w"), fwrite(seed, 1, seed.count, file) == seed.count,
            fclose(file) == 0
        else { fail("cannot write seeds to \(folder)") }
    }
}
