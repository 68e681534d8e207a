import CommandSupport
import Files
import Glibc
import Logging
import UploadProtocol
import UploadStore

/// What a receiver does not start without.
enum Prerequisites {
    private static let message = "Error finding files and folders"
    private static let hint =
        "start the receiver in the folder where `provision new-pi` ran, or name them with --ids and --store."

    static func identifiers(_ path: String, logger: Logger) throws(CommandFailure) -> IdentifierFile {
        do { return try IdentifierFile(path: path, logger: logger) } catch let error as IdentifierListError {
            throw CommandFailure(
                "\(path) cannot be used", reason: error.description, hint: remedy(for: error), exitCode: .configuration)
        } catch {
            throw CommandFailure(message, reason: "\(error)", hint: hint, exitCode: .configuration)
        }
    }

    static func store(_ path: String) throws(CommandFailure) -> UploadStore {
        do throws(StoreError) { return try UploadStore(opening: path) } catch .inUse {
            throw CommandFailure(
                "\(path) cannot be used", reason: "another receiver has it open",
                hint: "stop that one (see `ss -ltnp`), or give each its own folder with --store.",
                exitCode: .configuration)
        } catch {
            throw CommandFailure(message, reason: "\(error)", hint: hint, exitCode: .configuration)
        }
    }

    private static func remedy(for error: IdentifierListError) -> String {
        let form = "a line is a secret, a space and the Pi's name, as `provision new-pi` writes it."
        return switch error {
        case .tooManyBareSecrets: "write the Pi's name behind each secret, and take out the lines of no Pi; \(form)"
        default: "mend that line; \(form)"
        }
    }
}
