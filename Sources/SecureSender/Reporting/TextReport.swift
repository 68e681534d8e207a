import CommandSupport
import UploadProtocol

/// Tells people: on a terminal with a bar that moves, in a log with a line now and then.
final class TextReport {
    /// Where lines go.
    struct Output {
        var say: (String) -> Void = { CommandOutput.say($0) }
        var complain: (String) -> Void = { CommandOutput.complain($0) }
        /// `nil` if there is no terminal to draw on.
        var draw: ((String) -> Void)?
        var erase: () -> Void = {}
        var width: () -> Int = { 80 }

        static var terminal: Output {
            Output(
                draw: { Terminal.draw($0) }, erase: { Terminal.erase() }, width: { Terminal.width })
        }
    }

    /// Up to so many files each has its line; of more, five thousand lines help nobody.
    static let mostListed = 20
    private static let shortestRedraw: Duration = .milliseconds(100)
    /// A run that is over sooner needs no bar.
    private static let barAfter: Duration = .milliseconds(500)

    private let verbosity: ReportOptions.Verbosity?
    private let showsProgress: Bool
    private let output: Output
    private let now: () -> Uptime
    private let words: EventWords

    private var progress: Progress
    private var pace: ProgressPace
    private var start: Uptime
    private var lastDrawn: Uptime?
    private var isListed = true
    private var file: String?

    init(_ options: ReportOptions, output: Output, now: @escaping () -> Uptime = { .now }) {
        verbosity = options.verbosity
        showsProgress = !options.noProgress && options.verbosity != .quiet
        self.output = output
        self.now = now
        words = EventWords(verbosity: options.verbosity)
        start = now()
        progress = Progress(total: .init(files: 0, bytes: nil), at: start)
        pace = ProgressPace(from: start)
    }

    func callAsFunction(_ event: SendEvent) {
        take(event)
        for line in words.lines(event, isListed: isListed || verbosity == .verbose) {
            hideBar()
            switch line {
            case .output(let text): output.say(text)
            case .error(let text): output.complain(text)
            }
        }
        showProgress()
    }

    /// Leaves the terminal to others.
    func end() {
        hideBar()
    }

    private func take(_ event: SendEvent) {
        let time = now()
        switch event {
        case .started(let files, let bytes, _, _):
            start = time
            progress = Progress(total: .init(files: files, bytes: bytes), at: time)
            pace = ProgressPace(from: time)
            isListed = files <= Self.mostListed
        case .lookedAgain(let files, let bytes):
            progress.left(files: files, bytes: bytes)
        case .begun(let path, _, _):
            file = path.description
        case .hashing(let path, _, _):
            progress.wait("reading \(path.name)")
        case .reached(let path, let bytes, _):
            file = path.description
            progress.reach(bytes, of: path.description, at: time)
        case .sent(let path, let receipt, _):
            progress.finish(path.description, size: receipt.size, at: time)
        case .failed(_, let file?):
            progress.fail(file)
        case .waiting(let silence) where silence >= .seconds(5):
            progress.wait("waiting for the receiver")
        case .pausing, .reconnecting:
            progress.wait("trying again soon")
        case .finished:
            hideBar()
            progress = Progress(total: .init(files: 0, bytes: nil), at: time)
        default:
            break
        }
    }

    private func showProgress() {
        guard showsProgress, progress.total.files > 0 else { return }
        let time = now()
        guard let draw = output.draw else {
            if pace.isDue(progress, at: time) { output.say("  \(ProgressLine.words(progress, at: time))") }
            return
        }
        guard time - start >= Self.barAfter, lastDrawn.map({ time - $0 >= Self.shortestRedraw }) ?? true else { return }
        lastDrawn = time
        draw(ProgressLine.bar(progress, file: file, at: time, width: output.width()))
    }

    private func hideBar() {
        guard lastDrawn != nil else { return }
        lastDrawn = nil
        output.erase()
    }
}
