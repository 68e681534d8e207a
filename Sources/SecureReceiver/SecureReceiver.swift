import ArgumentParser
import CommandSupport
import Files
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
            SIGTERM or Ctrl-C ends what is under way, then stops; a second one does not wait. SIGHUP reads \
            the certificates and ids.txt again, which also happens by itself when they change.
            """,
        version: programVersion,
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

    @OptionGroup(title: "Limits")
    var limits: LimitOptions

    @OptionGroup(title: "Uploads in parts")
    var partials: PartialOptions

    @OptionGroup
    var log: LogOptions

    func validate() throws {
        guard (0...65535).contains(port) else { throw ValidationError("--port takes 0 to 65535, not \(port).") }
        if let listen, (try? SocketAddress(ipAddress: listen, port: port)) == nil {
            throw ValidationError("--listen takes an IPv4 or IPv6 address, not \(listen).")
        }
    }

    func run() async throws {
        let signals = await Signals()
        let logWriter = log.start()
        defer { logWriter.flush() }
        let logger = Logger(label: "secure-receiver")
        let service = try ReceiverService(
            receiverConfiguration(), logger: logger, manager: ServiceManager()
        ) { address in
            CommandOutput.say("Listening on \(Self.url(address))")
        }
        let group = ServiceGroup(configuration: .init(services: [.init(service: service)], logger: logger))
        async let _: Void = signals.handle(for: service, in: group)
        try await group.run()
    }

    private func receiverConfiguration() throws -> ReceiverConfiguration {
        guard let cert else { throw ValidationError("Missing expected argument '--cert <file>'") }
        var configuration = ReceiverConfiguration(certificate: cert)
        configuration.key = key
        if let ca { configuration.roots = ca }
        configuration.identifiers = ids
        configuration.store = folder.store
        configuration.address = listen
        configuration.port = port
        configuration.inheritedSocket = try InheritedSocket.find()
        // Each upload under way holds one.
        let budget = DescriptorBudget(descriptors: DescriptorLimit.raise(), eventLoops: System.coreCount)
        configuration.limits = limits.clientLimits(budget)
        configuration.largestFile = limits.maxSize?.bytes
        configuration.resumableAbove = partials.resumableAbove.bytes
        configuration.partials = partials.limits
        configuration.uploadsUnderWay = min(limits.uploads ?? budget.uploads, budget.uploads)
        configuration.syncThreads = budget.syncThreads
        return configuration
    }

    private static func url(_ address: SocketAddress) -> String {
        let host = address.ipAddress ?? "?"
        return "https://\(host.contains(":") ? "[\(host)]" : host):\(address.port ?? 0)"
    }

    static func main() async {
        occupyStandardDescriptors()
        signal(SIGPIPE, SIG_IGN)
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
