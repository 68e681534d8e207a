import CommandSupport
import Files
import Glibc
import OpenSSL

/// Gives the errors of the layers below the form and exit code that a person meets.
func reportingFailures<Result>(_ body: () throws -> Result) throws -> Result {
    do {
        return try body()
    } catch let error as SystemCallError {
        throw CommandFailure(
            error.description, hint: hint(for: error),
            exitCode: error.operation.hasPrefix("create") ? .cannotCreate : .ioError)
    } catch let error as UnusableFile {
        throw CommandFailure(
            "\(error.path) cannot be used", reason: error.reason, hint: error.hint, exitCode: .dataError)
    } catch let error as OpenSSLError {
        throw CommandFailure("OpenSSL: \(error)", exitCode: .ioError)
    }
}

private func hint(for error: SystemCallError) -> String? {
    switch error.code {
    case ENOSPC, EDQUOT: "the disk is full: make room, then run this again; what is half made is put right then"
    case EROFS: "the disk may only be read; see: mount"
    case EACCES, EPERM: "see whose it is: ls -ld \(quoted(error.path)); in a deployment: provision check"
    case ENOTDIR, EISDIR, ELOOP, EINVAL: "something else has that name; what is wrong names: provision check"
    default: nil
    }
}

/// A file that is there but does not hold what it should.
struct UnusableFile: Error, Hashable {
    let path: String
    let reason: String
    let hint: String
}
