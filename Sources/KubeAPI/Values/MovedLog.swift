/// What became of a container's log that may have grown too large.
public enum MovedLog: Sendable, Equatable {
    /// It is small enough.
    case stays
    case moved(to: String)
    /// There is no file of its name: the container writes to none, or to one that was moved before.
    case absent
}
