import ArgumentParser
import CommandSupport
import Glibc
import Logging
import NIOCore
import ServiceLifecycle
import UnixSignals

@main
struct SecureReceiver: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "secure-receiver",
        abstract: "Receives the files of the lab's Pis, stores them durably and answers with signed receipts.",
        usage: """
            secure-receiver --cert <file> [<option> ...]
            secure-receiver <subcommand>
            """,
        discussion: """
            Start it in the folder where `provision new-pi` ran:

              $ secure-receiver --cert certs/server.pem
              Listening on https://[::]:3500

            Files arrive in received_files/<pi>/, each with its sha256 and receipt beside it. \
            SIGTERM or Ctrl-C ends what is under way, then stops.
            """,
        subcommands: [Verify.self])

    // Not optional in truth: `verify` does without.
    @Option(help: ArgumentHelp("Certificate chain, and its key unless --key is given (PEM).", valueName: "file"))
    var cert: String?

    @Option(help: ArgumentHelp("Private key (PEM). Default: in the file of --cert.", valueName: "file"))
    var key: String?

    @Option(help: ArgumentHelp("The lab's root certificates (PEM). Default: ca.pem beside --cert.", valueName: "file"))
    var ca: String?

    @Option(help: ArgumentHelp("The Pis' secrets; read again when it changes.", valueName: "file"))
    var ids = "ids.txt"

    @OptionGroup var folder: StoreFolder

    @Option(
        help: ArgumentHelp("The address to listen on. Default: every address, IPv6 and IPv4.", valueName: "address"))
    var listen: String?

    @Option(help: "The port to listen on; 0 takes a free one.")
    var port = 3500

    @Option(help: ArgumentHelp("The largest file to take. Default: whatever there is room for.", valueName: "bytes"))
    var maxSize: Int64?

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port takes 0 to 65535, not \(port).") }
        if let listen, (try? SocketAddress(ipAddress: listen, port: port)) == nil {
            throw ValidationError("--listen takes an IPv4 or IPv6 address, not \(listen).")
        }
        if let maxSize, maxSize < 0 { throw ValidationError("--max-size takes a number of bytes, not \(maxSize).") }
    }

    func run() async throws {
        LoggingSystem.bootstrap(StreamLogHandler.standardError)
        let logger = Logger(label: "secure-receiver")
        let service = try ReceiverService(configuration(), logger: logger) { address in
            CommandOutput.say("Listening on \(Self.url(address))")
        }
        let group = ServiceGroup(
            configuration: .init(
                services: [.init(service: service)], gracefulShutdownSignals: [.sigterm, .sigint], logger: logger))
        try await group.run()
    }

    private func configuration() throws -> ReceiverConfiguration {
        guard let cert else { throw ValidationError("Missing expected argument '--cert <file>'") }
        var configuration = ReceiverConfiguration(certificate: cert)
        configuration.key = key
        if let ca { configuration.roots = ca }
        configuration.identifiers = ids
        configuration.store = folder.store
        configuration.address = listen
        configuration.port = port
        configuration.largestFile = maxSize
        configuration.uploadsUnderWay = max(16, DescriptorLimit.raise() / 4)
        return configuration
    }

    private static func url(_ address: SocketAddress) -> String {
        let host = address.ipAddress ?? "?"
        return "https://\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }

    static func main() async {
        occupyStandardDescriptors()
        do {
            var command = try parseAsRoot()
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch let failure as CommandFailure {
            CommandOutput.complain(failure)
            Glibc.exit(failure.exitCode.rawValue)
        } catch {
            exit(withError: error)
        }
    }
}
