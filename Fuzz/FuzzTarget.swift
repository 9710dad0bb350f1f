import Glibc

/// One entry point for hostile bytes. Whatever they are, `run` returns; a trap, a hang or a broken promise is a find.
protocol FuzzTarget {
    static var name: String { get }
    /// Inputs to begin with, that reach everything.
    static var seeds: [[UInt8]] { get }
    init()
    func run(_ input: UnsafeRawBufferPointer)
}

/// Ends the process, which libFuzzer takes for a find.
func promise(_ holds: Bool, _ what: @autoclosure () -> String) {
    guard !holds else { return }
    fatalError("broken promise: \(what())")
}

/// Ends a run that cannot go on, for no fault of what is tested.
func fail(_ message: String) -> Never {
    let line = Array("swiftlet-fuzz: \(message)\n".utf8)
    write(2, line, line.count)
    exit(2)
}
