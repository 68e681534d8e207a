import CommandSupport
import Files
import Glibc
import Logging
import OpenSSL
import UploadProtocol
import UploadStore

/// What a receiver does not start without.
enum Prerequisites {
    private static let message = "Error finding files and folders"
    private static let hint =
        "start the receiver in the folder where `provision new-pi` ran, or name them with --ids and --store."

    /// Far more than a lab has Pis; what is larger is not an `ids.txt`.
    private static let mostIdentifierBytes = 64 * 1024 * 1024

    /// A line taken out is refused from the next request on: that is how a Pi is shut out.
    static func identifiers(
        _ path: String, logger: Logger, now: @escaping @Sendable () -> ContinuousClock.Instant = { .now }
    ) throws(CommandFailure) -> WatchedFiles<IdentifierList> {
        do {
            return try WatchedFiles(
                "identifiers", paths: [path], logger: logger,
                load: { earlier in
                    let text = try identifierText(path, isRunning: earlier != nil)
                    let list = Result { try identifiers(in: text, of: path, earlier: earlier) }
                    // Without the end of its last line, there may be more to come.
                    if earlier != nil, text.last != UInt8(ascii: "\n") { throw PerhapsUnfinished(outcome: list) }
                    return try list.get()
                },
                describe: {
                    [
                        "pis": .stringConvertible($0.named.values.count { !$0.isEmpty }),
                        "unnamed": .stringConvertible($0.bare.count),
                    ]
                },
                now: now)
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure(message, reason: "\(error)", hint: hint, exitCode: .configuration)
        }
    }

    private static func identifiers(
        in text: [UInt8], of path: String, earlier: IdentifierList?
    ) throws -> IdentifierList {
        do throws(IdentifierListError) { return try IdentifierList(parsing: text) } catch {
            let failure = CommandFailure(
                "\(path) cannot be used", reason: error.description, hint: remedy(for: error),
                exitCode: .configuration)
            guard let earlier else { throw failure }
            // A typo in one line must not keep in whose line was taken out with the same stroke.
            let kept = earlier.keepingSecrets(in: text)
            throw PartlyUsable(value: kept, isLess: kept.secretCount < earlier.secretCount, reason: failure)
        }
    }

    private static func identifierText(_ path: String, isRunning: Bool) throws(CommandFailure) -> [UInt8] {
        do throws(SystemCallError) { return try readFile(path, limit: mostIdentifierBytes) } catch {
            throw CommandFailure(
                message, reason: "\(error)", hint: isRunning ? "put it back; it is then read by itself." : hint,
                exitCode: .configuration)
        }
    }

    /// Certificate, key and roots change together or not at all; new connections take the new ones. They do not wait for
    /// `ids.txt` nor it for them: a Pi is shut out at once, whatever state a renewal is in.
    static func credentials(
        _ configuration: ReceiverConfiguration, logger: Logger
    ) throws(CommandFailure) -> WatchedFiles<Credentials> {
        let (certificate, key, roots) = (configuration.certificate, configuration.key, configuration.roots)
        do {
            return try WatchedFiles(
                "credentials", paths: [certificate, roots] + (key.map { [$0] } ?? []), logger: logger,
                load: { _ in
                    let credentials = try Credentials(certificateFile: certificate, keyFile: key, rootsFile: roots)
                    credentials.warnOfEnd(logger: logger)
                    credentials.keepCertificate(in: keptCertificates(configuration), logger: logger)
                    return credentials
                },
                describe: {
                    [
                        "certificate": "\($0.fingerprint.hex)",
                        "until": "\($0.certificate.notAfter.map(HTTPDate.formatInternet) ?? "-")",
                    ]
                })
        } catch let failure as CommandFailure {
            throw failure
        } catch {
            throw CommandFailure("\(certificate) cannot be used", reason: "\(error)", exitCode: .configuration)
        }
    }

    private static func keptCertificates(_ configuration: ReceiverConfiguration) -> String {
        "\(directory(of: configuration.certificate))/receiver"
    }

    /// `reading`: told of bytes whenever files are read again, while it opens too.
    static func store(
        _ configuration: ReceiverConfiguration, logger: Logger, reading: @escaping ReadObserver
    ) throws(CommandFailure) -> UploadStore {
        let path = configuration.store
        do throws(StoreError) {
            return try UploadStore(
                opening: path, certificates: keptCertificates(configuration),
                keepingFree: configuration.limits.keptFree, partials: configuration.partials, reading: reading,
                warn: { warn(of: $0, logger: logger) })
        } catch .inUse {
            throw CommandFailure(
                "\(path) cannot be used", reason: "another receiver has it open",
                hint: "stop that one (see `ss -ltnp`), or give each its own folder with --store.",
                exitCode: .configuration)
        } catch .obstructed(let obstacle) {
            throw CommandFailure(
                "\(path) cannot be used",
                reason: "\(obstacle.path) is not the \(obstacle.wanted) that the receiver keeps there",
                hint: "find out whose it is, and move it away; the receiver makes its own anew.",
                exitCode: .configuration)
        } catch {
            throw CommandFailure(message, reason: "\(error)", hint: hint, exitCode: .configuration)
        }
    }

    private static func warn(of warning: StoreWarning, logger: Logger) {
        switch warning {
        case .notesMadeAnew(let folder):
            logger.warning(
                "the store's own folder was changed, and is made anew; uploads in parts may begin anew",
                metadata: ["folder": "\(folder)", "hint": "leave it to the receiver, or stop the receiver first."])
        case .setAside(let path, let newName):
            logger.warning(
                "something else lay where the receiver keeps a file of its own; it was set aside",
                metadata: ["path": "\(path)", "now": "\(newName)", "hint": "move it to where it belongs."])
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
