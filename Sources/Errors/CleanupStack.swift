/// The undo steps of an operation of several steps: each step that takes something pushes the step that gives it back.
/// On failure `unwind` runs them last to first and adds to the error what could not be undone; on success `disarm`
/// forgets them.
public struct CleanupStack: ~Copyable {
    private var steps: [(name: String, undo: () throws -> Void)] = []

    public init() {}

    /// `name` says what is undone, for the note left when undoing fails: `remove directory /run/…`.
    public mutating func push(_ name: String, _ undo: @escaping () throws -> Void) {
        steps.append((name, undo))
    }

    public mutating func disarm() { steps.removeAll() }

    /// Runs every step, whatever the others do, and returns `error` with a note for each that failed.
    public mutating func unwind(_ error: any Error) -> SwiftletError {
        var result = SwiftletError.wrapping(error)
        while let step = steps.popLast() {
            do { try step.undo() } catch {
                result.notes.append("\(step.name) failed: \(SwiftletError.wrapping(error).message)")
            }
        }
        return result
    }
}
