import Errors

extension [UInt8] {
    /// `withUnsafeBytes` that lets a typed error through.
    func withBytes<Result>(_ body: (UnsafeRawBufferPointer) throws(SwiftletError) -> Result) throws(SwiftletError)
        -> Result
    {
        let outcome: Swift.Result<Result, SwiftletError> = withUnsafeBytes { bytes in
            do throws(SwiftletError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }

    /// `withUnsafeMutableBytes` that lets a typed error through.
    mutating func withMutableBytes<Result>(
        _ body: (UnsafeMutableRawBufferPointer) throws(SwiftletError) -> Result
    ) throws(SwiftletError) -> Result {
        let outcome: Swift.Result<Result, SwiftletError> = withUnsafeMutableBytes { bytes in
            do throws(SwiftletError) { return .success(try body(bytes)) } catch { return .failure(error) }
        }
        return try outcome.get()
    }
}
