import COpenSSL

/// A call into OpenSSL that failed: what was being done, and every reason OpenSSL gave, outermost first.
package struct OpenSSLError: Error, Hashable, Sendable, CustomStringConvertible {
    package let operation: String
    package let reasons: [String]

    package init(operation: String, reasons: [String]) {
        self.operation = operation
        self.reasons = reasons
    }

    package var description: String {
        reasons.isEmpty ? "\(operation) failed" : "\(operation) failed: \(reasons.joined(separator: "; "))"
    }
}

extension OpenSSLError {
    /// Empties this thread's error queue into a plain value. To be called where the call failed: the queue is shared
    /// by all that runs on the thread, so what stays in it is taken for somebody else's failure.
    static func fromQueue(_ operation: String) -> OpenSSLError {
        var reasons: [String] = []
        var code = ERR_get_error()
        while code != 0 {
            reasons.append(ERR_reason_error_string(code).map { String(cString: $0) } ?? "error \(code)")
            code = ERR_get_error()
        }
        return OpenSSLError(operation: operation, reasons: reasons.reversed())
    }
}

/// For the calls that return a pointer or null.
func unwrap<Pointer>(_ pointer: Pointer?, _ operation: @autoclosure () -> String) throws(OpenSSLError) -> Pointer {
    guard let pointer else { throw OpenSSLError.fromQueue(operation()) }
    return pointer
}

/// For the calls that return 1 when all is well.
func check(_ result: Int32, _ operation: @autoclosure () -> String) throws(OpenSSLError) {
    guard result == 1 else { throw OpenSSLError.fromQueue(operation()) }
}
