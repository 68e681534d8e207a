import Glibc

/// A system call that failed: what was being done, to which path, and why.
package struct SystemCallError: Error, Hashable, Sendable, CustomStringConvertible {
    /// A verb, as in "cannot open".
    package let operation: String
    package let path: String
    /// errno(3).
    package let code: Int32

    package init(_ operation: String, _ path: String, code: Int32 = errno) {
        self.operation = operation
        self.path = path
        self.code = code
    }

    package var reason: String { String(cString: strerror(code)) }

    package var description: String { "cannot \(operation) \(path): \(reason)" }
}
