import CLinux
import Errors
import Glibc

/// The result of a system call, or the error it left in errno with the call's and the object's name.
@discardableResult
public func check<Result: FixedWidthInteger & SignedInteger>(
    _ result: Result, _ call: String, _ object: @autoclosure () -> String = ""
) throws(SwiftletError) -> Result {
    guard result < 0 else { return result }
    throw systemError(swl_errno(), call, object())
}

/// As `check`, calling again while the call is interrupted by a signal.
@discardableResult
public func retrying<Result: FixedWidthInteger & SignedInteger>(
    _ call: String, _ object: @autoclosure () -> String = "", _ body: () -> Result
) throws(SwiftletError) -> Result {
    while true {
        let result = body()
        if result < 0, swl_errno() == EINTR { continue }
        return try check(result, call, object())
    }
}

/// The error for an errno: the code is the nearest word of CRI's.
public func systemError(_ number: Int32, _ call: String, _ object: String = "") -> SwiftletError {
    let code: SwiftletError.Code =
        switch number {
        case ENOENT, ESRCH, ENODEV, ENXIO: .notFound
        case EEXIST: .alreadyExists
        case EPERM, EACCES, EROFS: .permissionDenied
        case EINVAL, ENAMETOOLONG, ELOOP, ENOTDIR, EISDIR: .invalidArgument
        case ENOMEM, ENOSPC, EMFILE, ENFILE, EDQUOT, EAGAIN: .resourceExhausted
        case ENOSYS, EOPNOTSUPP: .unimplemented
        case ETIMEDOUT: .deadlineExceeded
        case EINTR, ECANCELED: .cancelled
        case ECONNREFUSED, EPIPE, ECONNRESET: .unavailable
        default: .unknown
        }
    return SwiftletError(code, errorText(number), operation: call, object: printable(object), errno: number)
}

/// The C library's words for an errno.
public func errorText(_ number: Int32) -> String {
    guard let text = strerror(number) else { return "error \(number)" }
    return String(cString: text)
}

/// errno as the last call left it.
public func lastError() -> Int32 { swl_errno() }
