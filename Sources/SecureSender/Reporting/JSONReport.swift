import CommandSupport
import FoundationEssentials
import Glibc
import UploadProtocol

/// Tells programs: an event a line, with the fields that docs/sender.md names.
final class JSONReport {
    private let say: (String) -> Void
    private let now: () -> Uptime
    private let time: () -> Int64
    /// When the first byte of a file that is on its way went out.
    private var begun: [String: Uptime] = [:]
    private var bytes: Int64 = 0
    private var start: Uptime

    /// `time`: seconds since 1970.
    init(
        say: @escaping (String) -> Void = { CommandOutput.sayForPrograms($0) }, now: @escaping () -> Uptime = { .now },
        time: @escaping () -> Int64 = { Int64(Glibc.time(nil)) }
    ) {
        self.say = say
        self.now = now
        self.time = time
        start = now()
    }

    func callAsFunction(_ event: SendEvent) {
        guard var line = line(event) else { return }
        line.time = HTTPDate.formatInternet(time())
        say(line.json)
    }

    func callAsFunction(_ finding: CheckFinding) {
        var line = JSONLine("step") { line in
            (line.step, line.outcome, line.hint) = (finding.step.rawValue, finding.outcome.rawValue, finding.hint)
            line.message = finding.words.isEmpty ? nil : finding.words
        }
        line.time = HTTPDate.formatInternet(time())
        say(line.json)
    }

    /// A run that ends before it has told of its files.
    func fail(_ failure: CommandFailure) {
        var line = JSONLine("ended", failure)
        line.time = HTTPDate.formatInternet(time())
        line.status = failure.exitCode.rawValue
        say(line.json)
    }

    private func line(_ event: SendEvent) -> JSONLine? {
        switch event {
        case .started(let files, let bytes, let receiver, let pi):
            start = now()
            self.bytes = 0
            return JSONLine("started") { ($0.files, $0.bytes, $0.receiver, $0.pi) = (files, bytes, receiver, pi.text) }
        case .begun(let path, _, _):
            begun[path.description] = now()
            return nil
        case .reached(let path, let bytes, let size):
            return JSONLine("reached") { ($0.path, $0.bytes, $0.size) = (path.description, bytes, size) }
        case .sent(let path, let receipt, let keptAs):
            bytes += receipt.size
            let began = begun.removeValue(forKey: path.description)
            return JSONLine("sent") { line in
                (line.path, line.size, line.sha256) = (path.description, receipt.size, receipt.sha256)
                (line.result, line.received, line.keptAs) = (receipt.result.rawValue, receipt.received, keptAs)
                line.seconds = began.map { (now() - $0).fraction }
            }
        case .failed(let failure, let file):
            if let file { begun[file] = nil }
            var line = JSONLine("failed", failure)
            line.path = file
            return line
        case .finished(let sent, let waiting, let folder):
            begun = [:]
            return JSONLine("finished") { line in
                (line.sent, line.waiting, line.folder, line.bytes) = (sent, waiting, folder, bytes)
                line.seconds = (now() - start).fraction
            }
        default: return interlude(event)
        }
    }

    private func interlude(_ event: SendEvent) -> JSONLine? {
        switch event {
        case .lookedAgain(let files, let bytes): JSONLine("looked-again") { ($0.files, $0.bytes) = (files, bytes) }
        case .connected(let cipherSuite): JSONLine("connected") { $0.cipherSuite = cipherSuite }
        case .waiting(let silence): JSONLine("waiting") { $0.seconds = silence.fraction }
        case .pausing(let pause, let reason):
            JSONLine("pausing") { ($0.seconds, $0.reason) = (pause.fraction, reason) }
        case .reconnecting(let pause, let reason):
            JSONLine("reconnecting") { ($0.seconds, $0.reason) = (pause.fraction, reason) }
        case .gaveUp(let reason, let files, let pause):
            JSONLine("gave-up") { ($0.files, $0.seconds, $0.reason) = (files, pause.fraction, reason) }
        case .waitingForQuiet(let files, let quietTime):
            JSONLine("waiting-for-quiet") { ($0.files, $0.seconds) = (files, quietTime.fraction) }
        case .beingWritten(let files): JSONLine("being-written") { $0.files = files }
        case .sentFilesRemoved(let files, let bytes):
            JSONLine("sent-files-removed") { ($0.files, $0.bytes) = (files, bytes) }
        case .nothingToSend(let folder): JSONLine("nothing-to-send") { $0.folder = folder }
        case .clockIsWrong(let behind, _): JSONLine("clock") { $0.seconds = Double(behind) }
        case .certificateEnds(let holder, let time, _):
            JSONLine("certificate") { line in
                (line.holder, line.ends) = (holder == .pi ? "pi" : "receiver", HTTPDate.formatInternet(time))
            }
        case .warning(let sentence), .notice(let sentence): JSONLine("notice") { $0.message = sentence }
        default: nil
        }
    }
}

extension Duration {
    /// Seconds, to the millisecond.
    fileprivate var fraction: Double {
        Double(components.seconds) + Double(components.attoseconds / 1_000_000_000_000_000) / 1000
    }
}
