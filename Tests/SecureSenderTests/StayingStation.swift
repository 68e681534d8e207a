import CommandSupport
import Files
import Foundation
import Synchronization
import TestSupport

@testable import SecureSender

extension Station {
    /// Runs a loop in a thread of its own while `body` does something; returns what the loop told and what ended it.
    func loop(
        to port: UInt16, named name: String = "data", interval: Duration = .seconds(1000), watches: Bool = true,
        backOff: ClosedRange<Duration> = .milliseconds(10) ... .seconds(1),
        settings: StationSettings = .quick, onceStopped: @Sendable () -> Void = {},
        while body: @Sendable (@Sendable @escaping () -> [SendEvent]) async throws -> Void
    ) async throws -> RunOutcome {
        let events = Mutex<[SendEvent]>([])
        let ending = Mutex<CommandFailure?>(nil)
        let stop = StopSwitch()
        let thread = Task {
            try await blocking {
                let source = try Folder(opening: folder("data"))
                let identityFolder = IdentityFolder(path: folder("identity"))
                let signal = StopSignal(stop.readEnd)
                let watch = watches ? FolderWatch() : nil
                let report = { (event: SendEvent) in events.withLock { $0.append(event) } }
                let sender = FolderSender(
                    .init(
                        name: folder(name), source: source, sentFolder: try SentFolder.open(nil, for: source),
                        receiver: ReceiverAddress("127.0.0.1", port: port)!),
                    as: try PiIdentity(readingFrom: identityFolder), settings: settings, watch: watch,
                    stop: signal, report: report)
                let loop = StationLoop(
                    sender, identityFolder: identityFolder, interval: interval, backOff: backOff, watch: watch,
                    stop: signal, report: report)
                do throws(CommandFailure) { try loop.run() } catch { ending.withLock { $0 = error } }
                report(.notice("ended"))
            }
        }
        let result: Result<Void, any Error>
        do { result = .success(try await body { events.withLock { $0 } }) } catch { result = .failure(error) }
        stop.stop()
        onceStopped()
        try await thread.value
        try result.get()
        return RunOutcome(status: nil, failure: ending.withLock { $0 }, events: events.withLock { $0 })
    }
}

func waitUntil(_ condition: () throws -> Bool) async throws {
    while try !condition() { try await Task.sleep(for: .milliseconds(5)) }
}

final class SharedCount: Sendable {
    private let count = Mutex(0)

    var value: Int { count.withLock { $0 } }

    func add() { count.withLock { $0 += 1 } }
}

extension Station {
    /// Answers nothing before it is told to; `asked` counts requests.
    func listenReluctantly(asked: SharedCount, isTold: SharedCount) throws -> ScriptedReceiver {
        let answers = answers
        return try listen { connection in
            while true {
                let request = try connection.nextRequest()
                asked.add()
                while isTold.value == 0 { usleep(1000) }
                try connection.send(try answers.receipt(for: request))
            }
        }
    }
}

extension StationSettings {
    static var patientAtEnd: StationSettings {
        var settings = quick
        settings.sender.patienceAtEnd = .seconds(1000)
        return settings
    }
}
