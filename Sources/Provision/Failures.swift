import CommandSupport
import Files
import OpenSSL

/// Gives the errors of the layers below the form and exit code that a person meets.
func reportingFailures<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as SystemCallError {
        throw CommandFailure(
            error.description, exitCode: error.operation.hasPrefix("create") ? .cannotCreate : .ioError)
    } catch let error as UnusableFile {
        throw CommandFailure(
            "\(error.path) cannot be used", reason: error.reason, hint: error.hint, exitCode: .dataError)
    } catch let error as OpenSSLError {
        throw CommandFailure("OpenSSL: \(error)", exitCode: .ioError)
    }
}

/// A file that is there but does not hold what it should.
struct UnusableFile: Error, Hashable {
    let path: String
    let reason: String
    let hint: String
}
