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

func hint(for error: SystemCallError) -> String? {
    switch error.code {
    case ENOSPC, EDQUOT:
        "the disk is full (see df -h .): make room, then run this again; what is half made is put right then"
    case EROFS: "the disk may only be read; see: mount"
    case EACCES, EPERM: "see whose it is: ls -ld \(placesToSee(error.path)); in a deployment: provision check"
    case ENOTDIR, EISDIR, ELOOP, EINVAL: "something else has that name; what is wrong names: provision check"
    case ENOENT where getcwd(nil, 0) == nil:
        "the folder in which you are has been removed: change to another, or once more to its name"
    case ENOENT: "see what is there: ls -la \(placesToSee(error.path))"
    case EEXIST: "something else has that name, see ls -ld \(quoted(error.path)); move it away"
    case EMFILE, ENFILE: "too few files may be open at once: ulimit -n 1024, then run this again"
    case EFBIG: "such a file is never that large, see ls -l \(quoted(error.path)): is it the right one?"
    default: nil
    }
}

/// The folder, where that decides, and the file if it is there.
private func placesToSee(_ path: String) -> String {
    let isThere = ((try? fileStatus(path)) ?? nil) != nil
    var folder = directory(of: path)
    while folder != ".", folder != "/", ((try? fileStatus(folder)) ?? nil) == nil { folder = directory(of: folder) }
    return isThere ? "\(quoted(folder)) \(quoted(path))" : quoted(folder)
}

/// A file that is there but does not hold what it should.
struct UnusableFile: Error, Hashable {
    let path: String
    let reason: String
    let hint: String
}
